// ./run bench formats [ROWS]: one result in every format through nginx: rate, size, CPU time and peak memory of the pool; then
// lookups and a scan while clients take results at 100 KB/s. Memory is what the engine's cache of decoded pages holds, too: it is
// read before, so that the difference is the answer's own.
//   formats.mjs BASE-URL VAR ROWS
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const [base, varDirectory, rows] = process.argv.slice(2);
const FORMATS = ['json', 'compact', 'ndjson', 'csv', 'arrow', 'parquet'];
const SLOW_CLIENTS = 48, SLOW_BYTES_PER_SECOND = 100_000, LOOKUPS = 500;
const SQL = `SELECT * FROM bench_formats LIMIT ${rows}`;
const SLOW_SQL = `SELECT * FROM bench_formats LIMIT ${Math.ceil(rows / 25)}`; // minutes of it
const LOOKUP = 'SELECT id, name, email FROM users WHERE id = 42';

// The programs below the keepers whose pids ./run keeps.
const processes = () => readFileSync('/proc/loadavg', 'utf8') && ['pool-1', 'pool-2'].flatMap((name) => {
  const keeper = readFileSync(`${varDirectory}/run/${name}.pid`, 'utf8').trim();
  const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return children.length ? children : [keeper];
});
function megabytes(field) {
  return Math.max(...processes().map((pid) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024));
}

const cpuSeconds = () => processes().reduce((sum, pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return sum + (Number(fields[11]) + Number(fields[12])) / 100;
}, 0);

function post(body, format, onResponse) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${base}/query?format=${format}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, agent: false }, (response) => resolve(onResponse(response, request)));
    request.on('error', reject);
    request.end(JSON.stringify({ max_rows: 100_000_000, max_runtime_seconds: 300, ...body }));
  });
}

async function take(response) {
  let bytes = 0;
  for await (const chunk of response) bytes += chunk.length;
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  return bytes;
}

async function measure(format) {
  let peak = 0, watching = true;
  const watch = (async () => { for (; watching; await sleep(20)) peak = Math.max(peak, megabytes('VmRSS')); })();
  const start = performance.now(), before = cpuSeconds();
  const bytes = await post({ sql: SQL, engine: 'columnar' }, format, take);
  const seconds = (performance.now() - start) / 1e3;
  watching = false;
  await watch;
  return { bytes, seconds, peak, cpu: cpuSeconds() - before };
}

// Takes what it is sent at SLOW_BYTES_PER_SECOND until it is stopped.
async function slowClient(format, stop) {
  await post({ sql: SLOW_SQL, engine: 'columnar' }, format, async (response, request) => {
    response.pause();
    for (let due = 0; !stop.now && !response.destroyed; await sleep(100)) {
      due += SLOW_BYTES_PER_SECOND / 10;
      for (let chunk; due > 0 && (chunk = response.read()); ) due -= chunk.length;
    }
    request.destroy();
  }).catch(() => {});
}

async function latencies() {
  const times = [];
  for (let i = 0; i < LOOKUPS; i++) {
    const start = performance.now();
    await post({ sql: LOOKUP }, 'json', take);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return `lookup p50 ${times[LOOKUPS >> 1].toFixed(2)} ms, p99 ${times[Math.floor(LOOKUPS * 0.99)].toFixed(2)} ms`;
}

async function others(told) {
  const start = performance.now();
  await post({ sql: 'SELECT count(*), sum(amount) FROM bench_formats', engine: 'columnar' }, 'json', take);
  const scan = performance.now() - start;
  console.log(`${told.padEnd(34)} ${await latencies()}, scan ${scan.toFixed(0)} ms`);
}

console.log(`load ${readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')}`);
for (let i = 0; i < 8; i++) await post({ sql: 'SELECT * FROM bench_formats ORDER BY id DESC LIMIT 1', engine: 'columnar' }, 'json', take);
const rest = megabytes('VmRSS');
console.log(`${Number(rows).toLocaleString('en')} rows; a process that has read the table: ${rest.toFixed(0)} MB`);
console.log('format      MB     s    MB/s  CPU s  rows/s (1000)  peak MB  above');
for (const format of FORMATS) {
  const { bytes, seconds, peak, cpu } = await measure(format);
  console.log(`${format.padEnd(8)} ${(bytes / 1e6).toFixed(0).padStart(5)} ${seconds.toFixed(1).padStart(5)} ${(bytes / 1e6 / seconds).toFixed(0).padStart(7)} ${cpu.toFixed(1).padStart(6)} ${(rows / 1e3 / seconds).toFixed(0).padStart(14)} ${peak.toFixed(0).padStart(8)} ${(peak - rest).toFixed(0).padStart(6)}`);
}
await others('alone');
const stop = { now: false };
const slow = Array.from({ length: SLOW_CLIENTS }, (_, i) => slowClient(FORMATS[i % 4], stop));
await sleep(15_000);
await others(`beside ${SLOW_CLIENTS} at ${SLOW_BYTES_PER_SECOND / 1000} KB/s`);
const { slots } = await (await fetch(`${base}/api/v1/status`)).json();
console.log(`of a process: ${slots.busy} workers busy, ${megabytes('VmRSS').toFixed(0)} MB`);
stop.now = true;
await Promise.all(slow);
