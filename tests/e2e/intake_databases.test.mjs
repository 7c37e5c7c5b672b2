// Rows over HTTP into tables of PostgreSQL and MariaDB.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { answer, eventually, mariadb, psql, request, root, rows, varDirectory } from './support/stack.mjs';

const post = (table, body, { headers = {}, type, search = '' } = {}) =>
  request('POST', `/api/v1/tables/${table}/data${search}`, { headers: { 'Content-Type': type, ...headers }, body });
async function posted(...args) {
  const response = await post(...args);
  assert.ok([200, 201].includes(response.status), response.text);
  return response.json();
}
// DDL past Signalbox: each process finds it by itself, or when somebody's DDL makes it look.
const known = async (table) => {
  await answer('DROP TABLE IF EXISTS e2e_no_such_table');
  await eventually(`${table} is known`, async () => (await Promise.all(Array.from({ length: 16 }, () => request('GET', `/api/v1/tables/${table}`)))).every((response) => response.status === 200));
};
const pg = (...statements) => statements.forEach((statement) => psql(statement));
const JSON_TYPE = 'application/json', CSV = 'text/csv', NDJSON = 'application/x-ndjson';

const databases = [
  {
    name: 'postgres',
    sql: psql,
    make: (table) => pg(`DROP TABLE IF EXISTS ${table}`, `CREATE TABLE ${table} (n serial PRIMARY KEY, id int NOT NULL UNIQUE, name varchar(20), price numeric(10,2), at timestamptz, ok boolean, extra jsonb, made int DEFAULT 7, CHECK (id <> -13))`),
    extra: '{"a": [1, 2]}',
  },
  {
    name: 'mysql',
    sql: mariadb,
    make: (table) => mariadb(`DROP TABLE IF EXISTS ${table}; CREATE TABLE ${table} (n int AUTO_INCREMENT PRIMARY KEY, id int NOT NULL UNIQUE, name varchar(20), price decimal(10,2), at datetime(6), ok boolean, extra json, made int DEFAULT 7, CHECK (id <> -13)) ENGINE = InnoDB`),
    extra: '{"a":[1,2]}',
  },
];

