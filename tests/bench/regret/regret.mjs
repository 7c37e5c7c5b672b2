// regret.mjs URL [--statements N] [--rounds N (3)] [--fastest 1: the fastest round counts instead of the median, for a busy machine]
//    [--seed N] [--most ROWS] [--orders N] [--worst N]
// Every statement by `auto` first, learning from its own choices alone, then on each eligible engine in turns; medians of three.
// Regret = time of the engine that was chosen ÷ time of the fastest, both from the second pass.
import http from 'node:http';
import { statements } from './statements.mjs';

const [, , url, ...rest] = process.argv;
const option = (name, otherwise) => { const at = rest.indexOf(`--${name}`); return at < 0 ? otherwise : Number(rest[at + 1]); };
const count = option('statements', 500), worst = option('worst', 0), rounds = option('rounds', 3);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function post(path, body) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const outgoing = http.request(`${url}${path}`, { method: 'POST', agent, headers: { 'Content-Type': 'application/json' } }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, ms: performance.now() - started, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}
const fastest = option('fastest', 0);
const median = (list) => fastest ? Math.min(...list) : [...list].sort((a, b) => a - b)[list.length >> 1];
const geometric = (list) => Math.exp(list.reduce((sum, value) => sum + Math.log(value), 0) / list.length);

async function run(sql, engine) {
  const response = await post('/query', { sql, engine, max_rows: 1000, cache: false });
  if (response.status !== 200) throw new Error(`${engine}: ${response.status} ${response.text.slice(0, 300)}\n${sql}`);
  const answer = JSON.parse(response.text);
  return { ms: answer.duration * 1000, answer };
}

const list = statements(count, { seed: option('seed', 1), most: option('most', 1e7), orders: option('orders', 300000) });
// Connections, caches and the decoded pages are warm, as they are after a minute of service.
for (const { sql } of statements(60, { seed: 99, most: option('most', 1e7), orders: option('orders', 300000) }))
  for (const engine of ['postgres', 'columnar']) await run(sql, engine);

for (const one of list) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const { ms, answer } = await run(one.sql, 'auto');
    times.push(ms);
    if (i) continue;
    one.chosen = answer.engine;
    one.rule = answer.route.rule;
    one.eligible = answer.route.candidates.filter((candidate) => candidate.eligible);
  }
  one.auto = median(times);
}
for (const one of list) {
  const times = Object.fromEntries(one.eligible.map(({ engine }) => [engine, []]));
  for (let i = 0; i < rounds; i++)
    for (const { engine } of one.eligible) times[engine].push((await run(one.sql, engine)).ms);
  one.times = Object.fromEntries(Object.entries(times).map(([engine, values]) => [engine, median(values)]));
  one.best = Math.min(...Object.values(one.times));
}

const on = (one, engine) => one.times[engine] ?? one.best;
const hasJoin = (sql) => /\bJOIN\b|FROM [a-z_]+( [a-z])?, /.test(sql);
const byModel = (one) => (/^(cost|indexed-range)$/.test(one.rule) ? one.eligible.reduce((a, b) => (b.model_ms < a.model_ms ? b : a)).engine : one.chosen);
const rules = {
  'auto (engine chosen ÷ best)': (one) => on(one, one.chosen) / one.best,
  'auto without correction': (one) => on(one, byModel(one)) / one.best,
  'auto as it ran ÷ best': (one) => one.auto / one.best,
  'always PostgreSQL': (one) => on(one, 'postgres') / one.best,
  'always columnar': (one) => on(one, 'columnar') / one.best,
  'has a JOIN → columnar': (one) => on(one, hasJoin(one.sql) ? 'columnar' : 'postgres') / one.best,
};
const several = list.filter((one) => one.eligible.length > 1);
console.log(`${list.length} statements, ${several.length} with several eligible engines; geometric mean regret:`);
for (const [name, rule] of Object.entries(rules)) {
  const all = several.map(rule);
  const total = several.reduce((sum, one) => sum + rule(one) * one.best, 0);
  console.log(`  ${name.padEnd(30)} ${geometric(all).toFixed(3).padStart(8)}   worst ${Math.max(...all).toFixed(1).padStart(7)}   sum ${(total / 1000).toFixed(1)} s`);
}
console.log('by kind: statements, regret of auto, without correction; always PostgreSQL, columnar');
for (const kind of [...new Set(several.map((one) => one.kind))].sort()) {
  const of = several.filter((one) => one.kind === kind);
  const figure = (name) => geometric(of.map(rules[name])).toFixed(2).padStart(8);
  console.log(`  ${kind.padEnd(14)} ${String(of.length).padStart(5)} ${figure('auto (engine chosen ÷ best)')} ${figure('auto without correction')} ${figure('always PostgreSQL')} ${figure('always columnar')}`);
}
const shown = several.map((one) => ({ ...one, regret: on(one, one.chosen) / one.best })).sort((a, b) => b.regret - a.regret).slice(0, worst);
for (const one of shown)
  console.log(`${one.regret.toFixed(1)} ${one.rule} ${one.chosen} ${JSON.stringify(one.times)} ${one.eligible.map((c) => `${c.engine}:${c.cost_ms}/${c.model_ms}`).join(' ')}\n    ${one.sql.slice(0, 220)}`);
agent.destroy();
