// Rows over HTTP, tables over HTTP, files in SQL.
import assert from 'node:assert/strict';
import net from 'node:net';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { answer, eventually, isAlive, pidOf, port, query, request, rows, varDirectory } from './support/stack.mjs';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const post = (table, body, { headers = {}, type, search = '' } = {}) =>
  request('POST', `/api/v1/tables/${table}/data${search}`, { headers: { ...(type ? { 'Content-Type': type } : {}), ...headers }, body });
async function posted(...args) {
  const response = await post(...args);
  assert.ok([200, 201].includes(response.status), response.text);
  return response.json();
}
const get = (path) => request('GET', path);
const drop = (table) => request('DELETE', `/api/v1/tables/${table}`);
const countOf = async (table) => (await rows(`SELECT count(*) AS n FROM ${table}`))[0].n;

describe('rows in, by content type', () => {
  const table = 'e2e_types';
  after(() => drop(table));
  let expected = 0;
  const took = async (n) => assert.equal(await countOf(table), (expected += n));

  test('JSON array makes the table', async () => {
    const response = await post(table, JSON.stringify([{ id: 1, name: 'a', at: '2024-01-01T00:00:00Z' }, { id: 2, name: null, at: null }]), { type: 'application/json', search: '?create=true' });
    assert.equal(response.status, 201, response.text);
    const made = response.json();
    assert.equal(made.rows, 2);
    assert.equal(made.created, true);
    assert.notEqual(made.snapshot_id, null);
    await took(2);
  });
  test('NDJSON, one object, CSV, TSV, and bytes that are looked at', async () => {
    assert.equal((await posted(table, '{"id":3,"name":"c"}\n{"id":4,"name":"d"}\n', { type: 'application/x-ndjson' })).rows, 2);
    assert.equal((await posted(table, '{"id":5}', { type: 'application/json' })).rows, 1);
    assert.equal((await posted(table, 'id,name\n6,"six, ""6"""\n7,\n', { type: 'text/csv' })).rows, 2);
    assert.equal((await posted(table, 'id\tname\n8\teight\n', { type: 'text/tab-separated-values' })).rows, 1);
    assert.equal((await posted(table, 'id;name\n9;nine\n', { type: 'application/octet-stream' })).rows, 1);
    await took(7);
    assert.deepEqual(await rows(`SELECT id, name FROM ${table} WHERE id IN (6, 7) ORDER BY id`), [{ id: 6, name: 'six, "6"' }, { id: 7, name: null }]);
  });
  test('Parquet, as COPY writes it', async () => {
    mkdirSync(join(varDirectory, 'files'), { recursive: true });
    await answer(`COPY (SELECT id, name, at FROM ${table}) TO '${join(varDirectory, 'files/e2e-types.parquet')}'`);
    const bytes = readFileSync(join(varDirectory, 'files/e2e-types.parquet'));
    assert.equal((await posted(table, bytes, { type: 'application/vnd.apache.parquet' })).rows, 9);
    await took(9);
  });
  test('a form with files, one and several', async () => {
    const form = (...files) => files.map(([name, text]) => `--b1\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: text/csv\r\n\r\n${text}\r\n`).join('') + '--b1--\r\n';
    const type = 'multipart/form-data; boundary=b1';
    assert.equal((await posted(table, form(['a.csv', 'id,name\n20,x\n']), { type })).rows, 1);
    assert.equal((await posted(table, form(['a.csv', 'id,name\n21,x\n'], ['b.csv', 'id,name\n22,y\n23,z\n']), { type })).rows, 3);
    await took(4);
    const bad = await post(table, form(['good.csv', 'id\n1\n'], ['bad.csv', 'id\nseven\n']), { type });
    assert.equal(bad.status, 400);
    assert.match(bad.json().detail, /bad\.csv.*row 2.*"id"/, 'the file, row and column are named');
    await took(0);
  });
  test('gzip', async () => {
    const text = 'id,name\n' + Array.from({ length: 50_000 }, (_, i) => `${i + 1000},name ${i}\n`).join('');
    assert.equal((await posted(table, zlib.gzipSync(text), { type: 'text/csv', headers: { 'Content-Encoding': 'gzip' } })).rows, 50_000);
    await took(50_000);
  });
  test('a body of tens of megabytes goes by way of a file', async () => {
    const rss = () => [1, 2].map((n) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pidOf(`worker-${n}`)}/status`, 'utf8'))[1]));
    const before = rss();
    const line = (i) => `{"id":${i},"name":"${'x'.repeat(200)}"}\n`;
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => line(i)).join(''));
    assert.ok(body.length > 60e6);
    assert.equal((await posted(table, body, { type: 'application/x-ndjson' })).rows, 300_000);
    await took(300_000);
    const grown = rss().map((kib, i) => kib - before[i]);
    console.log(`# ${(body.length / 1e6).toFixed(0)} MB posted: resident memory grew by ${grown.map((kib) => (kib / 1024).toFixed(0)).join(' and ')} MiB`);
  });
});

