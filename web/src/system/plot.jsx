// Small live charts: the last minutes of a figure.
import { short } from '../format.js';

const WIDTH = 320, HEIGHT = 104, LEFT = 34, BOTTOM = 14;
const path = (points, x, y) => points.map((point, index) => `${index ? 'L' : 'M'}${x(point.at).toFixed(1)},${y(point.value).toFixed(1)}`).join('');

export function Plot({ title, series, unit = short, span = 300_000, most, least = 1 }) {
  const now = Math.max(0, ...series.flatMap((one) => one.points.map((point) => point.at)));
  const shown = series.map((one) => ({ ...one, points: one.points.filter((point) => point.at > now - span && point.value != null) }));
  const high = most ?? Math.max(least, ...shown.flatMap((one) => one.points.map((point) => point.value))) * 1.12;
  const from = Math.max(now - span, Math.min(now - 20_000, ...shown.flatMap((one) => one.points.map((point) => point.at))));
  const x = (at) => LEFT + ((at - from) / Math.max(1, now - from)) * (WIDTH - LEFT);
  const y = (value) => HEIGHT - BOTTOM - (Math.min(value, high) / high) * (HEIGHT - BOTTOM - 6);
  const last = shown.map((one) => one.points.at(-1)?.value).filter((value) => value != null);
  return (
    <section class="card plot">
      <h3>{title} {shown.length < 2 && <strong>{last.length ? unit(last[0]) : '–'}</strong>}</h3>
      {shown.length > 1 && <ul class="legend">{shown.map((one, index) => <li key={one.name}><span class="swatch" style={{ background: `var(--series-${(index % 8) + 1})` }} />{one.name} <strong>{one.points.length ? unit(one.points.at(-1).value) : '–'}</strong></li>)}</ul>}
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${title}, the last minutes`}>
        {[0, 0.5, 1].map((share) => {
          const value = (high / (most ? 1 : 1.12)) * share;
          return <g key={share}><line x1={LEFT} x2={WIDTH} y1={y(value)} y2={y(value)} stroke="var(--line)" /><text x={LEFT - 5} y={y(value) + 3.5} text-anchor="end">{unit(value)}</text></g>;
        })}
        {shown.map((one, index) => one.points.length > 1 && (
          <g key={one.name ?? index}>
            {shown.length === 1 && <path d={`${path(one.points, x, y)}L${x(one.points.at(-1).at).toFixed(1)},${y(0)}L${x(one.points[0].at).toFixed(1)},${y(0)}Z`} fill="var(--series-1)" fill-opacity=".14" />}
            <path d={path(one.points, x, y)} fill="none" stroke={`var(--series-${(index % 8) + 1})`} stroke-width="1.8" stroke-linejoin="round" />
          </g>
        ))}
        <text x={LEFT} y={HEIGHT - 1}>{`${Math.round((now - from) / 1000)} s ago`}</text><text x={WIDTH} y={HEIGHT - 1} text-anchor="end">now</text>
      </svg>
    </section>
  );
}

export const Sparkline = ({ points, label }) => <div style={{ maxWidth: '24rem' }}><Plot title={label} series={[{ points }]} /></div>;
