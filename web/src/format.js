// Figures for people.
export const milliseconds = (ms) =>
  ms == null ? '–' : ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : ms < 1000 ? `${ms.toFixed(ms < 10 ? 2 : 1)} ms` : `${(ms / 1000).toFixed(2)} s`;

export const count = (value) => (value == null || value < 0 ? '–' : Math.round(value).toLocaleString('en-US'));

// 3.4 M; 120 k
export function short(value) {
  if (value == null || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  for (const [unit, name] of [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e4, ' k']])
    if (size >= unit) return `${trimmed(value / (name === ' k' ? 1e3 : unit), 3)}${name}`;
  return size >= 1000 ? Math.round(value).toLocaleString('en-US') : trimmed(value, size >= 100 ? 0 : 3);
}
const trimmed = (value, digits) => String(digits ? Number(value.toPrecision(digits)) : Math.round(value));

export function bytes(value) {
  if (value == null || value < 0) return '–';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(unit && value < 10 ? 1 : 0)} ${units[unit]}`;
}

export const percent = (share) => (share === 0 ? '0 %' : share < 0.001 ? '< 0.1 %' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export function ago(time) {
  const seconds = (Date.now() - new Date(time).getTime()) / 1000;
  if (!(seconds >= 0)) return new Date(time).toLocaleString();
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

export const duration = (seconds) => {
  if (seconds == null) return '–';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
};
