// Prints the benchmark table. Every comparison is made in one run, the contestants in turn (A B A B ...), and told as the
// ratio of medians: on small noisy machines only that travels.
//
//   node bench.mjs URL VAR POSTGRES_PORT          (run-bench starts the servers and gives these)
import { execFile, spawn } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';

const exec = promisify(execFile);
const [url, varDirectory, postgresPort] = process.argv.slice(2);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const rows = [];
const row = (what, ours, theirs, ratio, goal) => {
  rows.push([what, ours, theirs, ratio, goal]);
  console.log(`  ${what}: ${ours}${theirs ? ` beside ${theirs}` : ''}${ratio ? `, ratio ${ratio}` : ''}`);
};
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];
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

const LUA = `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
-- Made once: the load generator shares the machine with what it measures.
local requests, at = {}, 0
init = function(args)
  for i = 1, 5000 do
    requests[i] = wrk.format(nil, "/query", nil, '{"sql":"SELECT * FROM users WHERE id = $1","params":[' .. math.random(1, 100000) .. ']}')
  end
end
request = function()
  at = at % 5000 + 1
  return requests[at]
end
done = function(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("FIGURES %f %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
`;

async function lookupsThroughSignalbox(connections) {
  const { stdout } = await exec('wrk', ['-t1', `-c${connections}`, `-d${SECONDS}`, '--latency', '-s', '/tmp/signalbox-lookup.lua', `${url}/`]);
  const [, rate, p50, p99, failed] = stdout.match(/FIGURES (\S+) (\S+) (\S+) (\d+)/);
  if (Number(failed)) throw new Error(`${failed} lookups failed`);
  return { rate: Number(rate), p50: Number(p50), p99: Number(p99) };
}

// pgbench -l writes each transaction's latency in microseconds in the third column.
async function lookupsThroughPgbench(connections) {
  const prefix = `/tmp/signalbox-pgbench-${process.pid}`;
  const { stdout } = await exec('pgbench', ['-n', '-M', 'prepared', '-f', '/tmp/signalbox-lookup.sql', '-c', connections, '-j', Math.min(2, connections),
    '-T', SECONDS, '-l', `--log-prefix=${prefix}`, '--sampling-rate=0.1', '-h', `${varDirectory}/run/postgres`, '-p', postgresPort, '-U', 'signalbox', 'signalbox'], { cwd: '/tmp' });
  const latencies = [];
  for (const file of readdirSync('/tmp').filter((name) => `/tmp/${name}`.startsWith(prefix))) {
    for (const line of readFileSync(`/tmp/${file}`, 'utf8').split('\n')) if (line) latencies.push(Number(line.split(' ')[2]) / 1000);
    await exec('rm', [`/tmp/${file}`]);
  }
  return { rate: Number(stdout.match(/tps = ([\d.]+)/)[1]), p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

async function benchLookups() {
  writeFileSync('/tmp/signalbox-lookup.lua', LUA);
  writeFileSync('/tmp/signalbox-lookup.sql', '\\set id random(1, 100000)\nSELECT * FROM users WHERE id = :id;\n');
  for (const connections of [8, 32]) {
    const ours = [], theirs = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await lookupsThroughSignalbox(connections));
      theirs.push(await lookupsThroughPgbench(connections));
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
