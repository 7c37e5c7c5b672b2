// Engines killed, hung and slow while statements keep coming, and back again: tables with copies in a row store and in columnar.
// What must hold: no wrong answer, no write twice, no acknowledged write lost. Times are printed, never asserted.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, isAlive, mariadb, pidOf, psql, query, request, rows, signalboxRun, varDirectory } from './support/stack.mjs';

const ROWS = 20_000;
const config = process.env.CONFIG ?? (varDirectory.endsWith('/var') ? join(dirname(varDirectory), 'signalbox.toml') : join(varDirectory, 'signalbox.toml'));
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- servers that can be slow -------------------------------------------------------------------------------

// A socket in `directory` that leads to `upstream`; what passes waits `delayMs`.
function proxy(directory, name, upstream) {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o777);
  const path = join(directory, name);
  rmSync(path, { force: true });
  const state = { delayMs: 0 };
  const sockets = new Set();
  const server = net.createServer((client) => {
    const target = net.connect(upstream);
    const pass = async (from, to) => {
      try {
        for await (const chunk of from) {
          if (state.delayMs) await wait(state.delayMs);
          to.write(chunk);
        }
      } catch { /* one of the two is gone, and so the other goes */ }
      to.destroy();
      from.destroy();
    };
    for (const socket of [client, target]) sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    pass(client, target);
    pass(target, client);
  });
  state.listening = new Promise((resolve) => server.listen(path, () => (chmodSync(path, 0o777), resolve())));
  state.close = () => (server.close(), sockets.forEach((socket) => socket.destroy()));
  return state;
}

const postgresProxy = proxy(join(varDirectory, 'run/postgres-proxy'), '.s.PGSQL.54329', join(varDirectory, 'run/postgres/.s.PGSQL.54329'));
const mysqlProxy = proxy(join(varDirectory, 'run/mysql-proxy'), 'mysqld.sock', join(varDirectory, 'run/mysql/mysqld.sock'));

async function restartAll() {
  let { code, output } = await signalboxRun(['stop']);
  assert.equal(code, 0, output);
  ({ code, output } = await signalboxRun());
  assert.equal(code, 0, output);
}
async function startAgain() {
  const { code, output } = await signalboxRun();
  assert.equal(code, 0, output);
}

// A server and all its children.
function familyOf(name) {
  const family = new Set([pidOf(name)]);
  for (let grown = true; grown;) {
    grown = false;
    for (const entry of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
      try {
        const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))[1]);
        if (family.has(parent) && !family.has(Number(entry))) grown = family.add(Number(entry)) !== undefined;
      } catch { /* it has ended meanwhile */ }
    }
  }
  return [...family];
}
function signalAll(name, signal) {
  for (const pid of familyOf(name)) {
    try { process.kill(pid, signal); } catch { /* it has ended meanwhile */ }
  }
}

// ---- statements under load ----------------------------------------------------------------------------------

// Reads whose answers are known, and writes of numbers that are never used twice.
function load(t, table, marks) {
  const seen = { reads: [], wrong: [], failed: [], fallbacks: 0, acknowledged: new Set(), refused: 0, attempted: 0 };
  let going = true;
  const read = async () => {
    while (going) {
      const id = 1 + Math.floor(Math.random() * ROWS), lookup = Math.random() < 0.5;
      const sql = lookup ? `SELECT id, amount FROM ${table} WHERE id = ${id}` : `SELECT count(*) AS n, sum(amount) AS total FROM ${table} WHERE id <= ${id}`;
      const response = await query({ sql, max_runtime_seconds: 60 }).catch((error) => ({ status: 0, text: String(error) }));
      const at = performance.now();
      if (response.status !== 200) {
        seen.failed.push(`${response.status} ${response.text.slice(0, 300)}`);
        continue;
      }
      const answer = response.json(), row = answer.data[0];
      seen.fallbacks += answer.route.fallback ? 1 : 0;
      seen.reads.push({ at, lookup, engine: answer.engine });
      const right = lookup ? row?.id === id && row.amount === id * 3 : row?.n === id && Number(row.total) === (3 * id * (id + 1)) / 2;
      if (!right) seen.wrong.push(`${sql}: ${JSON.stringify(answer.data)}`);
    }
  };
  const write = async () => {
    while (going) {
      const number = ++load.number;
      seen.attempted++;
      const response = await query({ sql: `INSERT INTO ${marks} VALUES (${number})`, max_runtime_seconds: 20 }).catch(() => ({ status: 0 }));
      if (response.status === 200) seen.acknowledged.add(number);
      else seen.refused++;
      if (response.status !== 200) await wait(20);
    }
  };
  const workers = [read(), read(), read(), read(), write(), write()];
  const end = async () => { going = false; await Promise.all(workers); };
  t.after(end); // a test that fails leaves no load behind
  return { seen, end };
}
load.number = 0;

const engines = [
  { name: 'postgres', table: 'copies', marks: 'postgres.public.marks', proxy: postgresProxy, numbers: () => psql('SELECT n FROM marks') },
  { name: 'mysql', table: 'copies_m', marks: 'mysql.marks', proxy: mysqlProxy, numbers: () => mariadb('SELECT n FROM marks') },
];

