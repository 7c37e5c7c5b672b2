// Everything at once, for minutes: lookups, scans that fill the slots, ingestion, writes, jobs, watchers of jobs. Then the same while a
// process is killed every so often. Says what lookups take beside an idle pool, how memory went, and what was lost (nothing may be).
//
//   node mixed.mjs URL VAR [--minutes N] [--only calm|kills] [--kill-every SECONDS] [--watchers N]          (run-bench gives the first two)
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const [url, varDirectory, ...rest] = process.argv.slice(2);
const option = (name, otherwise) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : otherwise);
const MINUTES = Number(option('--minutes', 10)), KILL_EVERY = Number(option('--kill-every', 20)), WATCHERS = Number(option('--watchers', 200)), ONLY = option('--only');
const SCANS = 4, ROWS_OF_POST = 500;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quantile = (values, q) => (values.length ? [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] : NaN);

const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
// Rejects when no whole answer came.
function request(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(`${url}${path}`, { method, agent, headers: { 'Content-Type': 'application/json', ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => (response.complete ? resolve({ status: response.statusCode, text }) : reject(new Error('the answer was cut'))));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
const query = (fields) => request('POST', '/query', JSON.stringify(typeof fields === 'string' ? { sql: fields } : fields));
async function rows(sql) {
  const { status, text } = await query({ sql, max_rows: 10_000_000 });
  if (status !== 200) throw new Error(`${sql}: ${text}`);
  return JSON.parse(text).data;
}

// ---- lookups: a program of their own, at a steady pace, so that they measure and do not saturate ----------------------------------------

const LUA = `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function delay() return 20 end
function request() return wrk.format(nil, "/query", nil, '{"sql":"SELECT * FROM users WHERE id = $1","params":[' .. math.random(1, 100000) .. ']}') end
function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("FIGURES %d %f %f %f %d\\n", summary.requests, latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000, failed))
end
`;
async function lookups(seconds) {
  const script = `/tmp/signalbox-mixed-${process.pid}.lua`;
  writeFileSync(script, LUA);
  const { stdout } = await exec('wrk', ['-t1', '-c8', `-d${Math.max(2, Math.round(seconds))}`, '--timeout', '30', '--latency', '-s', script, `${url}/`], { maxBuffer: 1 << 24 });
  const [count, p50, p99, p999, failed] = stdout.match(/FIGURES (.*)/)[1].split(' ').map(Number);
  return { count, p50, p99, p999, failed };
}

// ---- the others ------------------------------------------------------------------------------------------------------------------------

// No two alike: kept answers would scan nothing.
const scanSql = (i) => [`SELECT origin, destination, count(*) AS n, avg(delay) AS d FROM flights WHERE distance > ${i} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10`,
  `SELECT date_trunc('hour', date) AS h, sum(distance + ${i}) AS s FROM flights GROUP BY 1 ORDER BY 2 DESC LIMIT 5`,
  `SELECT count(*) AS n FROM transactions WHERE amount > ${i}`][i % 3];

function makeLoad() {
  const load = { stopping: false, failures: [], unknown: 0, counts: { scans: 0, posts: 0, writes: 0, jobs: 0, events: 0 }, scanMs: [], acknowledged: new Set(), possible: new Set(), posted: 0, memory: [], beside: [], lastJob: undefined };
  const fail = (what, text) => load.failures.length < 1000 && load.failures.push(`${what}: ${String(text).slice(0, 300)}`);
  load.loops = [];
  const loop = (what, run, pause = 0) => load.loops.push((async () => {
    while (!load.stopping) {
      await run().catch((error) => fail(what, error.message));
      if (pause) await sleep(pause);
    }
  })());
  for (let i = 0; i < SCANS; i++) loop('scan', async () => {
    const began = performance.now(), { status, text } = await query(scanSql(load.counts.scans++));
    if (status === 429) return sleep(100); // the queue's limit: to be tried again
    if (status !== 200) return fail('scan', `${status} ${text}`);
    load.scanMs.push(performance.now() - began);
  });
  // Rows by key: posted again under the same key until there is an answer that says they are in.
  loop('post', async () => {
    const first = load.posted, key = `mixed-${process.pid}-${load.calm}-${first}`;
    const body = `id,word\n${Array.from({ length: ROWS_OF_POST }, (_, i) => `${first + i},w${i}`).join('\n')}\n`;
    load.posted += ROWS_OF_POST;
    for (let attempt = 0; ; attempt++) {
      const { status, text } = await request('POST', '/api/v1/tables/mixed_posts/data', body, { 'Content-Type': 'text/csv', 'Idempotency-Key': key }).catch((error) => ({ status: 0, text: error.message }));
      if (status === 200) return void load.counts.posts++;
      load.unknown++;
      if (load.calm || attempt > 100) return fail('post', `${status} ${text}`);
      if (/was lost|unknown/.test(text)) { // whether they are in must be looked up: the key's process is gone
        const [{ n }] = await rows(`SELECT count(*) AS n FROM mixed_posts WHERE id BETWEEN ${first} AND ${first + ROWS_OF_POST - 1}`);
        if (n === ROWS_OF_POST) return void load.counts.posts++;
        if (n !== 0) return fail('post', `${n} of ${ROWS_OF_POST} rows are in`);
        load.gone = (load.gone ?? 0) + ROWS_OF_POST;
        return;
      }
      await sleep(50);
    }
  }, 50);
  loop('write', async () => {
    const id = load.possible.size;
    load.possible.add(id);
    const { status, text } = await query({ sql: 'INSERT INTO mixed_writes VALUES ($1)', params: [id] }).catch((error) => ({ status: 0, text: error.message }));
    if (status === 200) load.acknowledged.add(id), load.counts.writes++;
    else if (load.calm || ![0, 502, 503].includes(status)) fail('write', `${status} ${text}`);
    else load.unknown++;
  }, 10);
  loop('job', async () => {
    const { status, text } = await request('POST', '/api/v1/queries', JSON.stringify({ sql: scanSql(load.counts.jobs) }), { 'Idempotency-Key': `job-${process.pid}-${load.calm}-${load.counts.jobs}` });
    if (status === 429) return;
    if (status !== 202) return fail('job', `${status} ${text}`);
    load.lastJob = JSON.parse(text).job_id;
    load.counts.jobs++;
  }, 1000);
  for (let i = 0; i < WATCHERS; i++) watch(load, fail);
  loop('memory', async () => {
    const { text } = await request('GET', '/metrics');
    const sum = (name) => [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'))].reduce((total, match) => total + Number(match[1]), 0) / 1e6;
    // Pages and decisions fill up to what is configured for them, and are no leak.
    const caches = sum('signalbox_page_cache_bytes') + sum('signalbox_router_cache_bytes');
    load.memory.push(sum('process_resident_memory_bytes'));
    load.beside.push(load.memory.at(-1) - caches);
  }, 2000);
  return load;
}

// One watcher of the newest job, over and over. A stream that breaks with its process is opened again where it was.
function watch(load, fail) {
  const again = (lastEventId, job) => {
    if (load.stopping) return;
    const id = job ?? load.lastJob;
    if (!id) return void setTimeout(again, 200);
    const outgoing = http.request(`${url}/api/v1/jobs/${id}/events`, { agent: false, headers: lastEventId ? { 'Last-Event-ID': lastEventId } : {} }, (response) => {
      if (response.statusCode !== 200) {
        if (load.calm) fail('watch', response.statusCode);
        response.resume();
        return void setTimeout(again, 1000);
      }
      let last = lastEventId, ended = false;
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        load.counts.events += chunk.split('\nevent:').length - 1 + chunk.startsWith('event:');
        last = /^id: ?(.*)$/m.exec(chunk)?.[1] ?? last;
        ended ||= /"status":"(completed|failed|cancelled)"/.test(chunk);
      });
      response.on('close', () => (ended ? setTimeout(again, 500) : setTimeout(again, 200, last, id)));
      response.on('error', () => {});
    });
    outgoing.on('error', () => setTimeout(again, 500));
    outgoing.end();
    load.watching ??= new Set();
    load.watching.add(outgoing);
    outgoing.on('close', () => load.watching.delete(outgoing));
  };
  again();
}

// ---- killing -----------------------------------------------------------------------------------------------------------------------------

async function killNow(number) {
  const file = `${varDirectory}/run/worker-${number}.pid`, pid = Number(readFileSync(file, 'utf8'));
  process.kill(pid, 'SIGKILL');
  for (let i = 0; i < 200 && Number(readFileSync(file, 'utf8') || 0) === pid; i++) await sleep(50);
}

// ---- a phase -----------------------------------------------------------------------------------------------------------------------------

async function phase(name, minutes, calm, idle) {
  await query('DROP TABLE IF EXISTS mixed_writes');
  await request('DELETE', '/api/v1/tables/mixed_posts');
  await query('CREATE TABLE mixed_writes (id int PRIMARY KEY)');
  await query({ sql: 'CREATE TABLE mixed_posts (id int, word text)', engine: 'columnar' });
  const load = makeLoad();
  load.calm = calm;
  await sleep(3000); // everything is under way
  const end = Date.now() + minutes * 60_000, looking = lookups(minutes * 60);
  let kills = 0;
  while (Date.now() < end) {
    await sleep(Math.min(KILL_EVERY * 1000, end - Date.now()));
    if (!calm && Date.now() < end - 5000) await killNow((kills++ % 2) + 1);
  }
  const looked = await looking;
  load.stopping = true;
  await Promise.all(load.loops);
  for (const outgoing of load.watching ?? []) outgoing.destroy();
  return report(name, load, looked, idle, kills);
}

async function report(name, load, looked, idle, kills) {
  const there = new Set((await rows('SELECT id FROM mixed_writes')).map((row) => row.id));
  const lost = [...load.acknowledged].filter((id) => !there.has(id));
  const strange = [...there].filter((id) => !load.possible.has(id));
  const [posts] = await rows('SELECT count(*) AS n, count(DISTINCT id) AS d FROM mixed_posts');
  const expected = load.counts.posts * ROWS_OF_POST;
  const third = Math.max(1, Math.floor(load.memory.length / 3));
  const early = quantile(load.beside.slice(0, third), 0.5), late = quantile(load.beside.slice(-third), 0.5);
  const problems = [];
  if (lost.length || strange.length) problems.push(`${lost.length} acknowledged writes are lost, ${strange.length} are nobody's`);
  if (posts.n !== posts.d || posts.n !== expected) problems.push(`${posts.n} posted rows are there, ${posts.d} distinct, ${expected} were acknowledged`);
  if (looked.failed) problems.push(`${looked.failed} lookups failed`);
  if (load.failures.length) problems.push(`${load.failures.length} failures, the first: ${load.failures.slice(0, 5).join(' | ')}`);
  if (late > early * 1.3 + 50) problems.push(`memory beside the caches went from ${early.toFixed(0)} to ${late.toFixed(0)} MB`);
  console.log(`\n${name}${kills ? `, ${kills} processes killed` : ''}`);
  const line = (what, text) => console.log(`  ${what.padEnd(34)} ${text}`);
  line('lookups', `${looked.count}, p50 ${looked.p50.toFixed(2)} ms, p99 ${looked.p99.toFixed(2)} ms, p99.9 ${looked.p999.toFixed(2)} ms, ${looked.failed} failed`);
  line('  p99 over idle', `${(looked.p99 / idle.p99).toFixed(1)} (idle: p50 ${idle.p50.toFixed(2)} ms, p99 ${idle.p99.toFixed(2)} ms)`);
  line('scans', `${load.scanMs.length}, p50 ${quantile(load.scanMs, 0.5).toFixed(0)} ms, p99 ${quantile(load.scanMs, 0.99).toFixed(0)} ms`);
  line('posted rows', `${expected} acknowledged, ${posts.n} there`);
  line('writes', `${load.acknowledged.size} acknowledged, ${lost.length} lost, ${load.unknown} of unknown outcome or tried again`);
  line('jobs; events seen by watchers', `${load.counts.jobs}; ${load.counts.events} by ${WATCHERS}`);
  line('memory of the pool', `at most ${Math.max(...load.memory).toFixed(0)} MB; beside its caches ${early.toFixed(0)} MB in the first third, ${late.toFixed(0)} MB in the last`);
  line('wrong', problems.length ? problems.join('; ') : 'nothing');
  return problems.length === 0;
}

for (let i = 0; i < 3; i++) await rows(scanSql(i)); // pages are in memory
await lookups(2);
const idle = await lookups(15);
console.log(`idle: ${idle.count} lookups, p50 ${idle.p50.toFixed(2)} ms, p99 ${idle.p99.toFixed(2)} ms`);
let good = true;
if (ONLY !== 'kills') good = (await phase('calm', MINUTES, true, idle)) && good;
if (ONLY !== 'calm') good = (await phase(`a process killed every ${KILL_EVERY} s`, MINUTES, false, idle)) && good;
await query('DROP TABLE IF EXISTS mixed_writes');
await request('DELETE', '/api/v1/tables/mixed_posts');
process.exit(good ? 0 : 1);
