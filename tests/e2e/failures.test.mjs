// What happens when something stops, dies, leaves or fails midway.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer, base, eventually, isAlive, mariadb, pidOf, port, psql, query, request, rows, signalboxRun, varDirectory } from './support/stack.mjs';

const LOOKUP = 'SELECT id FROM users WHERE id = 42';
const isUp = async (engine) => (await request('GET', '/api/v1/engines')).json().engines.find((entry) => entry.name === engine).up;

async function restart() {
  const { code, output } = await signalboxRun();
  assert.equal(code, 0, output);
}
async function stopServer(name, signal) {
  const pid = pidOf(name);
  process.kill(pid, signal);
  await eventually(`${name} has ended`, () => !isAlive(pid), 20_000);
}

describe('an engine that stops', () => {
  after(restart);

  test('PostgreSQL: 503 meanwhile, the others go on; started again, the next statement works', async () => {
    assert.deepEqual(await rows(LOOKUP), [{ id: 42 }]);
    await stopServer('postgres', 'SIGINT');
    for (const sql of [LOOKUP, 'SELECT count(*) FROM users', "UPDATE users SET city = city WHERE id = 42"]) {
      const response = await query(sql);
      assert.equal(response.status, 503, `${sql}: ${response.text}`);
      const problem = response.json();
      assert.match(problem.detail, /postgres/i, response.text);
      assert.ok(problem.sqlstate && problem.request_id);
    }
    assert.deepEqual(await rows("SELECT count(*) AS n FROM flights WHERE origin = 'ORD'"), [{ n: 166341 }]);
    assert.deepEqual(await rows("SELECT city FROM zipcodes WHERE zip_code = '94103'"), [{ city: 'San Francisco' }]);
    await eventually('/api/v1/engines says that postgres is down', async () => !(await isUp('postgres')));
    assert.equal((await request('GET', '/health')).status, 200);
    await restart();
    // pg_isready already said yes: the very next statement of either kind must work.
    assert.deepEqual(await rows(LOOKUP), [{ id: 42 }]);
    assert.equal((await answer('SELECT count(*) AS n FROM users')).engine, 'postgres');
    await Promise.all(Array.from({ length: 16 }, () => rows(LOOKUP)));
  });

  test('PostgreSQL restarted between two statements: reads do not notice', async () => {
    await Promise.all(Array.from({ length: 16 }, () => rows(LOOKUP)));
    await stopServer('postgres', 'SIGINT');
    await restart();
    const responses = await Promise.all(Array.from({ length: 16 }, () => query(LOOKUP)));
    assert.deepEqual(responses.map((response) => response.status), Array(16).fill(200), responses.find((r) => r.status !== 200)?.text);
  });

  test('MariaDB: 503 meanwhile; started again, the next statement works', async () => {
    await stopServer('mysql', 'SIGTERM');
    const response = await query("SELECT city FROM zipcodes WHERE zip_code = '94103'");
    assert.equal(response.status, 503, response.text);
    assert.match(response.json().detail, /mysql/i);
    assert.deepEqual(await rows(LOOKUP), [{ id: 42 }]);
    await restart();
    assert.deepEqual(await rows("SELECT city FROM zipcodes WHERE zip_code = '94103'"), [{ city: 'San Francisco' }]);
  });
});