// Something happens to `engine`, something ends it; meanwhile statements keep coming.
async function underLoad(t, engine, happens, ends) {
  const { seen, end } = load(t, engine.table, engine.marks);
  const lookupBy = (name, since) => seen.reads.find((one) => one.lookup && one.at > since && one.engine === name);
  await eventually(`${engine.name} answers lookups`, () => lookupBy(engine.name, 0));
  const begun = performance.now();
  await happens();
  const moved = await eventually('columnar answers them', () => lookupBy('columnar', begun));
  await wait(500);
  const ended = performance.now();
  await ends();
  const back = performance.now();
  const returned = await eventually(`${engine.name} answers them again`, () => lookupBy(engine.name, back));
  await end();
  const kept = new Map();
  for (const [number] of await eventually('the server can be asked', () => engine.numbers())) kept.set(Number(number), (kept.get(Number(number)) ?? 0) + 1);
  t.diagnostic(`${engine.name}: traffic moved after ${Math.round(moved.at - begun)} ms, was back ${Math.round(returned.at - ended)} ms after the end began (${Math.round(back - ended)} ms of that is the server's start); ` +
    `${seen.reads.length} reads, ${seen.fallbacks} answered by another engine after a failure, ${seen.failed.length} failed; ${seen.attempted} writes, ${seen.refused} failed`);
  assert.deepEqual(seen.wrong, []);
  assert.deepEqual([...kept].filter(([, times]) => times > 1), [], 'written twice');
  assert.deepEqual([...seen.acknowledged].filter((number) => !kept.has(number)), [], 'acknowledged and lost');
  return seen;
}

describe('engines fail and come back under load', () => {
  let original;

  before(async () => {
    original = readFileSync(config, 'utf8');
    psql(`DROP TABLE IF EXISTS copies, marks; CREATE TABLE copies AS SELECT n AS id, 3 * n AS amount FROM generate_series(1, ${ROWS}) n;
      ALTER TABLE copies ADD PRIMARY KEY (id); CREATE TABLE marks (n bigint); ANALYZE copies`);
    mariadb(`DROP TABLE IF EXISTS copies_m, marks; CREATE TABLE copies_m (id int PRIMARY KEY, amount int) AS SELECT seq AS id, 3 * seq AS amount FROM seq_1_to_${ROWS};
      CREATE TABLE marks (n bigint); ANALYZE TABLE copies_m`);
    await Promise.all([postgresProxy.listening, mysqlProxy.listening]);
    writeFileSync(config, `${original
      .replace(`${varDirectory}/run/postgres `, `${varDirectory}/run/postgres-proxy `)
      .replace(`${varDirectory}/run/mysql/mysqld.sock`, `${varDirectory}/run/mysql-proxy/mysqld.sock`)}
[placements]
copies = ["postgres", "columnar"]
copies_m = ["mysql", "columnar"]
`);
    await restartAll();
    for (const [table, from] of [['copies', 'postgres.copies'], ['copies_m', 'mysql.copies_m']])
      await eventually(`${table} is copied`, async () => (await query(`CREATE TABLE columnar.${table} AS SELECT id, amount FROM ${from}`)).status === 200);
    for (const { table } of engines)
      await eventually(`${table} is one table`, async () => (await rows(`SELECT count(*) AS n FROM ${table}`))[0].n === ROWS);
  });

  after(async () => {
    writeFileSync(config, original);
    for (const name of ['postgres', 'mysql']) signalAll(name, 'SIGCONT');
    for (const { table } of engines) await query(`DROP TABLE columnar.${table}`);
    await restartAll();
    psql('DROP TABLE copies, marks');
    mariadb('DROP TABLE copies_m, marks');
    postgresProxy.close();
    mysqlProxy.close();
  });

  for (const engine of engines) {
    test(`${engine.name} killed and started again`, { timeout: 300_000 }, async (t) => {
      t.after(startAgain);
      const seen = await underLoad(t, engine, async () => {
        const pid = pidOf(engine.name);
        signalAll(engine.name, 'SIGKILL');
        await eventually('it is dead', () => !isAlive(pid));
      }, startAgain);
      assert.deepEqual(seen.failed, [], 'a read of a table with another copy failed');
    });

    test(`${engine.name} hangs and goes on`, { timeout: 300_000 }, async (t) => {
      t.after(() => signalAll(engine.name, 'SIGCONT'));
      const seen = await underLoad(t, engine, async () => signalAll(engine.name, 'SIGSTOP'), async () => signalAll(engine.name, 'SIGCONT'));
      assert.deepEqual(seen.failed, [], 'a read of a table with another copy failed');
    });

    test(`${engine.name} is slow for a while`, { timeout: 300_000 }, async (t) => {
      t.after(() => { engine.proxy.delayMs = 0; });
      const { seen, end } = load(t, engine.table, engine.marks);
      await eventually('reads flow', () => seen.reads.length > 100);
      engine.proxy.delayMs = 400;
      const begun = seen.reads.length;
      await eventually('reads flow all the same', () => seen.reads.length > begun + 50, 120_000);
      engine.proxy.delayMs = 0;
      const later = performance.now();
      await eventually(`${engine.name} is asked again`, () => seen.reads.find((one) => one.lookup && one.at > later && one.engine === engine.name), 120_000);
      await end();
      const slow = seen.reads.slice(begun, begun + 50);
      t.diagnostic(`${engine.name}: while slow ${slow.filter((one) => one.engine === 'columnar').length} of 50 reads went to columnar`);
      assert.deepEqual([seen.wrong, seen.failed], [[], []]);
    });
  }

  test('the breakers and the fallbacks are in /api/v1/engines, /health and the metrics', async () => {
    const { engines: listed } = (await request('GET', '/api/v1/engines')).json();
    for (const { breaker } of listed) assert.ok(['closed', 'open', 'half-open'].includes(breaker.state));
    const health = (await request('GET', '/health')).json();
    assert.deepEqual(Object.keys(health.breakers).sort(), listed.map((one) => one.name).sort());
    assert.match((await request('GET', '/metrics')).text, /signalbox_engine_breaker_state\{engine="postgres",process="\d+"\} [012]/);
    assert.match((await request('GET', '/metrics')).text, /signalbox_query_fallbacks_total\{engine="postgres"\} \d+/);
  });
});