describe('what is refused leaves the table as it was', () => {
  const table = 'e2e_refused';
  before(async () => {
    await drop(table);
    await posted(table, '[{"id":1,"price":1.5,"day":"2024-01-01"}]', { type: 'application/json', search: '?create=true' });
  });
  after(() => drop(table));
  const refused = async (status, sqlstate, detail, body, options) => {
    const response = await post(table, body, options);
    assert.equal(response.status, status, response.text);
    const problem = response.json();
    if (sqlstate) assert.equal(problem.sqlstate, sqlstate, response.text);
    assert.match(problem.detail, detail, response.text);
    assert.equal(await countOf(table), 1);
  };

  test('bad values, by row and column', async () => {
    await refused(400, '22P02', /row 3.*"id".*"two"/, 'id,price\n2,1\ntwo,1\n', { type: 'text/csv' });
    await refused(400, undefined, /row 2.*"day"/, '[{"id":2},{"id":3,"day":"not a day"}]', { type: 'application/json' });
    await refused(400, undefined, /row 3/, 'id,price\n2,1\n3,1,1,1,1\n', { type: 'text/csv' });
  });
  test('bodies that are not what they say', async () => {
    await refused(400, undefined, /./, '[{"id":2},', { type: 'application/json' });
    await refused(400, undefined, /./, '{"id":2}{{{', { type: 'application/x-ndjson' });
    await refused(502, 'XX001', /./, 'PAR1 and nothing of it PAR1', { type: 'application/vnd.apache.parquet' });
    await refused(400, '22P02', /gzip/, 'id\n2\n', { type: 'text/csv', headers: { 'Content-Encoding': 'gzip' } });
    await refused(400, '22P02', /middle/, zlib.gzipSync('id\n2\n'.repeat(1000)).subarray(0, 30), { type: 'text/csv', headers: { 'Content-Encoding': 'gzip' } });
    await refused(415, undefined, /br/, 'x', { type: 'text/csv', headers: { 'Content-Encoding': 'br' } });
    await refused(415, undefined, /Content-Type/, 'x');
    await refused(415, undefined, /Content-Type/, 'x', { type: 'image/png' });
    await refused(400, '22P02', /multipart/, 'nothing', { type: 'multipart/form-data; boundary=x' });
    await refused(400, '22023', /boundary/, 'nothing', { type: 'multipart/form-data' });
    await refused(400, '22023', /form field/, '--x\r\nContent-Disposition: form-data; name="mode"\r\n\r\nreplace\r\n--x--', { type: 'multipart/form-data; boundary=x' });
  });
  test('options that are none', async () => {
    await refused(400, '22023', /mode/, 'id\n2\n', { type: 'text/csv', search: '?mode=upsert' });
    await refused(400, '22023', /on_error/, 'id\n2\n', { type: 'text/csv', search: '?on_error=maybe' });
    await refused(400, '22023', /format/, 'id\n2\n', { type: 'text/csv', search: '?format=xml' });
    await refused(400, '22023', /delimiter/, 'id\n2\n', { type: 'text/csv', search: '?delimiter=ab' });
  });
  test('a page of another site', async () => {
    await refused(403, '42501', /other sites/, 'id\n2\n', { type: 'text/csv', headers: { Origin: 'https://elsewhere.example' } });
    const own = await post(table, 'id\n', { type: 'text/csv', headers: { Origin: `http://127.0.0.1:${port}` }, search: '?header=true' });
    assert.notEqual(own.status, 403, own.text);
  });
  test('no such table, and a method that is none', async () => {
    const response = await post('e2e_no_such_table', '{"a":1}', { type: 'application/json' });
    assert.equal(response.status, 404);
    assert.equal((await request('GET', `/api/v1/tables/${table}/data`)).status, 405);
  });
  test('a bomb: 200 MB of blanks in a gzip of 200 kB take no memory and make no row', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(200e6, ' '));
    const rss = (n) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pidOf(`worker-${n}`)}/status`, 'utf8'))[1]);
    const before = [rss(1), rss(2)];
    const response = await post(table, bomb, { type: 'application/json', headers: { 'Content-Encoding': 'gzip' } });
    assert.ok(response.status === 200 || response.status === 400, response.text);
    assert.equal(await countOf(table), 1);
    assert.ok(rss(1) - before[0] < 600e3 && rss(2) - before[1] < 600e3, 'KiB');
  });
  test('a client that leaves in the middle', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.write(`POST /api/v1/tables/${table}/data HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 10000000\r\n\r\nid\n` + '2\n'.repeat(100_000));
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.destroy();
    assert.equal((await request('GET', '/health')).status, 200);
    assert.equal(await countOf(table), 1);
    assert.ok(isAlive(pidOf('worker-1')) && isAlive(pidOf('worker-2')));
  });
});

describe('once, at once, everywhere', () => {
  const table = 'e2e_once';
  before(async () => {
    await drop(table);
    await posted(table, '[{"id":0}]', { type: 'application/json', search: '?create=true' });
  });
  after(() => drop(table));

  test('Idempotency-Key: the same post again adds nothing, another body is refused', async () => {
    const headers = { 'Idempotency-Key': `e2e-${process.pid}-${Date.now()}` };
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(table, '[{"id":100},{"id":101}]', { type: 'application/json', headers })));
    for (const response of answers) assert.ok([200, 409].includes(response.status), response.text);
    assert.equal(await countOf(table), 3);
    const again = await post(table, '[{"id":100},{"id":101}]', { type: 'application/json', headers });
    assert.equal(again.status, 200);
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.equal(again.json().rows, 2);
    assert.equal((await post(table, '[{"id":7}]', { type: 'application/json', headers })).status, 400);
    assert.equal(await countOf(table), 3);
    const failing = { 'Idempotency-Key': `${headers['Idempotency-Key']}-f` };
    assert.equal((await post(table, '[{"id":"no number"}]', { type: 'application/json', headers: failing })).status, 400);
    assert.equal((await post(table, '[{"id":"no number"}]', { type: 'application/json', headers: failing })).status, 400, 'what failed may be tried again');
  });
  test('a row is there for every query that begins after the answer, on whichever process', async () => {
    const times = [];
    for (let id = 1000; id < 1040; id++) {
      const began = performance.now();
      await posted(table, `{"id":${id}}`, { type: 'application/json' });
      const found = await Promise.all(Array.from({ length: 4 }, () => rows(`SELECT count(*) AS n FROM ${table} WHERE id = ${id}`)));
      times.push(performance.now() - began);
      assert.deepEqual(found, Array(4).fill([{ n: 1 }]));
    }
    times.sort((a, b) => a - b);
    console.log(`# posted, durable and seen by four queries: median ${times[20].toFixed(1)} ms, slowest ${times[39].toFixed(1)} ms`);
  });
  test('many small posts at once: every row once', async () => {
    const before = await countOf(table);
    await Promise.all(Array.from({ length: 100 }, (_, i) => posted(table, `{"id":${5000 + i}}`, { type: 'application/json' })));
    assert.equal(await countOf(table), before + 100);
    assert.equal((await rows(`SELECT count(DISTINCT id) AS n FROM ${table} WHERE id >= 5000`))[0].n, 100);
  });
  test('replace', async () => {
    assert.equal((await posted(table, '[{"id":1},{"id":2}]', { type: 'application/json', search: '?mode=replace' })).rows, 2);
    assert.equal(await countOf(table), 2);
  });
  test('replace keeps the columns, and adds to them as an append does', async () => {
    const kept = 'e2e_replaced';
    await drop(kept);
    await posted(kept, '[{"id":1,"name":"a","big":2.50}]', { type: 'application/json', search: '?create=true' });
    assert.deepEqual((await posted(kept, '[{"name":"b"}]', { type: 'application/json', search: '?mode=replace' })).schema_changes, []);
    assert.deepEqual(await rows(`SELECT * FROM ${kept}`), [{ id: null, name: 'b', big: null }]);
    const grown = await posted(kept, 'id,extra\n7,x\n', { type: 'text/csv', search: '?mode=replace' });
    assert.deepEqual(grown.schema_changes, [{ column: 'extra', change: 'added', type: 'text' }]);
    assert.deepEqual(await rows(`SELECT * FROM ${kept}`), [{ id: 7, name: null, big: null, extra: 'x' }]);
    assert.equal((await post(kept, '[{"id":"no number"}]', { type: 'application/json', search: '?mode=replace' })).status, 400);
    assert.equal(await countOf(kept), 1, 'a replacement that fails leaves the rows');
    await posted(kept, '[{"only":1}]', { type: 'application/json', search: '?mode=replace&create=true' });
    assert.deepEqual(await rows(`SELECT * FROM ${kept}`), [{ only: 1 }], 'with create the columns are the body\'s');
    await drop(kept);
  });
  test('Idempotency-Key covers a body that went by way of a file', async () => {
    const headers = { 'Idempotency-Key': `e2e-spooled-${process.pid}-${Date.now()}` };
    const body = (last) => 'id\n' + '1000000\n'.repeat(400_000) + `${last}\n`;
    const before = await countOf(table);
    assert.equal((await posted(table, body(1000001), { type: 'text/csv', headers })).rows, 400_001);
    const other = await post(table, body(1000002), { type: 'text/csv', headers });
    assert.equal(other.status, 400, other.text);
    assert.match(other.json().detail, /another body/);
    assert.equal((await post(table, body(1000001), { type: 'text/csv', headers })).headers['idempotent-replayed'], 'true');
    assert.equal(await countOf(table), before + 400_001);
  });
});

