// The result cache: the same answer again while nothing has changed, a new one after every commit, on each process of the pool.
// SIGNALBOX_CACHE_STEPS (2000) reads and writes in turns, SIGNALBOX_SEED draws others.
import assert from 'node:assert/strict';
import { closeSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { Process } from './support/fastcgi.mjs';
import { interleave } from './support/interleaved.mjs';
import { answer, eventually, isAlive, pidOf, psql, query, request, varDirectory } from './support/stack.mjs';

const sockets = [1, 2].map((number) => join(varDirectory, `run/fcgi/${number}.sock`));
const store = join(varDirectory, 'run/fcgi/results-1');

async function onBoth(fields) {
  const answers = [];
  for (const socket of sockets) {
    const process = new Process(socket);
    try {
      answers.push(await process.query(fields));
    } finally {
      process.close();
    }
  }
  return answers;
}

test.before(async () => {
  await answer('DROP TABLE IF EXISTS columnar.kept');
  await answer("CREATE TABLE columnar.kept AS SELECT g AS id, g % 7 AS k, 'row ' || g AS note FROM generate_series(1, 9000) g");
});
test.after(() => answer('DROP TABLE IF EXISTS columnar.kept'));

const sums = 'SELECT k, count(*) AS n, sum(id) AS total FROM columnar.kept GROUP BY k ORDER BY k';

test('the same statement again is answered from the cache, by every process', async () => {
  const first = await answer(sums);
  assert.equal(first.cached, false);
  for (const again of await onBoth({ sql: sums })) {
    assert.equal(again.cached, true);
    assert.deepEqual(again.data, first.data);
    assert.deepEqual(again.columns, first.columns);
    assert.equal(again.row_count, 7);
    assert.equal(again.engine, 'columnar');
    assert.equal(again.stats.rows_scanned, 0);
  }
  const other = await query(' select K, COUNT(*) as n, sum(ID) as total\nfrom columnar.Kept group by k order by k; -- again');
  assert.equal(other.headers['x-cache'], 'hit');
  assert.equal((await answer({ sql: sums, cache: false })).cached, false);
});

test('what differs in a literal, a parameter, a type or the format is another statement', async () => {
  const sql = 'SELECT count(*) AS n FROM columnar.kept WHERE k = $1';
  const asked = async (fields, path = '/query') => {
    const response = await query(fields, { path });
    assert.equal(response.status, 200);
    return response.headers['x-cache'] === 'hit';
  };
  for (const fields of [{ sql, params: [1] }, { sql, params: [2] }, { sql, params: ['1'] }, { sql: sql.replace('$1', '1') }, { sql: sql.replace('$1', '2') }]) {
    assert.equal(await asked(fields), false, JSON.stringify(fields));
    assert.equal(await asked(fields), true, JSON.stringify(fields));
  }
  for (const format of ['csv', 'ndjson', 'compact', 'arrow', 'parquet']) {
    const first = await query(sums, { path: `/query?format=${format}` });
    const again = await query(sums, { path: `/query?format=${format}` });
    assert.equal(again.headers['x-cache'], 'hit', format);
    assert.equal(again.headers['content-type'], first.headers['content-type']);
    if (format !== 'compact') assert.equal(again.text, first.text);
  }
});

test('what is cut, fails, moves by itself or reads something else than tables is never kept', async () => {
  for (const fields of [
    { sql: 'SELECT id FROM columnar.kept ORDER BY id', max_rows: 10 },
    'SELECT count(*), now() FROM columnar.kept',
    "SELECT count(*) FROM columnar.kept WHERE current_date > '2000-01-01'",
    "SELECT count(*) FROM columnar.kept WHERE timestamp '2000-01-01' < 'tomorrow'",
    'SELECT count(*) FROM columnar.kept TABLESAMPLE bernoulli (50)',
    'EXPLAIN SELECT count(*) FROM columnar.kept',
  ])
    for (let i = 0; i < 3; i++) {
      const response = await query(fields);
      assert.notEqual(response.headers['x-cache'], 'hit', JSON.stringify(fields));
    }
  for (let i = 0; i < 3; i++) assert.equal((await query('SELECT 1 / (id - 5) FROM columnar.kept')).json().sqlstate, '22012');
  // Kept whole, asked for in part.
  assert.equal((await answer('SELECT id FROM columnar.kept ORDER BY id')).cached, false);
  assert.equal((await answer('SELECT id FROM columnar.kept ORDER BY id')).cached, true);
  const part = await answer({ sql: 'SELECT id FROM columnar.kept ORDER BY id', max_rows: 10 });
  assert.equal(part.cached, false);
  assert.equal(part.truncated, true);
});

test('every kind of change to a table makes the next answer anew, on every process', async () => {
  const sql = 'SELECT count(*) AS n, min(note) AS least FROM columnar.kept';
  const changes = [
    "INSERT INTO columnar.kept VALUES (1, 1, 'a')",
    "UPDATE columnar.kept SET note = 'b' WHERE id = 1",
    'DELETE FROM columnar.kept WHERE id = 1',
    'ALTER TABLE columnar.kept ADD COLUMN more bigint',
    'ALTER TABLE columnar.kept RENAME TO kept_away',
    'ALTER TABLE columnar.kept_away RENAME TO kept',
    'TRUNCATE columnar.kept',
    'DROP TABLE columnar.kept',
    "CREATE TABLE columnar.kept AS SELECT 1 AS id, 2 AS k, 'again' AS note",
    'post',
  ];
  for (const change of changes) {
    await query(sql);
    if (change === 'post') {
      const posted = await request('POST', '/api/v1/tables/kept/data?engine=columnar', { headers: { 'Content-Type': 'application/x-ndjson' }, body: '{"id": 2, "k": 3, "note": "more"}\n' });
      assert.equal(posted.status, 200, posted.text);
    } else {
      await answer(change);
    }
    const fresh = await query({ sql, cache: false });
    for (let i = 0; i < 4; i++) {
      const got = await query(sql);
      assert.equal(got.status, fresh.status, change);
      if (got.status === 200) assert.deepEqual(got.json().data, fresh.json().data, change);
    }
  }
});

test('equal statements at the same time run once', async () => {
  await answer('DROP TABLE IF EXISTS columnar.wide');
  await answer('CREATE TABLE columnar.wide AS SELECT g AS id, g % 1000 AS k FROM generate_series(1, 400000) g');
  const sql = 'SELECT count(*) AS n FROM (SELECT a.k, count(*) FROM columnar.wide a JOIN columnar.wide b USING (k) WHERE a.id < 20000 GROUP BY a.k) x';
  const answers = await Promise.all(Array.from({ length: 24 }, () => answer(sql)));
  for (const each of answers) assert.deepEqual(each.data, [{ n: 1000 }]);
  const computed = answers.filter(({ cached }) => !cached).length;
  assert.ok(computed >= 1 && computed < 24, `${computed} of 24 were computed`);
  await answer('DROP TABLE columnar.wide');
});

test("PostgreSQL's tables: kept while its transactions stand still, made anew after every commit", async () => {
  for (const sql of ['DROP TABLE IF EXISTS kept_there, kept_loosely', 'CREATE TABLE kept_there AS SELECT g AS id, g % 10 AS k FROM generate_series(1, 300000) g', 'ANALYZE kept_there'])
    psql(sql);
  const sql = 'SELECT k, count(*) AS n, sum(id) AS total FROM postgres.public.kept_there GROUP BY k ORDER BY k';
  const asked = () => answer({ sql, engine: 'postgres' });
  const askedEverywhere = () => Promise.all(Array.from({ length: 16 }, asked)); // a table made beside us: each process reads it for itself
  await eventually('every process knows the table, its answer is kept', async () => (await askedEverywhere()).every(({ cached }) => cached));
  for (let i = 1; i <= 20; i++) {
    psql(`INSERT INTO kept_there VALUES (${300000 + i}, ${i % 10})`);
    const fresh = await asked();
    assert.equal(fresh.cached, false);
    assert.equal(fresh.data.reduce((sum, { n }) => sum + n, 0), 300000 + i);
    const again = await asked();
    assert.deepEqual(again.data, fresh.data);
  }
  // A change that another connection has not committed yet is nobody's business.
  psql('BEGIN; DELETE FROM kept_there; ROLLBACK');
  assert.equal((await asked()).data.reduce((sum, { n }) => sum + n, 0), 300020);
  // Together with a columnar table.
  const both = 'SELECT count(*) AS n FROM columnar.kept c JOIN postgres.public.kept_there p ON p.id = c.id';
  const before = (await answer(both)).data[0].n;
  psql('INSERT INTO kept_there SELECT 1, 1');
  assert.equal((await answer(both)).data[0].n, before + 1);
  // What a snapshot does not tell.
  psql('CREATE UNLOGGED TABLE kept_loosely AS SELECT * FROM kept_there');
  psql('ANALYZE kept_loosely');
  const loose = 'SELECT k, count(*) AS n FROM kept_loosely GROUP BY k ORDER BY k';
  await eventually('the table is known', async () => (await query({ sql: loose, engine: 'postgres' })).status === 200);
  for (let i = 0; i < 4; i++) assert.equal((await answer({ sql: loose, engine: 'postgres' })).cached, false);
  psql('DROP TABLE kept_there, kept_loosely');
});

test('after every commit the next answer is fresh, while processes are killed and the file is damaged', async () => {
  const steps = Number(process.env.SIGNALBOX_CACHE_STEPS ?? 2000);
  let mischief = 0;
  const progress = ({ left }) => {
    const part = Math.floor(((steps - left) / steps) * 6);
    if (part <= mischief) return;
    mischief = part;
    if (part === 1 || part === 4) process.kill(pidOf(`worker-${part === 1 ? 1 : 2}`), 'SIGKILL');
    if (part === 2) damage(store);
    if (part === 3) truncateSync(store, 0);
    if (part === 5) damage(`${store}.index`, 4096);
  };
  const result = await interleave({ sockets, steps, seed: Number(process.env.SIGNALBOX_SEED ?? 1), progress });
  assert.deepEqual(result.wrong, []);
  assert.ok(result.hits > result.reads / 20, `${result.hits} of ${result.reads} reads were hits`);
  assert.ok(result.writes > 0);
  for (const number of [1, 2]) await eventually(`worker ${number} lives`, () => isAlive(pidOf(`worker-${number}`)));
  console.log(`cache: ${result.reads} reads, ${result.hits} of them hits, ${result.writes} writes, ${result.lost} requests lost with their process`);
});

// Noise over all of it.
function damage(path, from = 0) {
  const { size } = statSync(path);
  const fd = openSync(path, 'r+');
  for (let at = from; at < size; at += 97) writeSync(fd, Buffer.from([at & 255, (at >> 3) & 255]), 0, 2, at);
  closeSync(fd);
}

test('the counts are told', async () => {
  const status = (await request('GET', '/api/v1/status')).json();
  assert.ok(status.cache.capacity > 0 && status.cache.entries >= 0);
  const metrics = (await request('GET', '/metrics')).text;
  assert.match(metrics, /signalbox_result_cache_lookups_total\{result="hit"\} [1-9]/);
  const history = await eventually('a hit in the history', async () => {
    const { entries } = (await request('GET', '/api/v1/history?limit=500')).json();
    return entries.find(({ origin }) => origin === 'cache');
  });
  assert.equal(history.taken_ms, null);
});
