// decide.mjs URL [--texts N (100000; the figure is 1000000)]
// Microseconds per decision, as the process itself takes them: a text it has decided before, a new text of a shape it knows, a new shape; and what
// its memory does under that many distinct texts.
import http from 'node:http';
import { statements } from './statements.mjs';

const [, , url, ...rest] = process.argv;
const option = (name, otherwise) => { const at = rest.indexOf(`--${name}`); return at < 0 ? otherwise : Number(rest[at + 1]); };
const texts = option('texts', 100000);
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function request(method, path, body) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(`${url}${path}`, { method, agent, headers: { 'Content-Type': 'application/json' } }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(text.slice(0, 300)))));
    });
    outgoing.on('error', reject);
    outgoing.end(body && JSON.stringify(body));
  });
}
const figure = async (name) => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(await request('GET', '/metrics'))[1]);
const memory = async () => ({ resident: await figure('process_resident_memory_bytes'), cache: await figure('signalbox_router_cache_bytes') });

async function decide(sql) {
  const { timing, cached } = JSON.parse(await request('POST', '/api/v1/route', { sql }));
  return { us: timing.parse_us + timing.route_us, cached };
}
function report(name, times) {
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(1).padStart(8);
  console.log(`  ${name.padEnd(40)} ${String(times.length).padStart(8)} decisions   p50 ${at(0.5)} µs   p99 ${at(0.99)} µs`);
}

const mixed = statements(400, { seed: 7 }).map(({ sql }) => sql);
const first = [], again = [];
for (const sql of mixed) first.push((await decide(sql)).us);
for (let round = 0; round < 25; round++)
  for (const sql of mixed) { const { us, cached } = await decide(sql); if (cached) again.push(us); }
console.log('time per decision:');
report('cached text', again);
report('new text of a known shape', first.slice(100));
const lookups = [];
for (let i = 0; i < 5000; i++) lookups.push((await decide(`SELECT label, val FROM p5 WHERE id = ${1000000 + i}`)).us);
report('  of these: key lookups', lookups);
const shapes = [];
for (let i = 0; i < 2000; i++) shapes.push((await decide(`SELECT label AS l${i}, max(val) AS v${i * 7} FROM p4 WHERE small = 3 GROUP BY label ORDER BY v${i * 7}`)).us);
report('new shape (aggregate)', shapes);

const before = await memory();
console.log(`memory under ${texts} distinct texts: at first ${(before.resident / 1e6).toFixed(1)} MB resident, ${(before.cache / 1e6).toFixed(1)} MB in the cache`);
let next = 0, shown = 0;
await Promise.all(Array.from({ length: 4 }, async () => {
  while (next < texts) {
    const i = next++;
    await decide(`SELECT id, val, 'text number ${i}' AS text FROM p6 WHERE id = ${i} AND small < ${i % 7}`);
    if (i >= (shown + 1) * (texts / 4)) {
      shown++;
      const now = await memory();
      console.log(`  after ${i}: ${(now.resident / 1e6).toFixed(1)} MB resident, ${(now.cache / 1e6).toFixed(1)} MB in the cache`);
    }
  }
}));
const after = await memory();
console.log(`  at the end: ${(after.resident / 1e6).toFixed(1)} MB resident, ${(after.cache / 1e6).toFixed(1)} MB in the cache`);
agent.destroy();
