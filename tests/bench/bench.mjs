// Prints the benchmark table. Every comparison is made in one run, the contestants in turn (A B A B ...), and told as the
// ratio of medians: on small noisy machines only that travels.
//
//   node bench.mjs URL VAR POSTGRES_PORT          (run-bench starts the servers and gives these)
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { SIGNALBOX_BODY, lookupsOverHttp, lookupsThroughPgbench, median } from './lookups.mjs';

const [url, varDirectory, postgresPort] = process.argv.slice(2);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const rows = [];
const row = (what, ours, theirs, ratio, goal) => {
  rows.push([what, ours, theirs, ratio, goal]);
  console.log(`  ${what}: ${ours}${theirs ? ` beside ${theirs}` : ''}${ratio ? `, ratio ${ratio}` : ''}`);
};
const per = (n) => Math.round(n).toLocaleString('en-US');

async function query(sql, extra = {}) {
  const response = await fetch(`${url}/query`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ sql, cache: false, ...extra }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${sql}: ${answer.detail}`);
  return answer;
}

// ---- point lookups beside pgbench ----------------------------------------------------------------------------

const pgbenchOf = (connections) => lookupsThroughPgbench({ connections, seconds: SECONDS,
  postgres: ['-h', `${varDirectory}/run/postgres`, '-p', postgresPort, '-U', 'signalbox', 'signalbox'] });

async function lookupsThroughSignalbox(connections) {
  const figures = await lookupsOverHttp({ url, body: SIGNALBOX_BODY, connections, seconds: SECONDS });
  if (figures.failed) throw new Error(`${figures.failed} lookups failed`);
  return figures;
}

async function benchLookups() {
  for (const connections of [8, 32]) {
    const ours = [], theirs = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await lookupsThroughSignalbox(connections));
      theirs.push(await pgbenchOf(connections));
    }
    const of = (list, key) => median(list.map((each) => each[key]));
    const text = (list) => `${per(of(list, 'rate'))}/s (p50 ${of(list, 'p50').toFixed(2)} ms, p99 ${of(list, 'p99').toFixed(2)} ms)`;
    row(`point lookup, ${connections} connections, beside pgbench -M prepared`, text(ours), text(theirs), (of(ours, 'rate') / of(theirs, 'rate')).toFixed(2), '≥ 0.5');
  }
}

// ---- aggregates beside DuckDB ------------------------------------------------------------------------------------

const AGGREGATE = 'SELECT origin, count(*), avg(delay) FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 10';

async function benchAggregate() {
  const file = `${varDirectory}/npm/node_modules/vega-datasets/data/flights-3m.parquet`;
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const duckdb = await instance.connect();
  const theirSql = AGGREGATE.replace('flights', `read_parquet('${file}')`);
  await duckdb.run(`CREATE TABLE flights_native AS FROM read_parquet('${file}')`);
  const theirNativeSql = AGGREGATE.replace('flights', 'flights_native');
  const timed = async (run) => {
    const started = performance.now();
    await run();
    return performance.now() - started;
  };
  const runOurs = () => query(AGGREGATE);
  const runTheirs = () => duckdb.runAndReadAll(theirSql);
  const runNative = () => duckdb.runAndReadAll(theirNativeSql);
  for (let i = 0; i < 5; i++) await runOurs(), await runTheirs(), await runNative(); // hot, in every process of the pool
  const ours = [], inside = [], theirs = [], native = [];
  for (let i = 0; i < ROUNDS * 8; i++) {
    ours.push(await timed(async () => inside.push((await runOurs()).timing.execute_us / 1000)));
    theirs.push(await timed(runTheirs));
    native.push(await timed(runNative));
  }
  const text = (list) => `${median(list).toFixed(1)} ms`;
  row('GROUP BY over 3 M flights (Parquet), over HTTP, beside DuckDB in process on the same file, 2 threads', text(ours), text(theirs), (median(ours) / median(theirs)).toFixed(2), '< 1');
  row('  the same, the engine alone (timing.execute_us)', text(inside), text(theirs), (median(inside) / median(theirs)).toFixed(2), '< 1');
  row("  the same beside DuckDB's native table", text(inside), text(native), (median(inside) / median(native)).toFixed(2), '');
}

// ---- the router's share, memory, start ------------------------------------------------------------------------------

async function benchRouter() {
  const share = [];
  for (let i = 0; i < 500; i++) {
    const { timing } = await query('SELECT * FROM users WHERE id = $1', { params: [i + 1] });
    share.push(timing.parse_us + timing.route_us);
  }
  row("router's share of a cached text (parse + route)", `${median(share).toFixed(1)} µs`, '', '', '< 10 µs');
}

const residentMegabytes = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;

// A process of its own: memory once it is up and has answered nothing, time from exec to its socket.
async function benchStart() {
  const socket = `${varDirectory}/run/bench-${process.pid}.sock`;
  const times = [];
  let memory = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    const child = spawn(process.env.SIGNALBOX, ['--config', process.env.SIGNALBOX_CONFIG, 'serve', '--listen', `unix:${socket}`], { stdio: 'ignore' });
    for (;;) {
      try {
        readFileSync(`/proc/${child.pid}/net/unix`, 'utf8').includes(socket) ? (times.push(performance.now() - started), 0) : null;
        if (times.length > round) break;
      } catch { /* not yet */ }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    memory = Math.max(memory, residentMegabytes(child.pid));
    const gone = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
  row('start of one process until it listens', `${median(times).toFixed(0)} ms`, '', '', '< 100 ms');
  row('resident memory of an idle process', `${memory.toFixed(1)} MB`, '', '', '< 30 MB');
}

await benchRouter();
await benchStart();
await benchAggregate();
await benchLookups();
console.log('\n| what | Signalbox | beside | ratio | goal |\n|---|---|---|---|---|');
for (const each of rows) console.log(`| ${each.join(' | ')} |`);
process.exit(0);
