// The formats of answers: other programs' readers give back the rows that JSON shows. GET /query, compression, other paths.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { tableFromIPC } from 'apache-arrow';
import { answer, query, request, root, rows } from './support/stack.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'signalbox-formats-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const EVERY_TYPE = `SELECT i AS int4, i::int8 * 1000000007 AS int8, i::int2 AS int2, i % 2 = 0 AS bool, i / 8.0::float8 AS float8, i::float4 AS float4,
  (i * 12345.678)::numeric(20, 3) AS numeric, i::numeric / 3 AS unlimited, 'größer ' || i AS text, date '2024-02-28' + i AS date,
  timestamp '2024-01-01 10:00:00.123456' + i * interval '1 day' AS timestamp, timestamptz '1969-12-31 23:59:59+00' + i * interval '1 hour' AS timestamptz,
  time '10:20:30.5' AS time, '{"a": 1}'::jsonb AS jsonb, ARRAY[i, NULL, 3] AS array,
  CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS sometimes FROM generate_series(0, 49) AS i ORDER BY i`;

const day = (value) => new Date(Number(value)).toISOString().slice(0, 10);
const decimal = (words, scale) => {
  const unscaled = [...words].reduceRight((value, word) => (value << 32n) | BigInt(word >>> 0), 0n);
  return Number(BigInt.asIntN(128, unscaled)) / 10 ** scale;
};

for (const engine of ['postgres', 'columnar']) {
  describe(`formats, from ${engine}`, () => {
    let expected;
    before(async () => { expected = await rows({ sql: EVERY_TYPE, engine }); });

    for (const format of ['arrow', 'arrowfile'])
      test(`${format} is read by apache-arrow`, async () => {
        const response = await query({ sql: EVERY_TYPE, engine }, { path: `/query?format=${format}` });
        assert.equal(response.status, 200, response.text.slice(0, 500));
        const table = tableFromIPC(response.bytes);
        assert.equal(table.numRows, expected.length);
        assert.deepEqual(table.schema.fields.map((field) => field.name), Object.keys(expected[0]));
        for (const [i, row] of expected.entries()) {
          const found = table.get(i);
          for (const name of ['int4', 'int2', 'bool', 'float8', 'float4', 'text', 'sometimes'])
            assert.equal(String(found[name]), String(row[name]), `${name} of row ${i}`);
          assert.equal(Number(found.int8), row.int8);
          assert.equal(Number(found.unlimited), row.unlimited); // text: every digit; JSON.parse has rounded
          assert.equal(decimal(found.numeric, 3), row.numeric);
          assert.equal(day(found.date), row.date);
          assert.equal(new Date(Number(found.timestamptz)).toISOString().slice(0, 19), row.timestamptz.slice(0, 19).replace(' ', 'T'));
          assert.deepEqual([...found.array], row.array);
          assert.deepEqual(JSON.parse(found.jsonb), row.jsonb);
        }
        assert.equal(table.schema.fields.find((field) => field.name === 'jsonb').metadata.get('pg_type'), 'jsonb');
      });

    test('parquet, loaded again, is the same rows', async () => {
      const response = await query({ sql: EVERY_TYPE, engine }, { headers: { Accept: 'application/vnd.apache.parquet' } });
      assert.equal(response.status, 200, response.text.slice(0, 500));
      assert.equal(response.headers['content-type'], 'application/vnd.apache.parquet');
      assert.equal(response.bytes.subarray(0, 4).toString() + response.bytes.subarray(-4).toString(), 'PAR1PAR1');
      const made = await request('POST', `/ingest?table=formats_${engine}&create=true&mode=replace`, { headers: { 'Content-Type': 'application/vnd.apache.parquet' }, body: response.bytes });
      assert.ok(made.status === 200 || made.status === 201, made.text);
      const found = await rows(`SELECT * FROM formats_${engine} ORDER BY int4`);
      const plain = (row) => ({ ...row, unlimited: Number(row.unlimited) }); // text in the file
      assert.deepEqual(found.map(plain), expected.map(plain));
      await request('DELETE', `/api/v1/tables/formats_${engine}`);
    });
  });
}

test('no rows, no columns beyond: empty results in each format', async () => {
  for (const format of ['json', 'compact', 'csv', 'ndjson', 'arrow', 'arrowfile', 'parquet']) {
    const response = await query('SELECT id, name FROM users WHERE id < 0', { path: `/query?format=${format}` });
    assert.equal(response.status, 200, `${format}: ${response.text.slice(0, 300)}`);
    if (format.startsWith('arrow')) assert.equal(tableFromIPC(response.bytes).numRows, 0);
  }
});

test('max_rows cuts binary formats, too', async () => {
  const response = await query({ sql: 'SELECT * FROM flights', max_rows: 12345 }, { path: '/query?format=arrow' });
  assert.equal(tableFromIPC(response.bytes).numRows, 12345);
});

