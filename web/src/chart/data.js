// What of an answer goes into a chart: columns by their kind, a chart that suits them, and the points.
import { isNumeric } from '../rows.js';

export const KINDS = [['line', 'Line'], ['bar', 'Bars'], ['area', 'Area'], ['scatter', 'Scatter'], ['histogram', 'Histogram'], ['pie', 'Pie']];
const MOST_ROWS = 200_000;
const MOST_SLICES = 9;
export const MOST_SERIES = 8;

export const kindOf = (type) => (isNumeric(type) ? 'number' : /^(date|timestamp)/.test(type) ? 'time' : type === 'bool' || /text|char|uuid|bpchar|name/.test(type) ? 'word' : 'other');

// A time in PostgreSQL's notation, as milliseconds.
export const timeOf = (text) => (text === null ? NaN : Date.parse(/[zZ]|[+-]\d\d(:?\d\d)?$/.test(text.slice(10)) ? text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00') : `${text.replace(' ', 'T')}${text.length > 10 ? 'Z' : ''}`));

// The chart that one would have drawn by hand: times make lines, words make bars, two measures a scatter, one alone a histogram.
export function suggest(columns, rows) {
  const kinds = columns.map((column) => kindOf(column.type));
  const of = (kind) => kinds.flatMap((other, index) => (other === kind ? [index] : []));
  const numbers = of('number'), times = of('time'), words = of('word');
  if (numbers.length === 0) return { kind: 'bar', x: words[0] ?? times[0] ?? 0, y: [], series: -1 };
  if (times.length) {
    const series = words.length && numbers.length === 1 ? words[0] : -1;
    return { kind: 'line', x: times[0], y: numbers.slice(0, series < 0 ? 3 : 1), series };
  }
  if (words.length) return { kind: 'bar', x: words[0], y: [numbers[0]], series: words.length > 1 && numbers.length === 1 && rows.count > 3 ? words[1] : -1 };
  if (numbers.length === 1) return { kind: rows.count > 12 ? 'histogram' : 'bar', x: numbers[0], y: [numbers[0]], series: -1 };
  const sorted = isRising(rows, numbers[0]);
  return { kind: sorted && rows.count <= 2000 ? 'line' : 'scatter', x: numbers[0], y: numbers.slice(1, sorted ? 4 : 2), series: -1 };
}

function isRising(rows, column) {
  let last = -Infinity;
  for (let row = 0; row < Math.min(rows.count, 500); row++) {
    const value = Number(rows.at(row)[column] ?? NaN);
    if (!(value > last)) return false;
    last = value;
  }
  return rows.count > 2;
}

const numberOf = (text) => (text === null ? NaN : Number(text));

// {points: [{x, y, label}], ...} by the series' names; x is a number, a time, or the place of a category.
export function seriesOf(answer, chart) {
  const { columns, rows } = answer;
  const limit = Math.min(rows.count, MOST_ROWS);
  const xKind = kindOf(columns[chart.x].type);
  const categorical = chart.kind === 'bar' || chart.kind === 'pie' || xKind === 'word' || xKind === 'other';
  const categories = new Map();
  const series = new Map();
  const measures = chart.y.length ? chart.y : [-1]; // -1 counts rows
  for (let row = 0; row < limit; row++) {
    const cells = rows.at(row);
    const label = cells[chart.x] ?? 'NULL';
    let x = xKind === 'time' ? timeOf(cells[chart.x]) : numberOf(cells[chart.x]);
    if (categorical) {
      if (!categories.has(label)) categories.set(label, categories.size);
      x = categories.get(label);
    }
    if (Number.isNaN(x)) continue;
    for (const measure of measures) {
      const name = chart.series >= 0 ? (cells[chart.series] ?? 'NULL') : measure < 0 ? 'rows' : columns[measure].name;
      const y = measure < 0 ? 1 : numberOf(cells[measure]);
      if (Number.isNaN(y)) continue;
      if (!series.has(name)) series.set(name, { name, points: [], byX: categorical ? new Map() : null });
      const into = series.get(name);
      if (into.byX?.has(x)) into.byX.get(x).y += y;
      else {
        const point = { x, y, label };
        into.points.push(point);
        into.byX?.set(x, point);
      }
    }
  }
  const all = [...series.values()];
  const size = (one) => one.points.reduce((sum, point) => sum + Math.abs(point.y), 0);
  const kept = all.length > MOST_SERIES ? all.sort((a, b) => size(b) - size(a)).slice(0, MOST_SERIES) : all;
  if (!categorical) for (const one of kept) one.points.sort((a, b) => a.x - b.x);
  return { series: kept, left: all.length - kept.length, categories: [...categories.keys()], categorical, xKind: categorical ? 'word' : xKind, cut: rows.count > limit };
}

// The largest categories, in the order they came: more bars cannot be told apart. `more` says how many are left out.
export function largest(data, most) {
  if (data.categories.length <= most) return data;
  const total = new Float64Array(data.categories.length);
  for (const one of data.series) for (const point of one.points) total[point.x] += Math.abs(point.y);
  const chosen = [...total.keys()].sort((a, b) => total[b] - total[a]).slice(0, most).sort((a, b) => a - b);
  const placeOf = new Map(chosen.map((old, place) => [old, place]));
  const series = data.series.map((one) => ({ ...one, points: one.points.filter((point) => placeOf.has(point.x)).map((point) => ({ ...point, x: placeOf.get(point.x) })) }));
  return { ...data, series, categories: chosen.map((old) => data.categories[old]), more: data.categories.length - chosen.length };
}

export function slices(data) {
  const points = (data.series[0]?.points ?? []).filter((point) => point.y > 0).sort((a, b) => b.y - a.y);
  const shown = points.slice(0, points.length > MOST_SLICES ? MOST_SLICES - 1 : MOST_SLICES);
  const rest = points.slice(shown.length).reduce((sum, point) => sum + point.y, 0);
  return rest > 0 ? [...shown, { label: `others (${points.length - shown.length})`, y: rest, rest: true }] : shown;
}

export function binsOf(answer, column) {
  const time = kindOf(answer.columns[column].type) === 'time';
  const values = [];
  for (let row = 0; row < Math.min(answer.rows.count, MOST_ROWS * 5); row++) {
    const text = answer.rows.cell(row, column);
    const value = time ? timeOf(text) : numberOf(text);
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length === 0) return { bins: [], time };
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const whole = !time && values.every(Number.isInteger);
  let wanted = Math.max(5, Math.min(50, Math.ceil(Math.log2(values.length) + 1) * 2));
  let width = (high - low) / wanted || 1;
  if (whole) width = Math.max(1, Math.ceil(width));
  wanted = Math.max(1, Math.floor((high - low) / width) + 1);
  const bins = Array.from({ length: wanted }, (_, index) => ({ low: low + index * width, high: low + (index + 1) * width, count: 0 }));
  for (const value of values) bins[Math.min(wanted - 1, Math.floor((value - low) / width))].count++;
  return { bins, time, whole };
}