for (const { name: engine, sql, make, extra } of databases) {
  describe(`into ${engine}`, () => {
    const table = `e2e_into_${engine}`;
    const select = (columns, where = 'true') => sql(`SELECT ${columns} FROM ${table} WHERE ${where} ORDER BY n`);
    const count = () => Number(sql(`SELECT count(*) FROM ${table}`)[0][0]);
    const clear = () => sql(`DELETE FROM ${table}`);
    before(async () => {
      make(table);
      await known(table);
    });
    after(() => sql(`DROP TABLE IF EXISTS ${table}`));

    test('JSON, NDJSON, CSV, TSV, a form, gzip: columns by name, others by their defaults', async () => {
      const made = await posted(table, JSON.stringify([{ id: 1, name: "it's \\ \"1\"\n\t", price: 12.5, at: '2024-01-02T03:04:05.25Z', ok: true, extra: { a: [1, 2] } }, { id: 2, name: null }]), { type: JSON_TYPE });
      assert.deepEqual([made.rows, made.rejected_count, made.snapshot_id, made.created, made.schema_changes], [2, 0, null, false, []]);
      assert.deepEqual(await rows(`SELECT id, name, price, ok, made FROM ${table} ORDER BY id`), [
        { id: 1, name: "it's \\ \"1\"\n\t", price: 12.5, ok: true, made: 7 },
        { id: 2, name: null, price: null, ok: null, made: 7 },
      ]);
      assert.equal(select('extra', 'id = 1')[0][0], extra);
      assert.match(select('at', 'id = 1')[0][0], /^2024-01-02 03:04:05\.25/);
      assert.equal((await posted(table, '{"id":3}\n{"made":9,"id":4}\n', { type: NDJSON })).rows, 2);
      assert.deepEqual(select("id, coalesce(made, -1)", 'id IN (3, 4)').map((row) => row.join()), ['3,-1', '4,9'], 'a column that some rows have is NULL in the others');
      assert.equal((await posted(table, 'NAME,Id\n"five, 5",5\n,6\n', { type: CSV })).rows, 2);
      assert.equal((await posted(table, 'id\tname\n7\tseven\n', { type: 'text/tab-separated-values' })).rows, 1);
      const form = ['a', 'b'].map((name, i) => `--b1\r\nContent-Disposition: form-data; name="f"; filename="${name}.csv"\r\nContent-Type: text/csv\r\n\r\nid,name\r\n${8 + i},${name}\r\n\r\n`).join('') + '--b1--\r\n';
      assert.equal((await posted(table, form, { type: 'multipart/form-data; boundary=b1' })).rows, 2);
      assert.equal((await posted(table, zlib.gzipSync('{"id":10}'), { type: JSON_TYPE, headers: { 'Content-Encoding': 'gzip' } })).rows, 1);
      assert.deepEqual(select('id').map(Number), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 'in the order of the body');
      assert.equal((await posted(table, '[]', { type: JSON_TYPE })).rows, 0);
      clear();
    });
    test('Parquet', async () => {
      mkdirSync(join(varDirectory, 'files'), { recursive: true });
      const file = join(varDirectory, `files/e2e-into-${engine}.parquet`);
      await answer({ sql: `COPY (SELECT g::int AS id, 'n' || g AS name, (g / 4.0)::numeric(10,2) AS price, timestamp '2024-01-01' + g * interval '1 hour' AS at, g % 2 = 0 AS ok FROM generate_series(1, 5000) g) TO '${file}'`, engine: 'columnar' });
      assert.equal((await posted(table, readFileSync(file), { type: 'application/vnd.apache.parquet' })).rows, 5000);
      assert.deepEqual(sql(`SELECT count(*), sum(id), count(DISTINCT name), max(at), min(made) FROM ${table}`)[0].map((text) => text.replace(/[.+].*/, '')), ['5000', '12502500', '5000', '2024-07-27 08:00:00', '7']);
      clear();
    });
    test('all or nothing: the first bad row is named', async () => {
      const refused = async (detail, body, type = CSV, status = [400, 409]) => {
        const response = await post(table, body, { type });
        assert.ok(status.includes(response.status), response.text);
        assert.match(response.json().detail, detail);
        assert.equal(count(), 0);
      };
      await refused(/"body", row 3, column "id"/, 'id,name\n1,a\ntwo,b\n');
      await refused(/row 4/, 'id,name\n1,a\n2,b\n1,c\n');
      await refused(/row 2.*"name"|too long/, `[{"id":1},{"id":2,"name":"${'x'.repeat(30)}"}]`, JSON_TYPE);
      await refused(/row 2/, '{"id":1}\n{"id":-13}\n', NDJSON);
      await refused(/row 2.*"?id"?/, '{"id":1}\n{"id":null}\n', NDJSON);
      await refused(/no column "nope"/, 'id,nope\n1,2\n');
      await refused(/without a column/, '[{}]', JSON_TYPE);
      const lines = Array.from({ length: 20_000 }, (_, i) => `${i},name ${i}`);
      lines[17_000] = 'bad,name';
      await refused(/row 17002, column "id"/, 'id,name\n' + lines.join('\n'));
    });
    test('on_error=skip leaves bad rows out, whoever finds them bad', async () => {
      const lines = Array.from({ length: 3000 }, (_, i) => `${i + 100},name ${i},2024-01-01`);
      lines[0] = 'one,a,2024-01-01';
      lines[1500] = '101,again,2024-01-01';
      lines[2000] = '-13,checked,2024-01-01';
      lines[2500] = `9999,${'x'.repeat(30)},2024-01-01`;
      lines[2900] = '9998,b,not a time';
      lines[2999] = '1,2,3,4,5,6';
      const made = await posted(table, 'id,name,at\n' + lines.join('\n') + '\n', { type: CSV, search: '?on_error=skip' });
      assert.equal(made.rows, 2994);
      assert.equal(made.rejected_count, 6);
      assert.deepEqual(made.rejected.map((reject) => reject.row).sort((a, b) => a - b), [2, 1502, 2002, 2502, 2902, 3001]);
      assert.equal(made.rejected.find((reject) => reject.row === 2).column, 'id');
      for (const reject of made.rejected) assert.ok(reject.reason.length > 5, JSON.stringify(reject));
      assert.equal(count(), 2994);
      clear();
    });
    test('mode=replace, which fails as a whole or not at all', async () => {
      await posted(table, 'id\n1\n2\n', { type: CSV });
      assert.equal((await post(table, 'id\n3\nx\n', { type: CSV, search: '?mode=replace' })).status, 400);
      assert.equal(count(), 2);
      assert.equal((await posted(table, 'id,name\n1,new\n', { type: CSV, search: '?mode=replace' })).rows, 1);
      assert.deepEqual(select('id, name').map((row) => row.join()), ['1,new']);
      clear();
    });
    test('create=true makes it', async () => {
      const target = `e2e_made_${engine}`;
      sql(`DROP TABLE IF EXISTS ${target}`);
      const search = `?create=true&engine=${engine}`;
      const bad = await post(target, '{"a":1}\n{"a":', { type: NDJSON, search });
      assert.equal(bad.status, 400, bad.text);
      assert.throws(() => sql(`SELECT 1 FROM ${target}`), 'what failed made no table');
      const response = await post(target, '[{"id":1,"big":5000000000,"price":1.25,"note":"x","day":"2024-02-29","at":"2024-01-01T00:00:00Z","ok":true,"o":{"a":1}},{"id":2,"big":null,"price":100.5}]', { type: JSON_TYPE, search });
      assert.equal(response.status, 201, response.text);
      assert.equal(response.json().created, true);
      assert.deepEqual(sql(`SELECT id, big, price, day FROM ${target} ORDER BY id`)[0], ['1', '5000000000', '1.25', '2024-02-29']);
      assert.equal((await posted(target, '{"id":3}', { type: NDJSON, search })).created, false);
      assert.equal((await rows(`SELECT count(*) AS n FROM ${engine}.${engine === 'postgres' ? 'public' : 'signalbox'}.${target}`))[0].n, 3);
      sql(`DROP TABLE ${target}`);
    });
    test('Idempotency-Key', async () => {
      const headers = { 'Idempotency-Key': `e2e-${engine}-${process.pid}-${Date.now()}` };
      const send = () => post(table, '{"id":1}', { type: NDJSON, headers });
      assert.equal((await send()).status, 200);
      assert.equal((await send()).headers['idempotent-replayed'], 'true');
      assert.equal(count(), 1);
      clear();
    });
    test('a document over several lines, and a body of tens of megabytes', async () => {
      assert.equal((await posted(table, '{"id":\n1}\n{"id":2,\n"name":"b"}\n', { type: NDJSON })).rows, 2);
      clear();
      const body = 'id,name\n' + Array.from({ length: 600_000 }, (_, i) => `${i},the name of ${i}\n`).join('');
      assert.equal((await posted(table, body, { type: CSV })).rows, 600_000);
      assert.deepEqual(sql(`SELECT count(*), count(DISTINCT id), max(id) FROM ${table}`)[0].map(Number), [600_000, 600_000, 599_999]);
      clear();
    });
  });
}