describe('tables as resources', () => {
  const table = 'e2e_made';
  after(() => drop(table));

  test('made, described, listed, dropped', async () => {
    const body = { name: table, columns: [{ name: 'id', type: 'bigint', nullable: false }, { name: 'at', type: 'timestamptz' }, { name: 'price', type: 'numeric(10,2)' }, { name: 'note', type: 'text' }] };
    const made = await request('POST', '/api/v1/tables', { headers: JSON_TYPE, body: JSON.stringify(body) });
    assert.equal(made.status, 201, made.text);
    const again = await request('POST', '/api/v1/tables', { headers: JSON_TYPE, body: JSON.stringify(body) });
    assert.equal(again.status, 409);
    for (const wrong of [{ ...body, name: '' }, { ...body, columns: [] }, { ...body, color: 'red' }, { ...body, columns: [{ name: 'a', type: 'int); DROP TABLE x; --' }] }, { ...body, columns: [{ name: 'a', type: 'nonsense' }] }]) {
      const response = await request('POST', '/api/v1/tables', { headers: JSON_TYPE, body: JSON.stringify({ ...wrong, name: wrong.name && 'e2e_wrong' }) });
      assert.ok([400, 422].includes(response.status), response.text);
    }
    const lines = Array.from({ length: 100 }, (_, i) => JSON.stringify({ id: i, at: new Date(Date.UTC(2024, 0, 1 + i)).toISOString(), price: i / 4, note: i % 10 ? `Note number ${i}` : null })).join('\n');
    await posted(table, lines, { type: 'application/x-ndjson' });
    const described = (await get(`/api/v1/tables/${table}`)).json();
    assert.equal(described.row_count, 100);
    assert.equal(described.file_count, 1);
    assert.equal(described.snapshots.at(-1).added_rows, 100);
    assert.deepEqual(described.columns.map((column) => column.type), ['int8', 'timestamptz', 'numeric', 'text']);
    await get('/api/v1/tables');
  });
  test('rows by key, time, words, the most recent', async () => {
    const ids = async (search) => (await get(`/api/v1/tables/${table}/rows?${search}`)).json().data.map((row) => row.id);
    assert.deepEqual(await ids('id=42'), [42]);
    assert.deepEqual(await ids('id=7.5&column=price'), [30]);
    assert.deepEqual(await ids('from=2024-01-10&to=2024-01-13&order=id'), [9, 10, 11]);
    assert.deepEqual(await ids('order=recent&limit=3'), [99, 98, 97]);
    assert.deepEqual(await ids('order=recent&limit=2&offset=2'), [97, 96]);
    assert.deepEqual(await ids('q=NUMBER+55'), [55]);
    assert.deepEqual(await ids('q=5'), [5], 'whole words');
    assert.deepEqual(await ids('q=(5'), [5], 'no pattern');
    assert.deepEqual(await ids('limit=0'), []);
    const csv = await get(`/api/v1/tables/${table}/rows?id=1&format=csv`);
    assert.match(csv.text, /^id,at,price,note\r?\n1,/);
    for (const search of ['column=nope&from=1', 'id=abc', 'limit=-1', 'order=nope', 'q=...'])
      assert.equal((await get(`/api/v1/tables/${table}/rows?${search}`)).status, 400, search);
    assert.equal((await get('/api/v1/tables/e2e_nothing/rows')).status, 404);
  });
  test('search reads no row group whose values cannot match', async () => {
    const text = 'e2e_words';
    await drop(text);
    for (const [i, words] of ['Grün und Blau', 'alpha beta', 'beta, GAMMA!'].entries())
      await posted(text, Array.from({ length: 5000 }, (_, n) => JSON.stringify({ id: i * 5000 + n, note: words })).join('\n'), { type: 'application/x-ndjson', search: '?create=true' });
    const found = async (words) => {
      const { data, stats } = await answer({ sql: `SELECT count(*) AS n FROM ${text} WHERE search(note, $1)`, params: [words], engine: 'columnar' });
      return [data[0].n, stats.row_groups_skipped];
    };
    assert.deepEqual(await found('gamma beta'), [5000, 2]);
    assert.deepEqual(await found('BETA'), [10000, 1]);
    assert.deepEqual(await found('GRÜN'), [5000, 2]);
    assert.deepEqual(await found('alphabet'), [0, 3]);
    assert.deepEqual(await found('alph'), [0, 3]);
    assert.equal((await get(`/api/v1/tables/${text}/rows?q=Gamma&limit=9`)).json().row_count, 9);
    await drop(text);
  });
  test('search reads no page whose words are others, where a column has too many values for a dictionary', async () => {
    const [log, plain, count] = ['e2e_log', 'e2e_log_plain', 70_000];
    const random = (n, salt) => Math.abs(Math.imul(n * 7919 + salt, 2654435761)) % 2000;
    const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ id: n, level: n % 2 ? 'info' : 'warn',
      message: `Common words ${random(n, 1)} ${random(n, 2)}-${random(n, 3)} ${random(n, 4)}; ${random(n, 5)} order${n} ${n === 40_000 ? 'Zanzibär' : ''}` })).join('\n');
    const search = async (table, where) => {
      const { data, stats } = await answer({ sql: `SELECT count(*) AS n, min(id) AS id FROM ${table} WHERE ${where}`, engine: 'columnar' });
      return { n: data[0].n, id: data[0].id, read: stats.rows_scanned };
    };
    for (const [table, options] of [[log, ''], [plain, ` WITH ("signalbox.word-filters" = 'false')`]]) {
      await drop(table);
      await query({ sql: `CREATE TABLE columnar.${table} (id bigint, level text, message text)${options}` });
      await posted(table, lines, { type: 'application/x-ndjson' });
      for (const compacted of [false, true]) {
        if (compacted) {
          await posted(table, JSON.stringify({ id: -1, level: 'info', message: 'one more file' }), { type: 'application/x-ndjson' });
          await query({ sql: `CALL signalbox.compact('${table}')` });
        }
        for (const [where, n, id] of [[`search(message, 'zanzibÄR')`, 1, 40_000], [`search(message, 'order69999 common')`, 1, 69_999],
          [`search(level, 'order5') OR search(message, 'order5')`, 1, 5], [`search(message, 'order')`, 0, null]]) {
          const found = await search(table, where);
          assert.deepEqual([found.n, found.id], [n, id], where);
          const all = count + (compacted ? 1 : 0);
          if (table === plain) assert.equal(found.read, all, where);
          else assert.ok(found.read < all, `${where} reads ${found.read} rows`);
        }
        assert.equal((await search(table, `search(message, 'common')`)).n, count);
      }
      const found = (await get(`/api/v1/tables/${table}/rows?q=order31234+common`)).json();
      assert.deepEqual(found.data.map((row) => row.id), [31_234]);
      await drop(table);
    }
  });
  test('profile', async () => {
    const profile = (await get(`/api/v1/tables/${table}/profile`)).json();
    const [id, at, price, note] = profile.columns;
    assert.equal(profile.row_count, 100);
    assert.deepEqual([id.nulls, id.distinct, id.min, id.max], [0, 100, 0, 99]);
    assert.deepEqual(id.histogram.map((bucket) => bucket.count), Array(20).fill(5));
    assert.equal(at.histogram.reduce((sum, bucket) => sum + bucket.count, 0), 100);
    assert.equal(price.max, 24.75);
    assert.equal(note.nulls, 10);
    assert.equal(note.top.length, 10);
    // PostgreSQL's tables, too.
    assert.equal((await get('/api/v1/tables/users/profile?column=id')).status, 200);
  });
  test('dropped', async () => {
    const gone = await drop(table);
    assert.equal(gone.status, 204);
    assert.equal((await get(`/api/v1/tables/${table}`)).status, 404);
    assert.equal((await drop(table)).status, 404);
  });
});

