// Scales and ticks for charts: from values to pixels, and which values to write at an axis.

export function niceTicks(low, high, wanted = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) ticks.push(Number((at * step).toPrecision(12)));
  return ticks;
}

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];

// Times are in milliseconds, UTC as the server writes them.
export function timeTicks(low, high, wanted = 6) {
  const rough = (high - low) / wanted;
  const step = STEPS.find((size) => size >= rough);
  const ticks = [];
  if (step) {
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(at);
    return { ticks, label: (time) => timeLabel(time, step) };
  }
  const months = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200].find((size) => size * 30.4 * DAY >= rough) ?? 2400;
  const start = new Date(low);
  let month = Math.ceil((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months;
  for (; ; month += months) {
    const time = new Date(0).setUTCFullYear(Math.floor(month / 12), month % 12, 1);
    if (time > high) break;
    if (time >= low) ticks.push(time);
  }
  return { ticks, label: (time) => (months >= 12 ? new Date(time).toISOString().slice(0, 4) : new Date(time).toLocaleDateString('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' })) };
}

function timeLabel(time, step) {
  const text = new Date(time).toISOString();
  if (step < MINUTE) return text.slice(11, 19);
  if (step < DAY) return text.slice(11, 16) === '00:00' ? text.slice(5, 10) : text.slice(11, 16);
  return text.slice(0, 10);
}

export const linear = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

// The range of values, with zero where lengths are compared.
export function extent(values, withZero) {
  let low = Infinity, high = -Infinity;
  for (const value of values)
    if (Number.isFinite(value)) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  if (low > high) return [0, 1];
  if (withZero) {
    low = Math.min(0, low);
    high = Math.max(0, high);
  }
  if (low === high) return withZero ? [Math.min(0, low), Math.max(1, high)] : [low - 1, high + 1];
  return [low, high];
}
