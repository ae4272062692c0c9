import { live } from '../state.ts';
import { bytes, percent } from '../text/format.ts';
import { t } from '../text/text.ts';
import { chartPath } from './chart.ts';
import { Section } from './panel.tsx';
/** CPU and memory since the page was opened, at most five minutes. */
export function Metrics({ id }: { id: string }) {
  const series = live().history.of(id) ?? live().history.of(live().ways.processOfThread.get(id)?.id ?? '');
  if (!series || series.atMs.length < 2) return null;
  const limit = live().containers.get(id)?.use?.memoryLimitBytes;
  return (
    <Section title={t('lastMinutes')}>
      <div class="charts">
        <Chart name={t('cpu')} times={series.atMs} values={series.cpu} least={0.02} text={percent} />
        <Chart
          name={t('memory')}
          times={series.atMs}
          values={series.memoryBytes}
          least={limit ?? 1 << 20}
          text={bytes}
        />
      </div>
    </Section>
  );
}

interface ChartProps {
  name: string;
  times: number[];
  values: number[];
  /** The top of the chart is at least this. */
  least: number;
  text: (value: number) => string;
}

const size = { width: 180, height: 48 };

function Chart({ name, times, values, least, text }: ChartProps) {
  const top = Math.max(least, ...values) * 1.05;
  const { line, area } = chartPath(times, values, top, size);
  const now = values.at(-1) ?? 0;
  return (
    <figure>
      <figcaption>
        {name} <b>{text(now)}</b>
      </figcaption>
      <svg
        viewBox={`0 0 ${size.width} ${size.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name} ${text(now)}`}
      >
        <path class="area" d={area} />
        <path class="curve" d={line} />
      </svg>
    </figure>
  );
}