describe('schemas', () => {
  const post_schema = async (body) => {
    const response = await request('POST', '/api/v1/schemas', { headers: JSON_TYPE, body: JSON.stringify(body) });
    return response.status;
  };
  const listed = async (engine) => (await get('/api/v1/schemas')).json().schemas.filter((schema) => schema.engine === engine).map((schema) => [schema.name, schema.table_count]).filter(([name]) => name.startsWith('e2e_s'));
  const columnar = (sql) => query({ sql, engine: 'columnar' });

  test('of the columnar engine: made, listed while empty, filled, dropped', async () => {
    await columnar('DROP SCHEMA IF EXISTS e2e_s1, e2e_s2 CASCADE');
    assert.equal(await post_schema({ name: 'e2e_s1', engine: 'columnar' }), 201);
    assert.equal(await post_schema({ name: 'e2e_s1', engine: 'columnar' }), 409);
    assert.equal((await query('/*+ engine(columnar) */ CREATE SCHEMA e2e_s2')).json().command, 'CREATE SCHEMA');
    assert.equal((await columnar('CREATE SCHEMA IF NOT EXISTS e2e_s2')).status, 200);
    assert.deepEqual(await listed('columnar'), [['e2e_s1', 0], ['e2e_s2', 0]]);
    await answer({ sql: 'CREATE TABLE e2e_s1.t (a int)', engine: 'columnar' });
    assert.equal((await query({ sql: 'CREATE TABLE e2e_none.t (a int)', engine: 'columnar' })).json().sqlstate, '3F000');
    assert.deepEqual(await listed('columnar'), [['e2e_s1', 1], ['e2e_s2', 0]]);
    const refused = await columnar('DROP SCHEMA e2e_s1');
    assert.equal(refused.json().sqlstate, '2BP01', refused.text);
    assert.equal((await columnar('DROP SCHEMA e2e_s1 CASCADE')).status, 200);
    assert.equal((await columnar('DROP SCHEMA e2e_s1')).json().sqlstate, '3F000');
    assert.equal((await columnar('DROP SCHEMA "default"')).json().sqlstate, '2BP01');
    assert.deepEqual(await listed('columnar'), [['e2e_s2', 0]]);
    assert.equal((await columnar('DROP SCHEMA e2e_s2')).status, 200);
  });
  test('of PostgreSQL, too', async () => {
    await query('DROP SCHEMA IF EXISTS e2e_s3');
    assert.equal(await post_schema({ name: 'e2e_s3' }), 201);
    assert.deepEqual(await listed('postgres'), [['e2e_s3', 0]]);
    assert.equal((await query('DROP SCHEMA e2e_s3')).status, 200);
    assert.deepEqual(await listed('postgres'), []);
  });
});