test('the program writes the same formats', () => {
  const config = join(process.env.SIGNALBOX_E2E_VAR, '..', 'signalbox.toml');
  const program = join(root, 'build', process.env.PRESET ?? 'release', 'signalbox');
  const run = (...args) => execFileSync(program, ['--config', config, ...args], { maxBuffer: 1 << 28 });
  const sql = 'SELECT zip_code, city, latitude FROM zipcodes ORDER BY zip_code LIMIT 1000';
  assert.equal(tableFromIPC(run('query', '--format', 'arrow', sql)).numRows, 1000);
  assert.equal(run('query', '--format', 'parquet', sql).subarray(0, 4).toString(), 'PAR1');
  for (const name of ['zips.arrow', 'zips.arrows', 'zips.parquet']) run('export', sql, join(scratch, name));
  assert.equal(tableFromIPC(execFileSync('cat', [join(scratch, 'zips.arrow')])).get(0).city, tableFromIPC(execFileSync('cat', [join(scratch, 'zips.arrows')])).get(0).city);
});

describe('GET /query', () => {
  test('reads, in every format, with parameters', async () => {
    const found = await request('GET', `/query?sql=${encodeURIComponent('SELECT name FROM users WHERE id = $1')}&params=%5B42%5D`);
    assert.equal(found.status, 200, found.text);
    assert.deepEqual(found.json().data, await rows('SELECT name FROM users WHERE id = 42'));
    const csv = await request('GET', '/query/sql?sql=SELECT+1+AS+a&format=csv');
    assert.equal(csv.text, 'a\r\n1\r\n');
    const again = await request('GET', '/query?sql=SELECT+1+AS+a&format=csv', { headers: { 'If-None-Match': csv.headers.etag } });
    assert.equal(again.status, 304);
  });
  test('does not write, nor call what may', async () => {
    for (const sql of ['DELETE FROM users', 'CREATE TABLE by_get (a int)', "SELECT setval('x', 1)", 'SELECT pg_terminate_backend(1)', 'BEGIN; SELECT 1; COMMIT']) {
      const response = await request('GET', `/query?sql=${encodeURIComponent(sql)}`);
      assert.ok([400, 405, 422].includes(response.status), `${sql}: ${response.status}`);
    }
    assert.equal((await request('GET', '/query?sql=DELETE+FROM+users')).status, 405);
  });
  test('pages of other sites are refused', async () => {
    const response = await request('GET', '/query?sql=SELECT+1', { headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' } });
    assert.equal(response.status, 403);
  });
});

test('nginx compresses text, and leaves the rest', async () => {
  const url = '/query?sql=SELECT+*+FROM+users+LIMIT+500';
  const text = await request('GET', `${url}&format=csv`);
  const packed = await request('GET', `${url}&format=csv`, { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(packed.bytes).length, text.bytes.length);
  assert.equal((await request('GET', `${url}&format=arrow`, { headers: { 'Accept-Encoding': 'gzip' } })).headers['content-encoding'], undefined);
});

test('paths of similar tools', async () => {
  assert.equal((await request('GET', '/status')).status, 200);
  assert.deepEqual((await request('GET', '/query/id/42?table=users')).json().data, await rows('SELECT * FROM users WHERE id = 42'));
  assert.equal((await request('GET', '/query/recent?table=transactions&limit=3')).json().row_count, 3);
  assert.equal((await request('GET', '/query/date-range?table=transactions&from=2100-01-01')).json().row_count, 0);
  assert.equal((await request('GET', '/query/search?table=airports&q=Chicago&limit=1')).json().row_count, 1);
  for (const path of ['/schema', '/schema?table=users', '/files', '/files?table=flights', '/statistics', '/statistics?table=airports']) assert.equal((await request('GET', path)).status, 200, path);
  const form = new FormData();
  form.append('file', new Blob(['a,b\n1,x\n2,y\n'], { type: 'text/csv' }), 'some.csv');
  const encoded = new Response(form);
  const made = await request('POST', '/ingest/file?table=formats_form&create=true', { headers: { 'Content-Type': encoded.headers.get('content-type') }, body: Buffer.from(await encoded.arrayBuffer()) });
  assert.equal(made.status, 201, made.text);
  assert.equal((await answer('SELECT sum(a) AS sum FROM formats_form')).data[0].sum, 3);
  assert.equal((await request('DELETE', '/api/v1/tables/formats_form')).status, 204);
  assert.equal((await request('GET', '/query/recent')).status, 400);
});

test('/docs is there, and asks no other host', async () => {
  const page = await request('GET', '/docs/');
  assert.equal(page.status, 200);
  const script = await request('GET', '/docs/docs.js');
  assert.equal(script.status, 200);
  assert.doesNotMatch(page.text + script.text, /https?:\/\//);
});
