import type { SurveyService } from './describe-services.ts';

/** Services that are the same thing many times: containers of one image. */
export function alike(services: SurveyService[]): SurveyService[][] {
  const groups = new Map<string, SurveyService[]>();
  for (const service of services) {
    const key = service.container
      ? `${service.name} ${service.container.runtime} ${service.container.image} ${service.command}`
      : service.id;
    groups.set(key, [...(groups.get(key) ?? []), service]);
  }
  return [...groups.values()];
}