describe('files in SQL', () => {
  const files = join(varDirectory, 'files');
  const table = 'e2e_from_files';
  before(() => {
    mkdirSync(files, { recursive: true });
    chmodSync(files, 0o777);
    writeFileSync(join(files, 'e2e-a.csv'), 'k,v\n1,one\n2,two\n');
    writeFileSync(join(files, 'e2e-b.csv'), 'k,w\n3,2024-01-01\n');
    rmSync(join(files, 'e2e-out'), { recursive: true, force: true });
    symlinkSync('/etc', join(files, 'e2e-out'));
  });
  after(async () => {
    rmSync(join(files, 'e2e-out'));
    await query(`DROP TABLE ${table}`);
  });

  test('read_csv: one, several, joined, changed', async () => {
    assert.deepEqual(await rows("SELECT * FROM read_csv('e2e-a.csv') ORDER BY k"), [{ k: 1, v: 'one' }, { k: 2, v: 'two' }]);
    assert.deepEqual(await rows("SELECT k, v, w FROM read_csv('e2e-[ab].csv') ORDER BY k DESC LIMIT 1"), [{ k: 3, v: null, w: '2024-01-01' }]);
    assert.deepEqual(await rows("SELECT f.v, u.id FROM read_csv('e2e-a.csv') f JOIN users u ON u.id = f.k ORDER BY 2"), [{ v: 'one', id: 1 }, { v: 'two', id: 2 }]);
    writeFileSync(join(files, 'e2e-a.csv'), 'k,v\n1,one\n2,two\n9,nine\n');
    for (let i = 0; i < 6; i++) assert.deepEqual(await rows("SELECT * FROM read_csv('e2e-a.csv') WHERE k > 2"), [{ k: 9, v: 'nine' }]);
  });
  test('filename: which file a row is in', async () => {
    writeFileSync(join(files, 'e2e-named.ndjson'), '{"k":1}\n{"k":2,"filename":"mine"}\n');
    const names = async (call, rest = '') =>
      (await rows(`SELECT k, filename FROM ${call} ${rest} ORDER BY k`)).map((row) => [row.k, row.filename.replace(`${files}/`, '')]);
    await answer("COPY (SELECT k FROM read_csv('e2e-a.csv') WHERE k < 3) TO 'e2e-named-1.parquet'");
    await answer("COPY (SELECT k FROM read_csv('e2e-b.csv')) TO 'e2e-named-2.parquet'");
    const both = [[1, 'e2e-named-1.parquet'], [2, 'e2e-named-1.parquet'], [3, 'e2e-named-2.parquet']];
    assert.deepEqual(await names("read_parquet('e2e-named-*.parquet', filename => true)"), both);
    assert.deepEqual(await names("read_parquet('e2e-named-*.parquet', filename => true)", "WHERE filename LIKE '%2.parquet'"), both.slice(2));
    assert.deepEqual(await names("read_parquet('e2e-named-*.parquet', filename => true)", `WHERE filename = '${files}/e2e-named-1.parquet'`), both.slice(0, 2));
    assert.deepEqual(await names("read_csv('e2e-b.csv', filename = true)"), [[3, 'e2e-b.csv']]);
    const taken = await query("SELECT * FROM read_json('e2e-named.ndjson', filename => true)");
    assert.equal(taken.status, 400, taken.text);
    assert.equal(taken.json().sqlstate, '42701');
  });
  test('nothing outside the directories', async () => {
    for (const path of ['/etc/passwd', '../signalbox.toml', 'e2e-out/passwd', 'x/../../signalbox.toml', 'e2e-out/pass*']) {
      for (const sql of [`SELECT * FROM read_csv('${path}')`, `COPY (SELECT * FROM read_csv('e2e-a.csv')) TO '${path}'`]) {
        const response = await query(sql);
        assert.equal(response.status, 403, `${sql}: ${response.text}`);
        assert.equal(response.json().sqlstate, '42501');
      }
    }
    assert.equal((await query("SELECT * FROM read_csv('e2e-none.csv')")).status, 400);
  });
  test('CREATE TABLE AS, COPY FROM, COPY TO', async () => {
    await answer(`CREATE TABLE ${table} AS SELECT * FROM read_csv('e2e-a.csv')`);
    const copied = await answer(`COPY ${table} FROM 'e2e-a.csv'`);
    assert.equal(copied.command, 'COPY');
    assert.equal(copied.row_count, 3);
    assert.equal(await countOf(table), 6);
    for (const format of ['csv', 'ndjson', 'parquet']) {
      assert.equal((await answer(`COPY (SELECT k, v FROM ${table} ORDER BY k, v) TO 'e2e-copy.${format}'`)).row_count, 6);
      const reader = { csv: 'read_csv', ndjson: 'read_json', parquet: 'read_parquet' }[format];
      assert.deepEqual(await rows(`SELECT k, v FROM ${reader}('e2e-copy.${format}')`), await rows(`SELECT k, v FROM ${table} ORDER BY k, v`), format);
    }
    writeFileSync(join(files, 'e2e-bad.csv'), 'k,v\n1,one\nx,two\n');
    const bad = await query(`COPY ${table} FROM 'e2e-bad.csv'`);
    assert.equal(bad.status, 400, bad.text);
    assert.match(bad.json().detail, /e2e-bad\.csv.*row 3.*"k"/);
    assert.equal(await countOf(table), 6);
    for (const declined of [`COPY ${table} FROM 'e2e-a.csv' WITH (FORMAT binary)`, `COPY ${table} FROM STDIN`, `COPY ${table} FROM PROGRAM 'id'`, `COPY ${table} (k) FROM 'e2e-a.csv'`])
      assert.equal((await query(declined)).status, 422, declined);
  });
});

