// What is refused, and how: always RFC 9457, always with the request's identifier, never a crash.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { answer, isAlive, pidOf, query, request } from './support/stack.mjs';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const workers = [1, 2].map((number) => pidOf(`worker-${number}`));

function assertProblem(response, status, sqlstate) {
  assert.equal(response.status, status, response.text.slice(0, 500));
  assert.match(response.headers['content-type'], /^application\/problem\+json/);
  const problem = response.json();
  assert.equal(problem.status, status);
  assert.ok(problem.type && problem.title, response.text);
  assert.ok(problem.detail?.length > 5, response.text);
  assert.ok(problem.request_id, response.text);
  assert.equal(problem.request_id, response.headers['x-request-id']);
  if (sqlstate) assert.equal(problem.sqlstate, sqlstate, response.text);
  return problem;
}
const post = (body, headers = JSON_TYPE, path = '/query') => request('POST', path, { headers, body });

after(() => assert.deepEqual(workers.filter(isAlive), workers, 'no process of the pool may have died of any of this'));

describe('SQL', () => {
  for (const [what, sql, sqlstate, at] of [
    ['misspelt first word', 'SELEC 1', '42601', 'SELEC'],
    ['misplaced word', 'SELECT id FROM users WHERE WHERE id = 1', '42601', 'WHERE id'],
    ['after characters of four bytes', "SELECT '𝄞é', idd FROM users", '42703', 'idd'],
    ['unknown column', 'SELECT id,\n  nothing\nFROM users', '42703', 'nothing'],
    ['unknown function', 'SELECT frobnicate(id) FROM users', '42883', 'frobnicate'],
    ['unknown table', 'SELECT * FROM usrs', '42P01', 'usrs'],
    ['unknown column of a columnar table', 'SELECT origin, nothing FROM flights', '42703', 'nothing'],
    ['a column that is not grouped', 'SELECT origin, delay FROM flights GROUP BY origin', '42803', 'delay'],
  ])
    test(`${what} is a 400 with its position`, async () => {
      const problem = assertProblem(await query(sql), 400, sqlstate);
      assert.equal(problem.position, [...sql.slice(0, sql.indexOf(at))].length + 1, JSON.stringify(problem));
    });

  test('an unknown column of a MariaDB table', async () => {
    assert.match(assertProblem(await query('SELECT zip_code, nothing FROM zipcodes'), 400, '42703').detail, /nothing/);
  });
  test('an unterminated string', async () => {
    const problem = assertProblem(await query("SELECT 'abc"), 400, '42601');
    assert.equal(problem.position, 8);
  });
  test('an unknown table close to a known one gets a hint', async () => {
    assert.match(assertProblem(await query('SELECT * FROM flihgts'), 400, '42P01').hint, /flights/);
  });
  test('division by zero', async () => {
    assertProblem(await query('SELECT 1/0'), 400, '22012');
    assertProblem(await query('SELECT sum(1 / (delay - delay)) FROM flights'), 400, '22012');
  });
  test('nothing to run', async () => {
    for (const sql of ['', '   ', '-- only this', ';']) assertProblem(await query(sql), 400);
  });
  test('a NUL character', async () => {
    assertProblem(await query('SELECT 1\u0000'), 400);
  });
  test('10 MB of SQL', async () => {
    assertProblem(await query(`SELECT '${'x'.repeat(10 << 20)}'`), 400);
  });
  test('100,000 terms', async () => {
    assertProblem(await query(`SELECT ${'1+'.repeat(100_000)}1`), 400);
  });
  for (const [what, sql] of [
    ['parentheses', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['subqueries', `${'SELECT * FROM ('.repeat(3_000)}SELECT 1 ${') t'.repeat(3_000)}`],
    ['NOTs', `SELECT ${'NOT '.repeat(40_000)} true`],
    ['CASEs', `SELECT ${'CASE WHEN true THEN '.repeat(5_000)}1${' END'.repeat(5_000)}`],
    ['ANDs', `SELECT count(*) FROM users WHERE ${'id = 1 AND '.repeat(9_000)} true`],
    ['UNIONs', `SELECT 1 ${'UNION ALL SELECT 1 '.repeat(10_000)}`],
  ])
    test(`thousands of nested ${what} are answered or refused, never a crash`, async () => {
      const response = await query(sql);
      if (response.status !== 200) assertProblem(response, response.status);
      assert.ok([200, 400, 422].includes(response.status), response.text.slice(0, 300));
      assert.deepEqual((await answer('SELECT 1 AS one')).data, [{ one: 1 }]);
    });
});

describe('engines', () => {
  test('an unknown engine is a 422 that names the known ones', async () => {
    const problem = assertProblem(await query({ sql: 'SELECT 1', engine: 'oracle' }), 422);
    assert.match(`${problem.detail} ${problem.hint}`, /oracle.*postgres/s);
    assertProblem(await query('SELECT 1', { headers: { 'X-Engine': 'oracle' } }), 422);
    assertProblem(await query('/*+ engine(oracle) */ SELECT 1'), 422);
  });
  test('a forced engine without the table is a 422 that says which and why', async () => {
    for (const [sql, engine, table] of [['SELECT * FROM zipcodes', 'postgres', 'zipcodes'], ['SELECT * FROM flights', 'mysql', 'flights'], ['SELECT * FROM flights', 'postgres', 'flights']]) {
      const problem = assertProblem(await query({ sql, engine }), 422);
      assert.match(problem.detail, new RegExp(table));
      assert.match(problem.detail, new RegExp(engine));
    }
  });
  test('a forced engine that cannot give the right answer is a 422', async () => {
    assertProblem(await query({ sql: 'INSERT INTO users (id) VALUES (1)', engine: 'columnar' }), 422);
  });
});

describe('requests', () => {
  for (const [what, body] of [
    ['not JSON', 'SELECT 1'], ['cut off', '{"sql": "SELECT 1"'], ['two values', '{"sql":"SELECT 1"} {}'], ['an array', '[]'], ['a number', '1'],
    ['no sql', '{}'], ['sql of another type', '{"sql": 1}'], ['an unknown member', '{"sql":"SELECT 1","sqll":"x"}'], ['a member twice', '{"sql":"SELECT 1","sql":"SELECT 2"}'],
    ['max_rows of another type', '{"sql":"SELECT 1","max_rows":"many"}'], ['max_rows below 1', '{"sql":"SELECT 1","max_rows":0}'], ['params of another type', '{"sql":"SELECT 1","params":{}}'],
    ['nested beyond reason', '{"sql":"SELECT 1","params":' + '['.repeat(100_000) + ']'.repeat(100_000) + '}'], ['bytes that are not UTF-8', Buffer.from('{"sql":"SELECT \'\xff\'"}', 'latin1')],
    ['empty', ''],
  ])
    test(`a body that is ${what}`, async () => {
      assertProblem(await post(body), 400);
    });
  test('an unknown member is named', async () => {
    assert.match(assertProblem(await post('{"sql":"SELECT 1","limit":5}'), 400).detail, /limit/);
  });
  for (const [method, path, allow] of [['PUT', '/query', /POST/], ['DELETE', '/query', /POST/], ['PUT', '/api/v1/route', /POST/], ['POST', '/health', /GET/], ['PUT', '/api/v1/tables', /GET.*POST/]])
    test(`${method} ${path} is a 405 that says what is allowed`, async () => {
      const response = await request(method, path);
      assertProblem(response, 405);
      assert.match(response.headers.allow, allow);
    });
  test('another content type, or none, is a 415', async () => {
    assertProblem(await post('sql=SELECT+1', { 'Content-Type': 'application/x-www-form-urlencoded' }), 415);
    assertProblem(await post('SELECT 1', { 'Content-Type': 'text/plain' }), 415);
    assertProblem(await post('{"sql":"SELECT 1"}', {}), 415);
  });
  test('an unknown path of the API is a 404', async () => {
    for (const path of ['/api/v1/nothing', '/api/v2/query', '/query/', '/api/', '/health/x']) assertProblem(await request('GET', path), 404);
  });
  test('an unknown table of the catalog is a 404', async () => {
    assertProblem(await request('GET', '/api/v1/tables/nothing'), 404);
  });
  test('an address that nginx cannot read, and a method it does not pass on', async () => {
    for (const path of ['/api/v1/tables/a%00b', '/..%2f..%2fetc/passwd']) assertProblem(await request('GET', path), 400);
    assertProblem(await request('TRACE', '/query'), 405);
  });
  test('a body beyond the limit is a 413', async () => {
    assertProblem(await post(Buffer.alloc((64 << 20) + 1, 0x20)), 413);
  });
  test('headers beyond the limit are refused, and the next request works', async () => {
    const response = await request('GET', '/health', { headers: { 'X-Long': 'x'.repeat(60_000) } });
    assert.ok(response.status >= 400 && response.status < 500);
    assert.equal((await request('GET', '/health')).status, 200);
  });
  test('a runtime limit is a 408', async () => {
    assertProblem(await query({ sql: 'SELECT pg_sleep(3000)', max_runtime_seconds: 0.3 }), 408, '57014');
  });
});