describe('a process of the pool that dies', () => {
  before(() => psql('DROP TABLE IF EXISTS e2e_kills; CREATE TABLE e2e_kills (id int, at timestamptz DEFAULT clock_timestamp())'));
  before(() => eventually('the table is known', async () =>
    (await Promise.all(Array.from({ length: 16 }, () => query('SELECT count(*) FROM e2e_kills')))).every((response) => response.status === 200)));
  after(() => psql('DROP TABLE e2e_kills'));

  const accepts = (number) => new Promise((resolve) => {
    const socket = net.connect(join(varDirectory, `run/fcgi/${number}.sock`), () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });
  const killOne = async (number) => {
    const pid = pidOf(`worker-${number}`);
    process.kill(pid, 'SIGKILL');
    // Listening again, not only started: else the next kill takes the last one.
    await eventually(`worker ${number} is there again`, async () => pidOf(`worker-${number}`) !== pid && isAlive(pidOf(`worker-${number}`)) && (await accepts(number)));
  };
  // A new process has tables and connections to open: wait until each has answered again.
  const settled = () => eventually('both processes answer', async () => {
    const responses = await Promise.all(Array.from({ length: 16 }, () => query(LOOKUP)));
    return responses.every((response) => response.status === 200);
  });

  test('under load: no read fails', async () => {
    const statements = [LOOKUP, "SELECT count(*) AS n FROM transactions WHERE user_id < 300", "SELECT origin, count(*) FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 3",
      "SELECT city FROM zipcodes WHERE zip_code = '94103'"];
    const expected = await Promise.all(statements.map(rows));
    let stopping = false;
    const failures = [];
    let reads = 0;
    const readsOf = Array(8).fill(0);
    const loops = Array.from({ length: 8 }, async (_, loop) => {
      for (let i = loop; !stopping; i++) {
        const which = i % statements.length;
        try {
          const response = await query(statements[which]);
          reads++;
          readsOf[loop]++;
          if (response.status !== 200 || !response.complete) failures.push(`${response.status} ${response.complete} ${response.text.slice(0, 300)}`);
          else assert.deepEqual(response.json().data, expected[which]);
        } catch (error) {
          failures.push(error.message);
        }
      }
    });
    await eventually('reads are under way', () => reads > 50);
    for (const number of [1, 2, 1]) {
      const before = reads;
      await killOne(number);
      await settled();
      // Of every loop: a read that was moved to the other process once must not be under way when that one dies too.
      const settledReads = readsOf.slice();
      await eventually('more reads came, from each', () => reads > before + 50 && readsOf.every((n, loop) => n > settledReads[loop] + 1));
    }
    stopping = true;
    await Promise.all(loops);
    assert.deepEqual(failures, []);
  });

  test('under load: no write is applied twice, and none that was answered is lost', async () => {
    await settled();
    let stopping = false;
    let next = 1;
    const answered = [];
    const uncertain = [];
    const refused = [];
    const loops = Array.from({ length: 8 }, async () => {
      while (!stopping) {
        const id = next++;
        try {
          const response = await query({ sql: 'INSERT INTO e2e_kills (id) VALUES ($1)', params: [id] });
          if (response.status === 200 && response.complete) answered.push(id);
          else uncertain.push([id, response.status, response.text]);
        } catch (error) {
          refused.push([id, error.message]);
        }
      }
    });
    await eventually('writes are under way', () => answered.length > 50);
    for (const number of [1, 2, 1, 2]) {
      const before = answered.length;
      await killOne(number);
      await eventually('more writes came', () => answered.length > before + 50);
    }
    stopping = true;
    await Promise.all(loops);
    const stored = psql('SELECT id, count(*) FROM e2e_kills GROUP BY id').map(([id, n]) => [Number(id), Number(n)]);
    assert.deepEqual(stored.filter(([, n]) => n > 1), [], 'applied twice');
    const present = new Set(stored.map(([id]) => id));
    assert.deepEqual(answered.filter((id) => !present.has(id)), [], 'answered but lost');
    assert.deepEqual(refused, [], 'nginx hides the death of a process');
    for (const [, status, text] of uncertain) {
      assert.ok([502, 503].includes(status), text);
      assert.match(text, /unknown|may or may not/, text);
    }
  });
});

describe('a client that leaves', () => {
  const running = (mark) => psql(`SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%${mark}%' AND pid <> pg_backend_pid()`);
  const leave = async (sql, mark, seen, gone) => {
    const controller = new AbortController();
    const pending = query(sql, { signal: controller.signal }).catch((error) => error);
    await eventually('the statement runs', () => seen(mark).length > 0);
    controller.abort();
    await pending;
    await eventually('the statement has ended', () => gone(mark));
  };

  test('PostgreSQL: its statement is cancelled', async () => {
    await leave('SELECT pg_sleep(3000), 4711 AS e2e_leaver', 'e2e_leaver', running, (mark) => running(mark).length === 0);
  });
  test('PostgreSQL, large result: its statement is cancelled', async () => {
    const sql = 'SELECT t.id AS e2e_streamer, t.merchant, u.email FROM transactions t CROSS JOIN users u';
    await leave({ sql, max_rows: 1_000_000_000, engine: 'postgres' }, 'e2e_streamer', running, (mark) => running(mark).length === 0);
  });
  test('MariaDB: its statement is cancelled', async () => {
    const seen = () => mariadb("SELECT id FROM information_schema.processlist WHERE info LIKE '%zipcodes%' AND info NOT LIKE '%processlist%'");
    await leave('SELECT count(*) FROM zipcodes a JOIN zipcodes b ON a.latitude < b.longitude + 500 AND a.city <> b.county', '', seen, () => seen().length === 0);
  });
  test('columnar: the process is idle again', async () => {
    const cpu = () => [1, 2].reduce((total, number) => {
      const fields = execFileSync('cat', [`/proc/${pidOf(`worker-${number}`)}/stat`], { encoding: 'utf8' }).split(') ')[1].split(' ');
      return total + Number(fields[11]) + Number(fields[12]); // user and system time, 1/100 s
    }, 0);
    const before = cpu();
    const controller = new AbortController();
    const pending = query("SELECT count(*) FROM flights a JOIN flights b ON a.origin = b.origin AND a.delay < b.delay", { signal: controller.signal }).catch((error) => error);
    await eventually('it computes', () => cpu() > before + 20);
    controller.abort();
    await pending;
    await eventually('it computes no more', async () => {
      const later = cpu();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return cpu() - later < 20;
    });
  });
});

describe('a failure after the first byte', () => {
  for (const format of ['json', 'csv', 'ndjson'])
    test(`the ${format} response is cut, no client takes it for whole`, async () => {
      const response = await query({ sql: 'SELECT id, 1 / (400000 - id) AS x FROM transactions WHERE id >= 0 ORDER BY id', engine: 'postgres', max_rows: 1_000_000 }, { path: `/query?format=${format}` });
      assert.equal(response.status, 200);
      assert.ok(response.text.length > 100_000);
      assert.equal(response.complete, false);
      if (format === 'json') assert.throws(() => response.json());
    });
  test('curl says so too', () => {
    assert.throws(
      () => execFileSync('curl', ['-sS', '-o', '/dev/null', '-H', 'Content-Type: application/json', '-d', JSON.stringify({ sql: 'SELECT 1 / (400000 - id) FROM transactions ORDER BY id', max_rows: 1e6 }), `${base}/query`], { stdio: 'pipe' }),
      (error) => error.status === 18 || error.status === 92);
  });
  test('a failure before it is a clean problem', async () => {
    const response = await query('SELECT 1 / (5 - id) FROM transactions ORDER BY id');
    assert.equal(response.status, 400);
    assert.equal(response.json().sqlstate, '22012');
  });
});

describe('./run', () => {
  test('clients that read nothing of large results hold nobody up', async (t) => {
    const body = JSON.stringify({ sql: 'SELECT * FROM flights', max_rows: 3_000_000 });
    const head = `POST /query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const sockets = Array.from({ length: 24 }, () => net.connect(port, '127.0.0.1').on('error', () => {}).pause());
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    for (const socket of sockets) socket.write(head + body);
    await eventually('all have begun', () => sockets.every((socket) => socket.connecting === false && socket.bytesWritten > body.length));
    for (const sql of ['SELECT count(*) FROM movies', 'SELECT count(*) FROM zipcodes', "SELECT name FROM airports WHERE iata = 'SFO'"])
      for (let i = 0; i < 8; i++) assert.equal((await query(sql, { signal: AbortSignal.timeout(10_000) })).status, 200);
  });

  test('SIGTERM drains: the request in flight completes', async () => {
    const pending = Array.from({ length: 4 }, () => query('SELECT pg_sleep(1.5), 1 AS e2e_drained'));
    await eventually('all four run', () => psql("SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%e2e_drained%' AND pid <> pg_backend_pid()").length === 4);
    const pids = [1, 2].map((number) => pidOf(`worker-${number}`));
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    for (const response of await Promise.all(pending)) assert.equal(response.status, 200, response.text);
    await eventually('both have ended', () => !pids.some(isAlive));
    await eventually('new ones answer', async () => (await query(LOOKUP)).status === 200);
  });

  test('a second start answers', async () => {
    await restart();
    assert.equal((await query(LOOKUP)).status, 200);
  });

  test('a port in use: one clear sentence, nothing left running', async (t) => {
    const holder = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const taken = holder.address().port;
    const directory = mkdtempSync('/tmp/signalbox-e2e-port.');
    execFileSync('chmod', ['0755', directory]);
    t.after(() => {
      holder.close();
      rmSync(directory, { recursive: true, force: true });
    });
    const { code, output } = await signalboxRun([], { VAR: join(directory, 'var'), PORT: String(taken), DEMO: '0' });
    assert.notEqual(code, 0);
    const lines = output.trim().split('\n').filter((line) => line.startsWith('run:'));
    assert.equal(lines.length, 1, output);
    assert.match(lines[0], new RegExp(`port ${taken} is in use`));
    assert.throws(() => execFileSync('pgrep', ['-f', directory]), 'a process was left behind');
  });

  test('a directory that cannot be made: one clear sentence', async () => {
    const { code, output } = await signalboxRun([], { VAR: '/proc/signalbox', CONFIG: '/tmp/none.toml', PORT: String(port) });
    assert.notEqual(code, 0);
    assert.match(output, /run: .*\/proc\/signalbox/);
  });

  test("stop ends no process that is not this directory's, whatever an old file says", async (t) => {
    const directory = mkdtempSync('/tmp/signalbox-e2e-stale.');
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    execFileSync('mkdir', ['-p', join(directory, 'run')]);
    const names = ['postgres', 'mysql', 'nginx', 'pool-1'];
    for (const name of names) writeFileSync(join(directory, 'run', `${name}.pid`), `${pidOf(name)}\n`);
    assert.equal((await signalboxRun(['stop'], { VAR: directory })).code, 0);
    for (const name of names) assert.ok(isAlive(pidOf(name)), `${name} was ended`);
    assert.equal((await signalboxRun(['stop'], { VAR: directory })).code, 0);
  });

  for (const [variable, value] of [['PORT', 'abc'], ['PORT', '65536'], ['POOL', '0']])
    test(`${variable}=${value}: one clear sentence`, async () => {
      const { code, output } = await signalboxRun([], { [variable]: value });
      assert.equal(code, 1);
      assert.match(output, new RegExp(`^run: ${variable} is "${value}"[^\\n]*\\n$`));
    });

  test('status names what runs', async () => {
    const { code, output } = await signalboxRun(['status']);
    assert.equal(code, 0);
    for (const name of ['postgres', 'mysql', 'nginx', 'worker-1', 'worker-2']) assert.match(output, new RegExp(`${name} running`));
  });
});
