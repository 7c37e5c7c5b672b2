// Prometheus' text as numbers, and rates over several processes: each request is answered by one process of the pool, so the
// samples of each are kept apart, and what they do is added up.

export function readMetrics(text) {
  const samples = new Map();
  for (const line of text.split('\n')) {
    if (!line || line[0] === '#') continue;
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
    if (!samples.has(found[1])) samples.set(found[1], []);
    samples.get(found[1]).push({ labels, value: Number(found[3]) });
  }
  return samples;
}

export const sumOf = (samples, name, matches = () => true) => (samples.get(name) ?? []).filter((sample) => matches(sample.labels)).reduce((sum, sample) => sum + sample.value, 0);

// Cumulative buckets {le: count} of a histogram.
export function bucketsOf(samples, name, matches = () => true) {
  const buckets = new Map();
  for (const { labels, value } of samples.get(`${name}_bucket`) ?? []) if (matches(labels)) buckets.set(labels.le, (buckets.get(labels.le) ?? 0) + value);
  return buckets;
}

// The quantile of what came between two readings; within a bucket evenly spread.
export function quantile(before, after, share) {
  const edges = [...after.keys()].map((le) => [le === '+Inf' ? Infinity : Number(le), (after.get(le) ?? 0) - (before.get(le) ?? 0)]).sort((a, b) => a[0] - b[0]);
  const total = edges.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  let below = 0, from = 0;
  for (const [edge, cumulative] of edges) {
    if (cumulative >= total * share) {
      if (edge === Infinity) return from;
      return from + ((edge - from) * (total * share - below)) / Math.max(1e-9, cumulative - below);
    }
    below = cumulative;
    from = edge;
  }
  return from;
}
