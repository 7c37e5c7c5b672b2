// Charts of an answer, in SVG: line, bars, area, scatter, histogram, pie. Chosen from the column types, and adjustable.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { count, short } from '../format.js';
import { changeTab } from '../query/tabs.js';
import { binsOf, KINDS, kindOf, largest, MOST_SERIES, seriesOf, slices, suggest } from './data.js';
import { extent, linear, niceTicks, timeTicks } from './scale.js';

const MARGIN = { top: 12, right: 16, bottom: 34, left: 56 };
const colour = (index) => `var(--series-${(index % MOST_SERIES) + 1})`;
const figure = (value) => (Math.abs(value) >= 1e15 ? value.toExponential(3) : value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 10 ? 4 : 2 }));

function useSize() {
  const element = useRef(null);
  const [size, setSize] = useState(null);
  useEffect(() => {
    const measure = () => setSize({ width: Math.max(200, element.current.clientWidth), height: Math.max(180, element.current.clientHeight) });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, size];
}

function YAxis({ ticks, y, width, left }) {
  return ticks.map((tick) => (
    <g key={tick}>
      <line class="gridline" x1={left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
      <text x={left - 8} y={y(tick) + 4} text-anchor="end">{short(tick)}</text>
    </g>
  ));
}

const clipText = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function XAxis({ ticks, x, label, height, width, left, turned }) {
  const base = height - MARGIN.bottom;
  return (
    <>
      <line class="axis" x1={left} x2={width - MARGIN.right} y1={base} y2={base} />
      {ticks.map((tick) => (turned
        ? <text key={tick} transform={`translate(${x(tick) + 4},${base + 12}) rotate(-40)`} text-anchor="end">{clipText(label(tick), 16)}</text>
        : <text key={tick} x={x(tick)} y={base + 18} text-anchor="middle">{clipText(label(tick), 18)}</text>))}
    </>
  );
}

const pathOf = (points, x, y) => points.map((point, index) => `${index ? 'L' : 'M'}${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join('');

// A line of more points than pixels: the lowest and highest of each pixel tell the same.
function thinned(points, width) {
  if (points.length < width * 3) return points;
  const per = Math.ceil(points.length / width);
  const kept = [];
  for (let from = 0; from < points.length; from += per) {
    const group = points.slice(from, from + per);
    let low = group[0], high = group[0];
    for (const point of group) {
      if (point.y < low.y) low = point;
      if (point.y > high.y) high = point;
    }
    kept.push(...(low.x <= high.x ? [low, high] : [high, low]));
  }
  return kept;
}

function Plot({ data, kind, size, onHover, base }) {
  const { width, height } = size;
  const turned = data.categorical && data.categories.length * 74 > width - MARGIN.left;
  const bottom = MARGIN.bottom + (turned ? 42 : 0);
  const inner = { ...size, height: height - (bottom - MARGIN.bottom) };
  const ys = data.series.flatMap((one) => one.points.map((point) => point.y));
  const [low, high] = extent(ys, kind !== 'scatter' && kind !== 'line' ? true : extent(ys)[0] > 0 && extent(ys)[0] < extent(ys)[1] * 0.5);
  const yTicks = niceTicks(low, high);
  const y = linear(Math.min(low, yTicks[0]), Math.max(high + (high - low) * 0.04, yTicks.at(-1)), inner.height - MARGIN.bottom, MARGIN.top);
  const left = Math.max(40, 16 + 7 * Math.max(...yTicks.map((tick) => short(tick).length)));
  const right = width - MARGIN.right;
  let x, ticks, label, band = 0;
  if (data.categorical) {
    band = (right - left) / Math.max(1, data.categories.length);
    x = (at) => left + band * (at + 0.5);
    const every = Math.max(1, Math.ceil((turned ? 22 : 74) / band));
    ticks = data.categories.map((_, index) => index).filter((index) => index % every === 0);
    label = (at) => data.categories[at];
  } else {
    const [from, to] = extent(data.series.flatMap((one) => one.points.map((point) => point.x)));
    x = linear(from, to, left + 6, right - 6);
    const made = data.xKind === 'time' ? timeTicks(from, to, Math.max(2, Math.floor(width / 110))) : { ticks: niceTicks(from, to, Math.max(2, Math.floor(width / 90))), label: short };
    ticks = made.ticks;
    label = made.label;
  }
  const zero = y(Math.max(low, Math.min(high, 0)));
  const many = data.series.length;
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={base}>
      <YAxis ticks={yTicks} y={y} width={width} left={left} />
      <XAxis ticks={ticks} x={x} label={label} height={inner.height} width={width} left={left} turned={turned} />
      {data.series.map((one, index) => {
        if (kind === 'bar')
          return one.points.map((point) => {
            const thick = Math.max(1, (band * 0.78) / many);
            const top = y(point.y);
            return <rect key={`${index}.${point.x}`} x={x(point.x) - (band * 0.78) / 2 + thick * index} width={Math.max(0.8, thick - (many > 1 ? 1 : 0))} y={Math.min(top, zero)} height={Math.max(0.5, Math.abs(zero - top))} rx={Math.min(2, thick / 4)}
              fill={colour(index)} onPointerMove={(event) => onHover(event, one, point)} onPointerLeave={() => onHover(null)} />;
          });
        if (kind === 'scatter')
          return one.points.slice(0, 20_000).map((point, at) => <circle key={`${index}.${at}`} cx={x(point.x)} cy={y(point.y)} r={one.points.length > 2000 ? 1.6 : 3.2} fill={colour(index)} fill-opacity=".62" onPointerMove={(event) => onHover(event, one, point)} onPointerLeave={() => onHover(null)} />);
        const points = thinned(one.points, width);
        const line = pathOf(points, x, y);
        return (
          <g key={index}>
            {kind === 'area' && points.length > 0 && <path d={`${line}L${x(points.at(-1).x).toFixed(1)},${zero}L${x(points[0].x).toFixed(1)},${zero}Z`} fill={colour(index)} fill-opacity=".22" />}
            <path d={line} fill="none" stroke={colour(index)} stroke-width="2" stroke-linejoin="round" />
            {points.length <= 400 && points.map((point, at) => (
              <circle key={at} cx={x(point.x)} cy={y(point.y)} r={points.length > 60 ? 5 : 3} fill={points.length > 60 ? 'transparent' : colour(index)} onPointerMove={(event) => onHover(event, one, point)} onPointerLeave={() => onHover(null)} />
            ))}
          </g>
        );
      })}
    </svg>
  );
}

function Pie({ parts, size, onHover, base }) {
  const { width, height } = size;
  const radius = Math.max(40, Math.min(width * 0.3, height / 2 - 14));
  const total = parts.reduce((sum, part) => sum + part.y, 0);
  const cx = width * 0.36, cy = height / 2;
  let turn = -Math.PI / 2;
  const at = (angle, r) => `${(cx + Math.cos(angle) * r).toFixed(2)},${(cy + Math.sin(angle) * r).toFixed(2)}`;
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={base}>
      {parts.map((part, index) => {
        const from = turn, share = part.y / total;
        turn += share * 2 * Math.PI;
        const to = Math.min(turn, from + 2 * Math.PI - 1e-4);
        const large = to - from > Math.PI ? 1 : 0;
        const inner = radius * 0.56;
        return <path key={part.label} d={`M${at(from, radius)}A${radius},${radius} 0 ${large} 1 ${at(to, radius)}L${at(to, inner)}A${inner},${inner} 0 ${large} 0 ${at(from, inner)}Z`}
          fill={part.rest ? 'var(--line-strong)' : colour(index)} stroke="var(--surface)" stroke-width="1.5" onPointerMove={(event) => onHover(event, { name: part.label }, part)} onPointerLeave={() => onHover(null)} />;
      })}
      {parts.map((part, index) => (
        <g key={part.label} transform={`translate(${cx + radius + 24},${cy - parts.length * 10 + index * 20 + 4})`}>
          <rect width="10" height="10" rx="2" fill={part.rest ? 'var(--line-strong)' : colour(index)} />
          <text x="16" y="9">{`${clipText(part.label, 22)} · ${((100 * part.y) / total).toFixed(1)} %`}</text>
        </g>
      ))}
    </svg>
  );
}

function Histogram({ found, size, onHover, base }) {
  const { width, height } = size;
  const most = Math.max(1, ...found.bins.map((bin) => bin.count));
  const ticks = niceTicks(0, most);
  const y = linear(0, most, height - MARGIN.bottom, MARGIN.top);
  const left = MARGIN.left;
  const [low, high] = [found.bins[0].low, found.bins.at(-1).high];
  const x = linear(low, high, left, width - MARGIN.right);
  const axis = found.time ? timeTicks(low, high) : { ticks: niceTicks(low, high, 8), label: short };
  const words = (value) => (found.time ? new Date(value).toISOString().slice(0, 16).replace('T', ' ') : figure(value));
  return (
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={base}>
      <YAxis ticks={ticks} y={y} width={width} left={left} />
      <XAxis ticks={axis.ticks} x={x} label={axis.label} height={height} width={width} left={left} />
      {found.bins.map((bin) => (
        <rect key={bin.low} x={x(bin.low) + 0.5} width={Math.max(0.5, x(bin.high) - x(bin.low) - 1)} y={y(bin.count)} height={y(0) - y(bin.count)} fill={colour(0)}
          onPointerMove={(event) => onHover(event, { name: `${words(bin.low)} to ${words(bin.high)}` }, { y: bin.count, label: '' })} onPointerLeave={() => onHover(null)} />
      ))}
    </svg>
  );
}

function Controls({ columns, chart, onChange }) {
  const numbers = columns.flatMap((column, index) => (kindOf(column.type) === 'number' ? [index] : []));
  const single = chart.kind === 'pie' || chart.kind === 'histogram';
  const options = (indexes) => indexes.map((index) => <option key={index} value={index}>{columns[index].name}</option>);
  const all = columns.map((_, index) => index);
  return (
    <div class="chart-controls">
      <div class="kinds" role="group" aria-label="Kind of chart">
        {KINDS.map(([kind, name]) => <button key={kind} type="button" aria-pressed={chart.kind === kind} onClick={() => onChange({ kind })}>{name}</button>)}
      </div>
      <label class="field"><span>{chart.kind === 'histogram' ? 'Values' : chart.kind === 'pie' ? 'Slices' : 'Across'}</span>
        <select value={chart.x} onChange={(event) => onChange({ x: Number(event.currentTarget.value) })}>{options(all)}</select></label>
      {chart.kind !== 'histogram' && (
        <label class="field"><span>Measure</span>
          <select value={chart.y[0] ?? -1} onChange={(event) => onChange({ y: Number(event.currentTarget.value) < 0 ? [] : [Number(event.currentTarget.value), ...chart.y.slice(1).filter((index) => index !== Number(event.currentTarget.value))] })}>
            <option value={-1}>count of rows</option>{options(numbers)}
          </select></label>
      )}
      {!single && chart.series < 0 && numbers.length > 1 && (
        <fieldset class="field plain"><legend>Beside it</legend>
          {numbers.filter((index) => index !== chart.y[0] && index !== chart.x).slice(0, 12).map((index) => (
            <label key={index}><input type="checkbox" checked={chart.y.includes(index)} onChange={(event) => onChange({ y: event.currentTarget.checked ? [...chart.y, index] : chart.y.filter((other) => other !== index) })} /> {columns[index].name}</label>
          ))}
        </fieldset>
      )}
      {!single && (
        <label class="field"><span>Split by</span>
          <select value={chart.series} onChange={(event) => onChange({ series: Number(event.currentTarget.value), y: chart.y.slice(0, 1) })}>
            <option value={-1}>nothing</option>{options(all.filter((index) => index !== chart.x && !chart.y.includes(index)))}
          </select></label>
      )}
    </div>
  );
}

const nameOf = (columns, chart) => {
  const kind = KINDS.find(([name]) => name === chart.kind)[1];
  const measures = chart.y.length ? chart.y.map((index) => columns[index].name).join(', ') : 'count of rows';
  return chart.kind === 'histogram' ? `Histogram of ${columns[chart.x].name}` : `${kind}: ${measures} by ${columns[chart.x].name}${chart.series >= 0 ? `, split by ${columns[chart.series].name}` : ''}`;
};

// A choice that was made for another answer's columns is not this one's.
const fits = (chart, columns) => chart && chart.names === columns.map((column) => column.name).join('\0');

export function ChartView({ answer, tab, version }) {
  const { columns, rows } = answer;
  const chart = fits(tab.chart, columns) ? tab.chart : suggest(columns, rows);
  const [frame, size] = useSize();
  const [tip, setTip] = useState(null);
  const done = answer.partial ? Math.floor(version / 5) : 'all';
  const prepared = useMemo(() => {
    if (chart.kind === 'histogram') return { found: binsOf(answer, chart.x) };
    const data = seriesOf(answer, chart);
    if (chart.kind === 'pie') return { parts: slices(data), data };
    return { data: data.categorical ? largest(data, chart.kind === 'bar' ? 60 : 400) : data };
  }, [answer.id, done, JSON.stringify(chart)]);
  const onChange = (change) => changeTab(tab.id, { chart: { ...chart, ...change, names: columns.map((column) => column.name).join('\0') } });
  const onHover = (event, one, point) => {
    if (!event) return setTip(null);
    const box = frame.current.getBoundingClientRect();
    setTip({ x: event.clientX - box.left, y: event.clientY - box.top, head: point.label && point.label !== one.name ? `${point.label} · ${one.name}` : one.name, value: figure(point.y) });
  };
  const base = nameOf(columns, chart);
  const { data, parts, found } = prepared;
  const empty = found ? found.bins.length === 0 : parts ? parts.length === 0 : data.series.every((one) => one.points.length === 0);
  return (
    <div class="chart-view">
      <div class="chart-main">
        {data && !parts && data.series.length > 1 && <ul class="legend">{data.series.map((one, index) => <li key={one.name}><span class="swatch" style={{ background: colour(index) }} />{clipText(one.name, 28)}</li>)}{data.left > 0 && <li>and {count(data.left)} more</li>}</ul>}
        <div class="chart" ref={frame}>
          {empty && <p class="empty">Nothing here can be drawn so. Choose another measure, or another kind of chart.</p>}
          {size && !empty && found && <Histogram found={found} size={size} onHover={onHover} base={base} />}
          {size && !empty && parts && <Pie parts={parts} size={size} onHover={onHover} base={base} />}
          {size && !empty && data && !parts && <Plot data={data} kind={chart.kind} size={size} onHover={onHover} base={base} />}
          {tip && <p class="chart-tip" style={{ left: `${Math.min(tip.x + 12, (size?.width ?? 300) - 130)}px`, top: `${Math.max(0, tip.y - 34)}px` }}>{tip.head} <strong>{tip.value}</strong></p>}
        </div>
        {data?.more > 0 && <p class="facts">The largest are drawn; {count(data.more)} more are not.</p>}
        {data?.cut && <p class="facts">The first 200,000 rows are drawn.</p>}
      </div>
      <Controls columns={columns} chart={chart} onChange={onChange} />
    </div>
  );
}
