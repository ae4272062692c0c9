const secondsPerMinute = 60;
const minutesPerHour = 60;
const hoursPerDay = 24;
const daysPerYear = 365;

/** A duration for people, with two or three significant figures (apimachinery pkg/util/duration HumanDuration). */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  // Clocks of two machines may differ by a second.
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * secondsPerMinute) return `${seconds}s`;
  const minutes = Math.trunc(seconds / secondsPerMinute);
  if (minutes < 10) return pair(minutes, 'm', seconds % secondsPerMinute, 's');
  if (minutes < 3 * minutesPerHour) return `${minutes}m`;
  const hours = Math.trunc(minutes / minutesPerHour);
  if (hours < 8) return pair(hours, 'h', minutes % minutesPerHour, 'm');
  if (hours < 2 * hoursPerDay) return `${hours}h`;
  const days = Math.trunc(hours / hoursPerDay);
  if (days < 8) return pair(days, 'd', hours % hoursPerDay, 'h');
  if (days < 2 * daysPerYear) return `${days}d`;
  const years = Math.trunc(days / daysPerYear);
  return years < 8 ? pair(years, 'y', days % daysPerYear, 'd') : `${years}y`;
}

/** How long ago a timestamp of the API was; '<unknown>' when there is none. */
export function humanAge(timestamp: string | undefined | null, now: number): string {
  return timestamp ? humanDuration(now - Date.parse(timestamp)) : '<unknown>';
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
