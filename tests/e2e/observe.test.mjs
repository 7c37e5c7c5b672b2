// What is told of the pool while it serves: metrics, access and audit logs, traces; and a reload that nobody notices.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { answer, base, eventually, isAlive, pidOf, psql, query, request, rows, signalboxRun, varDirectory } from './support/stack.mjs';

const LOOKUP = 'SELECT id FROM users WHERE id = 42';
const configFile = join(basename(varDirectory) === 'var' ? dirname(varDirectory) : varDirectory, 'signalbox.toml');
const scrape = async () => (await request('GET', '/metrics')).text;
const sample = (text, series) => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};
const answered = (text) => sample(text, 'signalbox_requests_total{path="/query",status="200"}');

async function reload() {
  const { code, output } = await signalboxRun(['reload']);
  assert.equal(code, 0, output);
}
async function kill(number, signal = 'SIGKILL') {
  const pid = pidOf(`worker-${number}`);
  process.kill(pid, signal);
  if (signal !== 'SIGKILL') return;
  await eventually(`worker ${number} is there again`, () => pidOf(`worker-${number}`) !== pid && isAlive(pidOf(`worker-${number}`)));
  await eventually('the pool answers', async () => (await Promise.all(Array.from({ length: 16 }, () => query(LOOKUP)))).every((one) => one.status === 200));
}