describe('rows and profile, of a columnar table and of one of PostgreSQL', () => {
  const columns = '(id int, name text, note text, at timestamptz, price numeric(8,2))';
  const values = "SELECT g, 'name ' || g, CASE WHEN g % 10 = 0 THEN 'Rare, word' ELSE 'plain' END, timestamptz '2024-01-01Z' + g * interval '1 day', (g / 4.0)::numeric(8,2) FROM generate_series(1, 100) g";
  for (const engine of ['columnar', 'postgres'])
    test(engine, async () => {
      const table = `e2e_both_${engine}`;
      await query({ sql: `DROP TABLE IF EXISTS ${table}`, engine });
      await answer({ sql: `CREATE TABLE ${table} ${columns}`, engine });
      await answer({ sql: `INSERT INTO ${table} ${values}`, engine });
      const ids = async (search) => (await get(`/api/v1/tables/${table}/rows?${search}`)).json().data.map((row) => row.id);
      assert.deepEqual(await ids('id=42'), [42]);
      assert.deepEqual(await ids('id=name+42&column=name'), [42]);
      assert.deepEqual(await ids('id=7.5&column=price'), [30]);
      assert.deepEqual(await ids('from=2024-01-10&to=2024-01-13&order=id'), [9, 10, 11]);
      assert.deepEqual(await ids('column=id&from=98&order=id.desc'), [100, 99, 98]);
      assert.deepEqual(await ids('order=recent&limit=3'), [100, 99, 98]);
      assert.deepEqual(await ids('order=recent&limit=2&offset=2'), [98, 97]);
      assert.deepEqual(await ids('q=WORD+rare&order=id&limit=2'), [10, 20]);
      assert.deepEqual(await ids('q=wor'), [], 'whole words');
      assert.deepEqual(await ids('q=word&from=2024-01-15&to=2024-01-25&order=id'), [20]);
      for (const search of ['column=nope&from=1', 'id=abc', 'limit=-1', 'order=nope', 'q=...'])
        assert.equal((await get(`/api/v1/tables/${table}/rows?${search}`)).status, 400, search);
      const profile = (await get(`/api/v1/tables/${table}/profile`)).json();
      const of = Object.fromEntries(profile.columns.map((column) => [column.name, column]));
      assert.deepEqual([profile.row_count, of.id.nulls, of.id.distinct, of.id.min, of.id.max, of.id.histogram.length], [100, 0, 100, 1, 100, 20]);
      assert.deepEqual([of.note.distinct, of.price.max, of.note.top[0].count], [2, 25, 90]);
      assert.equal((await get(`/api/v1/tables/${table}/profile?column=note`)).json().columns.length, 1);
      await answer({ sql: `DROP TABLE ${table}`, engine });
    });
  test('search() without a table, and as_of of a route', async () => {
    assert.deepEqual(await rows("SELECT search('Alpha beta', 'BETA') AS a, search('Alpha', 'alp') AS b"), [{ a: true, b: false }]);
    await drop('e2e_past');
    await posted('e2e_past', '[{"a":1}]', { type: 'application/json', search: '?create=true' });
    const routed = async (as_of) => {
      const response = await request('POST', '/api/v1/route', { headers: JSON_TYPE, body: JSON.stringify({ sql: 'SELECT * FROM e2e_past', as_of }) });
      return [response.status, response.json()];
    };
    const [snapshot] = await rows('SELECT snapshot_id::text AS id FROM e2e_past$snapshots');
    const [status, decision] = await routed(snapshot.id);
    assert.deepEqual([status, decision.engine], [200, 'columnar']);
    assert.equal((await routed('no such branch'))[0], 400);
    await drop('e2e_past');
  });
});

