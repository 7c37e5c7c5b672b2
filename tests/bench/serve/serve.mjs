// Lookups through nginx on the pool, beside pgbench direct and fastify + pg behind the same nginx, in turns.
//
//   node serve.mjs VAR PORT POSTGRES_HOST POSTGRES_PORT USER DATABASE     (run-serve gives these)
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SIGNALBOX_BODY, lookupsOverHttp, lookupsThroughPgbench, median } from '../lookups.mjs';

const [varDirectory, port, pgHost, pgPort, user, database] = process.argv.slice(2);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);
const CONNECTIONS = (process.env.BENCH_CONNECTIONS ?? '1 8 32 64 128 512').split(' ').map(Number);
const PGBENCH_MOST = 128; // ./run starts PostgreSQL with 200 connections
const directory = `${varDirectory}/bench-serve`;
const sockets = [1, 2].map((number) => `${directory}/fastify-${number}.sock`);
const children = [];

function start(command, args, options) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  children.push(child);
  return child;
}

async function until(what, check) {
  for (let tries = 0; !(await check()); tries++) {
    if (tries > 200) throw new Error(`${what} does not come up`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// The pool's own configuration, on another port, with one more server: both contestants have the same nginx.
function writeNginx() {
  const text = readFileSync(`${varDirectory}/nginx/nginx.conf`, 'utf8')
    .replaceAll(`:${port} `, `:${Number(port) + 1} `)
    .replace(/^pid .*$/m, `pid ${directory}/nginx.pid;`)
    .replace(/^error_log .*$/m, `error_log ${directory}/nginx-error.log warn;`);
  const more = `
    upstream fastify {
        least_conn;
        ${sockets.map((socket) => `server unix:${socket} max_fails=0;`).join('\n        ')}
        keepalive 512;
        keepalive_requests 1000000;
    }
    server {
        listen 127.0.0.1:${Number(port) + 2} reuseport backlog=1024;
        location / {
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://fastify;
        }
    }
}
`;
  writeFileSync(`${directory}/nginx.conf`, text.replace(/\}\s*$/, more));
}

async function startContestants() {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const socket of sockets) start('node', ['fastify.mjs', socket, pgHost, pgPort, user, database]);
  await until('fastify', () => sockets.every(existsSync));
  writeNginx();
  start('nginx', ['-p', directory, '-c', `${directory}/nginx.conf`, '-g', 'daemon off;']);
  for (const offset of [1, 2])
    await until('nginx', () => fetch(`http://127.0.0.1:${Number(port) + offset}/health`).then(() => true, () => false));
}

const contestants = {
  signalbox: (connections) => lookupsOverHttp({ url: `http://127.0.0.1:${Number(port) + 1}`, body: SIGNALBOX_BODY, connections, seconds: SECONDS }),
  pgbench: (connections) => connections > PGBENCH_MOST ? null
    : lookupsThroughPgbench({ postgres: ['-h', pgHost, '-p', pgPort, '-U', user, database], connections, seconds: SECONDS }),
  fastify: (connections) => lookupsOverHttp({ url: `http://127.0.0.1:${Number(port) + 2}`, path: '/users', body: '{"id":ID}', connections, seconds: SECONDS }),
};

async function measure(connections) {
  const found = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(contestants)) {
      const figures = await run(connections);
      if (figures) found[name].push(figures);
    }
  const summary = {};
  for (const [name, runs] of Object.entries(found)) {
    if (!runs.length) continue;
    summary[name] = Object.fromEntries(['rate', 'p50', 'p99'].map((key) => [key, median(runs.map((run) => run[key]))]));
    summary[name].failed = runs.reduce((sum, run) => sum + run.failed, 0);
  }
  return summary;
}

const told = (figures) => figures ? `${Math.round(figures.rate).toLocaleString('en-US')}/s, ${figures.p50.toFixed(2)} / ${figures.p99.toFixed(2)} ms, ${figures.failed} errors` : '';
const ratio = (a, b) => (a && b ? (a.rate / b.rate).toFixed(2) : '');

let failed = 0;
try {
  await startContestants();
  console.log('| connections | Signalbox (rate, p50 / p99, errors) | pgbench -S -M prepared, direct | fastify + pg, same nginx | to pgbench | to fastify |\n|---|---|---|---|---|---|');
  const all = new Map();
  for (const connections of CONNECTIONS) {
    const { signalbox, pgbench, fastify } = await measure(connections);
    all.set(connections, { signalbox, pgbench, fastify });
    failed += signalbox.failed;
    console.log(`| ${connections} | ${told(signalbox)} | ${told(pgbench)} | ${told(fastify)} | ${ratio(signalbox, pgbench)} | ${ratio(signalbox, fastify)} |`);
  }
  const one = all.get(1), most = all.get(32), many = all.get(64), crowd = all.get(512);
  const goal = (what, value, wanted) => console.log(`${what}: ${value} (goal ${wanted})`);
  console.log('');
  if (one) goal('p50 over direct at 1 connection', `${(one.signalbox.p50 - one.pgbench.p50).toFixed(3)} ms`, '< 0.1 ms');
  if (most) goal('requests/s at 32 connections', `${ratio(most.signalbox, most.pgbench)} of pgbench, ${ratio(most.signalbox, most.fastify)} × fastify`, '≥ 0.6, 4.5 ×');
  if (many) goal('p99 at 64 connections', `${many.signalbox.p99.toFixed(2)} ms`, '< 5 ms');
  if (crowd) goal('errors at 512 connections', crowd.signalbox.failed, '0');
} finally {
  for (const child of children.reverse()) child.kill('SIGTERM');
}
process.exit(failed ? 1 : 0);