describe('metrics', () => {
  test('are of the whole pool, whichever process answers', async () => {
    const before = answered(await scrape()) ?? 0;
    for (let i = 0; i < 40; i++) await rows(LOOKUP);
    const scrapes = await Promise.all(Array.from({ length: 16 }, scrape));
    for (const text of scrapes) {
      assert.ok(answered(text) >= before + 40, `${answered(text)} after ${before} and 40 more`);
      assert.equal(sample(text, 'signalbox_processes'), 2);
      assert.equal(text.match(/^process_resident_memory_bytes\{process="\d+"\} [1-9]/gm).length, 2);
      assert.equal(text.match(/^signalbox_engine_up\{engine="columnar",process="\d+"\} 1$/gm).length, 2);
    }
  });

  test('are well-formed: each series with its type, buckets that only grow, as many as there are', async () => {
    await rows('SELECT origin, count(*) FROM flights GROUP BY origin');
    const text = await scrape();
    const types = new Map(), seen = new Set(), histograms = new Map();
    for (const line of text.trimEnd().split('\n')) {
      const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
      if (type) {
        assert.ok(!types.has(type[1]), `${type[1]} is described twice`);
        types.set(type[1], type[2]);
      }
      if (line.startsWith('#')) continue;
      const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(\{(?:[a-z]+="[^"\\]*",?)+\})? (\S+)$/.exec(line) ?? assert.fail(line);
      assert.ok(Number.isFinite(Number(value)) && Number(value) >= 0, line);
      assert.ok(!seen.has(name + labels), `${line} is there twice`);
      seen.add(name + labels);
      const base = name.replace(/_(bucket|sum|count)$/, '');
      const kind = types.get(name) ?? types.get(base);
      assert.ok(kind, `${name} has no type`);
      if (kind === 'counter') assert.match(name, /_total$/);
      if (kind !== 'histogram') continue;
      const key = base + labels.replace(/,?le="[^"]*"/, '').replace('{}', '');
      const one = histograms.get(key) ?? histograms.set(key, { last: 0 }).get(key);
      if (name.endsWith('_bucket')) {
        assert.ok(Number(value) >= one.last, line);
        one.last = Number(value);
      }
      if (name.endsWith('_count')) assert.equal(Number(value), one.last, line);
    }
    for (const name of ['signalbox_request_duration_seconds', 'signalbox_query_duration_seconds', 'signalbox_ingest_lag_seconds', 'signalbox_regret', 'signalbox_spilled_bytes_total', 'signalbox_memory_used_bytes', 'signalbox_build_info'])
      assert.ok(types.has(name), name);
  });

  test('do not go back when a process is killed', async () => {
    const [one, two] = [await scrape(), await scrape()];
    const counters = (text) => new Map(text.split('\n').filter((line) => /^\S+(_total|_count|_sum)(\{| )/.test(line)).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
    for (const text of [one, two]) assert.ok(answered(text) > 0);
    // What is published once a second may lose that second: compare with what was there before it.
    const before = counters(one);
    await eventually('a second scrape has been published', async () => sample(await scrape(), 'signalbox_router_decisions_total') >= before.get('signalbox_router_decisions_total'));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    for (const number of [1, 2]) {
      await kill(number);
      const text = await eventually('both processes count', async () => {
        const now = await scrape();
        return sample(now, 'signalbox_processes') === 2 && now;
      });
      const now = counters(text);
      for (const [series, value] of before) assert.ok(now.get(series) >= value, `${series}: ${now.get(series)} after ${value}`);
    }
  });

  test('count rows that come in', async () => {
    const read = (text, name) => sample(text, `${name}{engine="columnar"}`);
    const before = await scrape();
    const response = await request('POST', '/api/v1/tables/observed/data?create=true&mode=replace', { headers: { 'Content-Type': 'text/csv' }, body: 'a,b\n1,x\n2,y\n3,z\n' });
    assert.equal(response.status, 201, response.text);
    const now = await scrape();
    assert.equal(read(now, 'signalbox_ingest_rows_total') - read(before, 'signalbox_ingest_rows_total'), 3);
    assert.equal(read(now, 'signalbox_ingest_bytes_total') - read(before, 'signalbox_ingest_bytes_total'), 16);
    assert.equal(read(now, 'signalbox_ingest_lag_seconds_count') - read(before, 'signalbox_ingest_lag_seconds_count'), 1);
    assert.equal((await request('DELETE', '/api/v1/tables/observed')).status, 204);
  });
});

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('a trace', () => {
  test('that is well-formed comes back with the answer, another one does not', async () => {
    for (const path of ['/health', '/api/v1/nothing']) assert.equal((await request('GET', path, { headers: { traceparent: TRACE } })).headers.traceparent, TRACE);
    assert.equal((await query(LOOKUP, { headers: { traceparent: TRACE } })).headers.traceparent, TRACE);
    for (const bad of ['x', TRACE.toUpperCase(), `${TRACE}-more`, TRACE.replace(/[1-9a-f]/g, '0')])
      assert.equal((await query(LOOKUP, { headers: { traceparent: bad } })).headers.traceparent, undefined, bad);
  });
});

describe('access and audit logs', () => {
  const accessFile = join(varDirectory, 'history/access.jsonl'), auditFile = join(varDirectory, 'history/audit.jsonl');
  const original = readFileSync(configFile, 'utf8');
  const linesOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []);
  const lineOf = (id) => eventually(`the access log has ${id}`, () => linesOf(accessFile).find((line) => line.request_id === id));
  const audited = (id) => linesOf(auditFile).filter((line) => line.request_id === id);
  const withId = (id, more = {}) => ({ headers: { 'X-Request-Id': id, ...more } });

  before(async () => {
    psql('DROP TABLE IF EXISTS e2e_audited; CREATE TABLE e2e_audited (id int)');
    const identity = /^\[identity\]/m.test(original) ? '' : '[identity]\nuser_header = "X-User"\n';
    writeFileSync(configFile, `${original}\n${identity}[access_log]\nfile = "${accessFile}"\naudit_file = "${auditFile}"\n[[rule]]\nname = "no-zipcodes"\ntables = ["mysql.*.zipcodes"]\nuser = "guest"\ndeny = true\n`);
    await reload();
    await eventually('the table is known', async () => (await Promise.all(Array.from({ length: 16 }, () => query('SELECT count(*) FROM e2e_audited')))).every((one) => one.status === 200));
  });
  after(async () => {
    writeFileSync(configFile, original);
    await reload();
    psql('DROP TABLE e2e_audited');
    for (const file of [accessFile, `${accessFile}.1`, auditFile]) rmSync(file, { force: true });
  });

  test('a request has its line, with who, what and how', async () => {
    for (const [id, sql, engine, lane] of [['e2e-log-1', LOOKUP, 'postgres', /fast|slow/], ['e2e-log-2', 'SELECT count(*) AS n FROM flights', 'columnar', /slow/]]) {
      const response = await query(sql, withId(id, { traceparent: TRACE, 'X-User': 'ann "the analyst"' }));
      assert.equal(response.status, 200, response.text);
      const line = await lineOf(id);
      assert.equal(line.traceparent, TRACE);
      assert.equal(line.user, 'ann "the analyst"');
      assert.match(line.client, /^127\.0\.0\.1$|^::1$/);
      assert.deepEqual([line.method, line.path, line.status, line.engine, line.rows, line.response_bytes], ['POST', '/query', 200, engine, 1, response.text.length]);
      assert.match(line.lane, lane);
      assert.match(line.fingerprint, /^[0-9a-f]{16}$/);
      assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      assert.ok(line.duration_ms > 0 && line.rule && line.class && line.pid, JSON.stringify(line));
      assert.deepEqual(audited(id), []);
    }
    const failed = await query('SELECT nothing FROM users', withId('e2e-log-3'));
    assert.deepEqual([(await lineOf('e2e-log-3')).status, (await lineOf('e2e-log-3')).sqlstate], [failed.status, failed.json().sqlstate]);
    await request('GET', '/api/v1/nothing%0a?sql=secret', withId('e2e-log-4'));
    assert.deepEqual([(await lineOf('e2e-log-4')).path, (await lineOf('e2e-log-4')).status], ['/api/v1/nothing%0a', 404]);
  });

  test('what changes something is in the audit when the answer is there', async () => {
    assert.equal((await query('INSERT INTO e2e_audited VALUES (7), (8)', withId('e2e-audit-1', { 'X-User': 'ann', traceparent: TRACE }))).status, 200);
    const [line] = audited('e2e-audit-1');
    assert.deepEqual([line.event, line.user, line.status, line.engine, line.rows, line.sql, line.traceparent], ['write', 'ann', 200, 'postgres', 2, 'INSERT INTO e2e_audited VALUES (7), (8)', TRACE]);
    await query('INSERT INTO e2e_audited VALUES (1 / 0)', withId('e2e-audit-2'));
    assert.deepEqual([audited('e2e-audit-2')[0].status, audited('e2e-audit-2')[0].sqlstate], [400, '22012']);
    await query("CREATE ROLE e2e_nobody PASSWORD 'hunter2'", withId('e2e-audit-3'));
    await query('DROP ROLE e2e_nobody', withId('e2e-audit-4'));
    assert.equal(audited('e2e-audit-3')[0].event, 'ddl');
    assert.doesNotMatch(audited('e2e-audit-3')[0].sql, /hunter2/);
    assert.equal((await request('POST', '/api/v1/tables/audited/data?create=true', { ...withId('e2e-audit-5', { 'Content-Type': 'text/csv' }), body: 'a\n1\n' })).status, 201);
    assert.deepEqual([audited('e2e-audit-5')[0].event, audited('e2e-audit-5')[0].table, audited('e2e-audit-5')[0].rows], ['ingest', 'audited', 1]);
    assert.equal((await request('DELETE', '/api/v1/tables/audited', withId('e2e-audit-6'))).status, 204);
    assert.equal(audited('e2e-audit-6')[0].event, 'ddl');
    const denied = await query('SELECT city FROM zipcodes', withId('e2e-audit-7', { 'X-User': 'guest' }));
    assert.equal(denied.status, 403, denied.text);
    assert.deepEqual([audited('e2e-audit-7')[0].event, audited('e2e-audit-7')[0].user, audited('e2e-audit-7')[0].sqlstate], ['denied', 'guest', 'SB005']);
  });

  test('a file that was moved is opened again at SIGHUP, no line is lost', async () => {
    const sent = [];
    const ask = async (id) => (sent.push(id), assert.equal((await query(LOOKUP, withId(id))).status, 200));
    for (let i = 0; i < 20; i++) await ask(`e2e-turn-a${i}`);
    renameSync(accessFile, `${accessFile}.1`);
    for (let i = 0; i < 20; i++) await ask(`e2e-turn-b${i}`);
    for (const number of [1, 2]) process.kill(pidOf(`worker-${number}`), 'SIGHUP');
    await eventually('there is a new file with lines', async () => (await ask(`e2e-turn-c${sent.length}`), linesOf(accessFile).length > 0));
    await eventually('every line is in one of the two', () => {
      const seen = new Set([...linesOf(`${accessFile}.1`), ...linesOf(accessFile)].map((line) => line.request_id));
      return sent.every((id) => seen.has(id));
    });
  });
});

describe('clients that read slowly', () => {
  test('hold no worker and no engine, and get all of their answers in the end', async () => {
    const CLIENTS = 80, ROWS = 60000;
    const statements = { columnar: 'SELECT * FROM flights LIMIT $1', postgres: 'SELECT * FROM transactions LIMIT $1' };
    const expected = {};
    for (const [engine, sql] of Object.entries(statements)) expected[engine] = (await query({ sql, params: [ROWS], max_rows: ROWS, engine }, { path: '/query?format=ndjson' })).text.length;
    const readers = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => new Promise((resolve, reject) => {
      const engine = i % 2 ? 'columnar' : 'postgres';
      const outgoing = http.request(`${base}/query?format=ndjson`, { method: 'POST', agent: false, headers: { 'Content-Type': 'application/json' } }, (response) => {
        response.pause();
        resolve({ engine, response });
      });
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify({ sql: statements[engine], params: [ROWS], max_rows: ROWS, engine }));
    })));
    const total = (text, name) => [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'))].reduce((sum, match) => sum + Number(match[1]), 0);
    await eventually('every answer is made, for clients that have read nothing of it', async () => {
      const text = await scrape();
      // Smaller ones lie in nginx's buffers and the sockets'.
      return total(text, 'signalbox_answer_spool_bytes') > 1e6 && total(text, 'signalbox_workers_busy') === 0 && total(text, 'signalbox_tasks_queued') === 0;
    });
    for (const sql of ['SELECT count(*) AS n FROM flights', 'SELECT count(*) AS n FROM transactions']) assert.equal((await rows(sql)).length, 1);
    await Promise.all(readers.map(({ engine, response }) => new Promise((resolve, reject) => {
      let bytes = 0;
      response.on('data', (chunk) => (bytes += chunk.length));
      response.on('end', () => (response.complete && bytes === expected[engine] ? resolve() : reject(new Error(`${bytes} of ${expected[engine]}, complete: ${response.complete}`))));
      response.on('error', reject);
      response.resume();
    })));
    await eventually('nothing is left on disk', async () => total(await scrape(), 'signalbox_answer_spool_bytes') === 0);
  });
});

describe('reload', () => {
  before(() => psql('DROP TABLE IF EXISTS e2e_reloads; CREATE TABLE e2e_reloads (id int PRIMARY KEY)'));
  before(() => eventually('the table is known', async () => (await Promise.all(Array.from({ length: 16 }, () => query('SELECT count(*) FROM e2e_reloads')))).every((one) => one.status === 200)));
  after(() => psql('DROP TABLE e2e_reloads'));

  test('under load: no request fails, whatever kind, every write is there once', async () => {
    const failures = [], acknowledged = [];
    let stopping = false, done = 0, next = 0;
    const reads = [LOOKUP, 'SELECT count(*) AS n FROM transactions WHERE user_id < 300', 'SELECT origin, count(*) FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 3', "SELECT city FROM zipcodes WHERE zip_code = '94103'"];
    const expected = await Promise.all(reads.map(rows));
    const check = (response, what) => {
      done++;
      if (response.status !== 200 || !response.complete) failures.push(`${what}: ${response.status} ${response.complete} ${response.text.slice(0, 300)}`);
      return response.status === 200;
    };
    const loops = [
      ...Array.from({ length: 4 }, (_, loop) => async () => {
        const which = loop % reads.length;
        const response = await query(reads[which]);
        if (check(response, reads[which])) assert.deepEqual(response.json().data, expected[which]);
      }),
      async () => {
        const id = next++;
        if (check(await query({ sql: 'INSERT INTO e2e_reloads VALUES ($1)', params: [id] }), `insert ${id}`)) acknowledged.push(id);
      },
      // A long answer, streamed across the change.
      async () => {
        const response = await query({ sql: 'SELECT * FROM flights LIMIT 200000', max_rows: 200000 });
        if (check(response, 'stream')) assert.equal(response.json().data.length, 200000);
      },
    ].map(async (ask) => {
      while (!stopping) await ask().catch((error) => failures.push(error.message));
    });
    await eventually('requests are under way', () => done > 50);
    const before = [1, 2].map((number) => pidOf(`worker-${number}`));
    for (let round = 0; round < 2; round++) {
      const at = done;
      await reload();
      for (const number of [1, 2]) process.kill(pidOf(`worker-${number}`), 'SIGHUP');
      await eventually('more came', () => done > at + 50);
    }
    stopping = true;
    await Promise.all(loops);
    assert.deepEqual(failures, []);
    assert.deepEqual(psql('SELECT id FROM e2e_reloads ORDER BY id').map(([id]) => Number(id)), acknowledged.sort((a, b) => a - b));
    for (const pid of before) await eventually(`${pid} has ended`, () => !isAlive(pid));
    assert.equal((await answer(LOOKUP)).data.length, 1);
  });

  test('a configuration that is wrong changes nothing', async () => {
    const original = readFileSync(configFile, 'utf8'), before = [1, 2].map((number) => pidOf(`worker-${number}`));
    writeFileSync(configFile, `${original}\n[server]\nio_threads = 0\n`);
    try {
      const { code, output } = await signalboxRun(['reload'], { SIGNALBOX_RELOAD_SECONDS: '10' });
      assert.notEqual(code, 0);
      assert.match(output, /goes on as it was/);
      assert.deepEqual([1, 2].map((number) => pidOf(`worker-${number}`)), before);
      for (let i = 0; i < 16; i++) assert.equal((await query(LOOKUP)).status, 200);
    } finally {
      writeFileSync(configFile, original);
    }
    await reload();
  });
});