test('what only PostgreSQL has: arrays, enums, types of its own', async () => {
  const table = 'e2e_into_types';
  pg(`DROP TABLE IF EXISTS ${table}`, 'DROP TYPE IF EXISTS e2e_mood', "CREATE TYPE e2e_mood AS ENUM ('sad', 'happy')", `CREATE TABLE ${table} (id int, tags text[], grid int[], mood e2e_mood, span int4range, host inet, raw bytea, big numeric)`);
  await known(table);
  const row = { id: 1, tags: ['a', 'b "c"', 'NULL', null, 'ü\\'], grid: [[1, 2], [3, 4]], mood: 'happy', span: '[1,5)', host: '10.0.0.1/8', raw: '\\x00ff', big: '123456789012345678901234567890123456789012345678901234567890.5' };
  await posted(table, JSON.stringify([row]), { type: JSON_TYPE });
  assert.equal(psql(`SELECT tags = ARRAY['a', 'b "c"', 'NULL', NULL, 'ü\\'], grid = '{{1,2},{3,4}}', mood, span, host, raw, big FROM ${table}`)[0].join('|'), `t|t|happy|[1,5)|10.0.0.1/8|\\x00ff|${row.big}`);
  const bad = await post(table, '[{"id":2},{"id":3,"mood":"so so"}]', { type: JSON_TYPE });
  assert.equal(bad.status, 400, bad.text);
  assert.match(bad.json().detail, /row 2, column "mood"/);
  pg(`DROP TABLE ${table}`, 'DROP TYPE e2e_mood');
});

test('MariaDB tables without transactions, views: declined by name', async () => {
  mariadb('DROP TABLE IF EXISTS e2e_myisam; CREATE TABLE e2e_myisam (id int) ENGINE = MyISAM');
  await known('e2e_myisam');
  const response = await post('e2e_myisam', 'id\n1\n', { type: CSV });
  assert.equal(response.status, 422, response.text);
  assert.match(response.json().detail, /MyISAM/);
  mariadb('DROP TABLE e2e_myisam');
});

test('signalbox load into tables of both', () => {
  const config = [join(dirname(varDirectory), 'signalbox.toml'), join(varDirectory, 'signalbox.toml')].find(existsSync);
  const load = (args, input) => execFileSync(join(root, 'build/release/signalbox'), ['--config', config, 'load', ...args], { input, encoding: 'utf8', stdio: 'pipe' });
  for (const [engine, sql] of [['postgres', psql], ['mysql', mariadb]]) {
    const table = `e2e_loaded_${engine}`;
    sql(`DROP TABLE IF EXISTS ${table}`);
    assert.match(load([`${engine}.${table}`, '-'], 'id,name\n1,a\n2,b\n'), /2 rows/);
    assert.throws(() => load([`${engine}.${table}`, '-'], 'id\n3\n'), /42P07/);
    assert.match(load([table, '-', '--engine', engine, '--append', '--on-error', 'skip'], 'id\n3\nfour\n'), /1 rows/);
    assert.throws(() => load([`${engine}.${table}`, '-', '--append'], 'id\n5\nfour\n'), /row 3, column "id"/);
    assert.equal(sql(`SELECT sum(id) FROM ${table}`)[0][0], '6');
    assert.match(load([`${engine}.${table}`, '-', '--replace'], '{"id":9}'), /1 rows/);
    assert.equal(sql(`SELECT sum(id) FROM ${table}`)[0][0], '9');
    sql(`DROP TABLE ${table}`);
  }
});