describe('a client that leaves in the middle of a write: all or nothing, and no file stays', () => {
  const table = 'e2e_left';
  const filesOf = () => {
    const found = [];
    const walk = (directory) => {
      for (const entry of readdirSync(directory, { withFileTypes: true }))
        if (entry.isDirectory()) walk(join(directory, entry.name));
        else if (entry.name.endsWith('.parquet')) found.push(join(directory, entry.name));
    };
    const location = varDirectory + '/warehouse/default/' + table;
    if (existsSync(location)) walk(location);
    return found.length;
  };
  const listed = async () => (await rows(`SELECT count(*) AS n FROM ${table}$files`))[0].n;
  // Whoever was cut off may still be ending: what it does then is all of it, too.
  const settled = async (rowsOfOne) => {
    await eventually("no file but the table's own is there", async () => filesOf() === await listed());
    const count = await countOf(table);
    assert.equal((count - 1) % rowsOfOne, 0, `${count} rows`);
  };
  before(async () => {
    await drop(table);
    await posted(table, '[{"id":0}]', { type: 'application/json', search: '?create=true' });
    assert.ok(filesOf() > 0, 'the test looks where the files are');
  });
  after(() => drop(table));

  test('INSERT ... SELECT', async () => {
    for (const wait of [5, 50, 150, 400]) {
      const controller = new AbortController();
      const running = query({ sql: `INSERT INTO ${table} SELECT g FROM generate_series(1, 1000000) g`, engine: 'columnar' }, { signal: controller.signal }).then(() => {}, () => {});
      setTimeout(() => controller.abort(), wait);
      await running;
      await settled(1_000_000);
    }
  });
  test('a post whose body has arrived', async () => {
    const lines = 'id\n' + Array.from({ length: 1_000_000 }, (_, i) => `${i}\n`).join('');
    for (const wait of [20, 60, 120, 250]) {
      const controller = new AbortController();
      const running = request('POST', `/api/v1/tables/${table}/data`, { headers: { 'Content-Type': 'text/csv' }, body: lines, signal: controller.signal }).then(() => {}, () => {});
      setTimeout(() => controller.abort(), wait);
      await running;
      await settled(1_000_000);
    }
  });
});
