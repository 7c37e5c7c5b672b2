// Where statements go, and what comes back.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answer, eventually, mariadb, psql, query, request, rows } from './support/stack.mjs';

// What DuckDB computes from flights-3m.parquet: origin, flights, sum of delay.
const BUSIEST = [
  ['ORD', 166341, 1542589], ['DFW', 157162, 1210298], ['ATL', 124711, 1100966], ['LAX', 115245, 855417], ['PHX', 93036, 929839],
  ['STL', 80899, 541831], ['DTW', 74078, 372893], ['MSP', 69685, 399994], ['LAS', 67192, 542449], ['DEN', 66923, 740950],
];
const BUSIEST_CITIES = [
  ['Chicago', 190871], ['Dallas-Fort Worth', 157162], ['Atlanta', 124711], ['Los Angeles', 115245], ['Houston', 93938],
  ['Phoenix', 93036], ['New York', 89623], ['St Louis', 80899], ['Detroit', 74078], ['Minneapolis', 69685],
];
const candidate = (result, engine) => result.route.candidates.find((entry) => entry.engine === engine);

describe('routing', () => {
  test('a lookup by primary key goes to PostgreSQL', async () => {
    const result = await answer('SELECT * FROM users WHERE id = 42');
    assert.equal(result.engine, 'postgres');
    assert.equal(result.route.rule, 'point-lookup');
    assert.equal(result.row_count, 1);
    const [[expected]] = psql('SELECT row_to_json(u) FROM (SELECT id, name, email, country, city, plan, birth_date, is_active FROM users WHERE id = 42) u');
    const { created_at, ...rest } = result.data[0];
    assert.deepEqual(rest, JSON.parse(expected));
    assert.equal(psql('SELECT created_at FROM users WHERE id = 42')[0][0], created_at);
    assert.deepEqual(result.columns.map((column) => column.type), ['int8', 'text', 'text', 'bpchar', 'text', 'text', 'timestamptz', 'date', 'bool']);
  });

  test('an aggregate over three million rows goes to the columnar engine', async () => {
    const response = await query({ sql: 'SELECT origin, count(*), avg(delay) FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 10', cache: false });
    assert.equal(response.status, 200, response.text);
    const result = response.json();
    assert.equal(result.engine, 'columnar');
    assert.deepEqual(result.data.map((row) => [row.origin, row.count]), BUSIEST.map(([origin, flights]) => [origin, flights]));
    // PostgreSQL's avg(bigint) is a numeric with this many digits: every one of them must come.
    for (const [origin, flights, delay] of BUSIEST) {
      const average = psql(`SELECT ${delay}::numeric / ${flights}`)[0][0];
      assert.ok(response.text.includes(`"origin":"${origin}","count":${flights},"avg":${average}}`), `${origin}: ${average} not in ${response.text.slice(0, 1500)}`);
    }
    assert.ok(result.stats.rows_scanned >= 3_000_000);
  });

  test('a lookup by key in MariaDB goes there', async () => {
    const result = await answer("SELECT * FROM zipcodes WHERE zip_code = '94103'");
    assert.equal(result.engine, 'mysql');
    assert.deepEqual(result.data, [{ zip_code: '94103', latitude: 37.775678, longitude: -122.412131, city: 'San Francisco', state: 'CA', county: 'San Francisco' }]);
  });

  test('a join across engines runs federated in the columnar engine', async () => {
    const result = await answer('SELECT a.city, count(*) AS flights FROM flights f JOIN airports a ON a.iata = f.origin GROUP BY a.city ORDER BY flights DESC LIMIT 10');
    assert.equal(result.engine, 'columnar');
    assert.equal(result.route.rule, 'federated');
    assert.deepEqual(result.data.map((row) => [row.city, row.flights]), BUSIEST_CITIES);
    assert.equal(candidate(result, 'postgres').eligible, false);
    assert.match(candidate(result, 'postgres').why, /flights/);
  });

  test('a join of three engines', async () => {
    const result = await rows("SELECT count(*) AS n FROM flights f JOIN airports a ON a.iata = f.origin JOIN zipcodes z ON z.city = a.city AND z.state = a.state WHERE a.iata = 'SFO' AND z.zip_code = '94103'");
    const flights = await rows("SELECT count(*) AS n FROM flights WHERE origin = 'SFO'");
    assert.ok(flights[0].n > 0);
    assert.deepEqual(result, flights);
  });

  test("a count of one engine's table beside another's", async () => {
    for (const table of ['zipcodes', 'airports', 'flights']) {
      const [alone] = await rows(`SELECT count(*) AS n FROM ${table}`);
      const other = table === 'airports' ? 'zipcodes LIMIT 1' : "airports WHERE iata = 'SFO'";
      assert.deepEqual(await rows(`SELECT (SELECT count(*) FROM ${table}) AS n FROM ${other}`), [alone]);
    }
  });

  test('a range by an index goes to PostgreSQL', async () => {
    const result = await answer('SELECT id, amount FROM transactions WHERE user_id = 77 ORDER BY created_at');
    assert.equal(result.engine, 'postgres');
    assert.equal(result.row_count, Number(psql('SELECT count(*) FROM transactions WHERE user_id = 77')[0][0]));
  });

  test('every answer says why, and what each candidate would have cost', async () => {
    const { route, engine, timing, duration } = await answer({ sql: 'SELECT count(*) FROM users', cache: false });
    assert.ok(route.reason.length > 10);
    assert.ok(candidate({ route }, engine).eligible);
    assert.ok(route.candidates.length >= 3, JSON.stringify(route));
    for (const entry of route.candidates) {
      assert.ok(entry.why, JSON.stringify(entry));
      if (entry.eligible) assert.ok(entry.cost_ms >= 0);
    }
    assert.ok(duration >= 0 && timing.execute_us > 0);
  });

  test('/api/v1/route decides as /query does', async () => {
    for (const sql of ['SELECT * FROM users WHERE id = 7', 'SELECT count(*) FROM flights', "SELECT city FROM zipcodes WHERE zip_code = '10001'"]) {
      const response = await request('POST', '/api/v1/route', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ sql }) });
      assert.equal(response.status, 200, response.text);
      const decided = response.json();
      const ran = await answer(sql);
      assert.equal(decided.engine, ran.engine);
      assert.equal((decided.route ?? decided).rule, ran.route.rule);
    }
  });
});

describe('forcing an engine', () => {
  const sql = 'SELECT 1 AS one';
  test('by body, by force_engine, by header, by comment', async () => {
    for (const engine of ['columnar', 'postgres']) {
      for (const result of [await answer({ sql, engine }), await answer({ sql, force_engine: engine }), await answer(sql, { headers: { 'X-Engine': engine } }), await answer(`/*+ engine(${engine}) */ ${sql}`)]) {
        assert.equal(result.engine, engine);
        assert.equal(result.route.rule, 'forced');
        assert.deepEqual(result.data, [{ one: 1 }]);
      }
    }
  });
  test('body beats comment beats header', async () => {
    const hinted = `/*+ engine(columnar) */ ${sql}`;
    assert.equal((await answer({ sql: hinted, engine: 'postgres' }, { headers: { 'X-Engine': 'columnar' } })).engine, 'postgres');
    assert.equal((await answer(hinted, { headers: { 'X-Engine': 'postgres' } })).engine, 'columnar');
    assert.equal((await answer({ sql: hinted, engine: 'auto' }, { headers: { 'X-Engine': 'postgres' } })).engine, 'columnar');
  });
  test('both engines give the same bytes', async () => {
    const grouped = "SELECT k, count(*) AS n, avg(v) AS mean, sum(v * 1.10) AS more, min(d) AS first, 7 / 2 AS half FROM (VALUES ('b', 1, DATE '2024-02-29'), ('a', 2, NULL), ('b', 4, DATE '1999-12-31')) t (k, v, d) GROUP BY k ORDER BY k";
    const texts = [];
    for (const engine of ['postgres', 'columnar']) {
      const response = await query({ sql: grouped, engine }, { path: '/query?format=csv' });
      assert.equal(response.status, 200, response.text);
      texts.push(response.text);
    }
    assert.equal(texts[0], texts[1]);
    assert.equal(texts[0].trimEnd().split('\n').length, 3);
  });
});

describe('writes', () => {
  before(() => {
    psql('DROP TABLE IF EXISTS e2e_notes; CREATE TABLE e2e_notes (id int PRIMARY KEY, note text, at timestamptz)');
    mariadb('DROP TABLE IF EXISTS e2e_pets; CREATE TABLE e2e_pets (id int PRIMARY KEY, name varchar(50), weight decimal(6,2))');
  });
  // Made behind Signalbox's back: every process of the pool finds out when it is asked for them.
  before(() => eventually('the new tables are known', async () => {
    const found = await Promise.all(Array.from({ length: 16 }, (_, i) => query(`SELECT * FROM ${i % 2 ? 'e2e_notes' : 'e2e_pets'}`)));
    return found.every((response) => response.status === 200);
  }));
  after(() => {
    psql('DROP TABLE IF EXISTS e2e_notes, e2e_made');
    mariadb('DROP TABLE IF EXISTS e2e_pets');
  });

  test('INSERT, UPDATE, DELETE on PostgreSQL are seen by the next read', async () => {
    assert.deepEqual(await rows('SELECT * FROM e2e_notes'), []);
    const inserted = await answer({ sql: 'INSERT INTO e2e_notes VALUES ($1, $2, $3), (2, \'two\', NULL)', params: [1, "it's one", '2024-02-29T12:00:00Z'] });
    assert.equal(inserted.row_count, 2);
    assert.match(inserted.command, /^INSERT/);
    assert.equal(inserted.engine, 'postgres');
    assert.deepEqual(await rows('SELECT id, note, at FROM e2e_notes ORDER BY id'), [
      { id: 1, note: "it's one", at: '2024-02-29 12:00:00+00' }, { id: 2, note: 'two', at: null }]);
    assert.equal((await answer("UPDATE e2e_notes SET note = upper(note) WHERE id = 2")).row_count, 1);
    assert.deepEqual(await rows('SELECT note FROM e2e_notes WHERE id = 2'), [{ note: 'TWO' }]);
    assert.deepEqual(await rows("INSERT INTO e2e_notes (id, note) VALUES (3, 'x') RETURNING id, note"), [{ id: 3, note: 'x' }]);
    assert.equal((await answer('DELETE FROM e2e_notes WHERE id >= 2')).row_count, 2);
    assert.deepEqual(await rows('SELECT id FROM e2e_notes'), [{ id: 1 }]);
    assert.deepEqual(psql('SELECT id FROM e2e_notes'), [['1']]);
  });

  test('INSERT, UPDATE, DELETE on MariaDB are seen by the next read', async () => {
    const inserted = await answer({ sql: 'INSERT INTO e2e_pets (id, name, weight) VALUES ($1, $2, $3), (2, \'Rex\', 30.25)', params: [1, "O'Cat", 4.5] });
    assert.equal(inserted.row_count, 2);
    assert.equal(inserted.engine, 'mysql');
    assert.deepEqual(await rows('SELECT id, name, weight FROM e2e_pets ORDER BY id'), [{ id: 1, name: "O'Cat", weight: 4.5 }, { id: 2, name: 'Rex', weight: 30.25 }]);
    assert.equal((await answer("UPDATE e2e_pets SET name = 'Max' WHERE id = 2")).row_count, 1);
    assert.deepEqual(await rows('SELECT name FROM e2e_pets WHERE id = 2'), [{ name: 'Max' }]);
    assert.equal((await answer('DELETE FROM e2e_pets WHERE id = 1')).row_count, 1);
    assert.deepEqual(await rows('SELECT id FROM e2e_pets'), [{ id: 2 }]);
    assert.deepEqual(mariadb('SELECT id FROM e2e_pets'), [['2']]);
  });

  test('a table made through /query is known to every process at once', async () => {
    assert.equal((await answer('CREATE TABLE e2e_made AS SELECT g AS n FROM generate_series(1, 5) g')).engine, 'postgres');
    const answers = await Promise.all(Array.from({ length: 16 }, () => rows('SELECT sum(n) AS s FROM e2e_made')));
    for (const data of answers) assert.deepEqual(data, [{ s: 15 }]);
    await answer("ALTER TABLE e2e_made ADD COLUMN word text DEFAULT 'x'");
    const wider = await Promise.all(Array.from({ length: 16 }, () => rows('SELECT * FROM e2e_made WHERE n = 1')));
    for (const data of wider) assert.deepEqual(data, [{ n: 1, word: 'x' }]);
    await answer('DROP TABLE e2e_made');
    const gone = await Promise.all(Array.from({ length: 8 }, () => query('SELECT sum(n) AS s FROM e2e_made')));
    for (const response of gone) assert.equal(response.json().sqlstate, '42P01');
  });

  test('a transaction block in one request', async () => {
    const result = await answer("BEGIN; INSERT INTO e2e_notes (id, note) VALUES (10, 'a'); UPDATE e2e_notes SET note = 'b' WHERE id = 10; COMMIT");
    assert.equal(result.engine, 'postgres');
    assert.deepEqual(await rows('SELECT note FROM e2e_notes WHERE id = 10'), [{ note: 'b' }]);
  });

  test('a transaction block that fails leaves nothing behind, nor an open transaction', async () => {
    const response = await query("BEGIN; INSERT INTO e2e_notes (id, note) VALUES (20, 'lost'); SELECT 1/0; COMMIT");
    assert.equal(response.status, 400);
    assert.equal(response.json().sqlstate, '22012');
    assert.deepEqual(await rows('SELECT id FROM e2e_notes WHERE id = 20'), []);
    const abandoned = await query("BEGIN; INSERT INTO e2e_notes (id, note) VALUES (21, 'open')");
    assert.ok(abandoned.status === 200 || abandoned.status === 400, abandoned.text);
    assert.deepEqual(psql('SELECT id FROM e2e_notes WHERE id IN (20, 21)'), []);
    assert.deepEqual(psql("SELECT state FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"), []);
  });

  test('a constraint is reported, and changes nothing', async () => {
    const response = await query("INSERT INTO e2e_notes (id, note) VALUES (1, 'again')");
    assert.equal(response.status, 409);
    assert.equal(response.json().sqlstate, '23505');
    const pets = await query("INSERT INTO e2e_pets (id, name) VALUES (2, 'again')");
    assert.equal(pets.status, 409, pets.text);
    assert.equal(pets.json().sqlstate, '23505');
  });
});

describe('parameters', () => {
  test('of every JSON kind', async () => {
    const response = await query({
      sql: 'SELECT $1::int AS i, $2::text AS t, $3::bool AS b, $4::numeric AS n, $5::int[] AS a, $6::jsonb AS j, $7::int AS nothing, $8::float8 AS f, $9::timestamptz AS at, $10::text[] AS words, $11::bigint AS big',
      params: [-7, 'naïve “𝄞” \\ \' ;--', true, 12.50, [1, null, 3], { k: ['v', 1.5, null] }, null, 1e-3, '2024-02-29T23:59:59+02:00', ['a,b', '"', 'NULL'], 9007199254740991],
    });
    assert.equal(response.status, 200, response.text);
    assert.deepEqual(response.json().data, [{
      i: -7, t: 'naïve “𝄞” \\ \' ;--', b: true, n: 12.5, a: [1, null, 3], j: { k: ['v', 1.5, null] }, nothing: null, f: 0.001,
      at: '2024-02-29 21:59:59+00', words: ['a,b', '"', 'NULL'], big: 9007199254740991,
    }]);
  });
  test('numbers keep the digits they were written with', async () => {
    const body = '{"sql":"SELECT $1::numeric AS n, $2::bigint AS b","params":[123456789012345678901234567890.000100, 9223372036854775807]}';
    const response = await request('POST', '/query', { headers: { 'Content-Type': 'application/json' }, body });
    assert.match(response.text, /"n":123456789012345678901234567890\.000100,"b":9223372036854775807/);
  });
  test('on each engine', async () => {
    assert.deepEqual(await rows({ sql: 'SELECT id FROM users WHERE id = $1', params: [42] }), [{ id: 42 }]);
    assert.deepEqual(await rows({ sql: 'SELECT id FROM users WHERE email = (SELECT email FROM users WHERE id = $1)', params: ['43'] }), [{ id: 43 }]);
    assert.deepEqual(await rows({ sql: 'SELECT city FROM zipcodes WHERE zip_code = $1', params: ['94103'] }), [{ city: 'San Francisco' }]);
    assert.deepEqual(await rows({ sql: 'SELECT count(*) AS n FROM flights WHERE origin = $1', params: ['ORD'] }), [{ n: 166341 }]);
  });
  test('too few are refused', async () => {
    const response = await query({ sql: 'SELECT $1::int + $2::int', params: [1] });
    assert.equal(response.status, 400, response.text);
  });
});

describe('formats', () => {
  const sql = "SELECT * FROM (VALUES (1, 'a,b', NULL), (2, 'say \"hi\"', 1.50)) AS t (id, word, figure)";
  const csv = 'id,word,figure\r?\n1,"a,b",\r?\n2,"say ""hi""",1.50\r?\n';

  test('json: objects', async () => {
    const result = await answer(sql);
    assert.deepEqual(result.data, [{ id: 1, word: 'a,b', figure: null }, { id: 2, word: 'say "hi"', figure: 1.5 }]);
    assert.deepEqual(result.columns, [{ name: 'id', type: 'int4' }, { name: 'word', type: 'text' }, { name: 'figure', type: 'numeric' }]);
    assert.deepEqual([result.row_count, result.truncated, result.cached], [2, false, false]);
  });
  for (const [name, options] of [['Accept', { headers: { Accept: 'application/vnd.signalbox.compact+json' } }], ['?format=', { path: '/query?format=compact' }]])
    test(`compact: arrays, by ${name}`, async () => {
      const response = await query(sql, options);
      assert.match(response.headers['content-type'], /compact\+json/);
      assert.deepEqual(response.json().data, [[1, 'a,b', null], [2, 'say "hi"', 1.5]]);
    });
  for (const [name, options] of [['Accept', { headers: { Accept: 'text/csv' } }], ['?format=', { path: '/query?format=csv' }]])
    test(`csv by ${name}`, async () => {
      const response = await query(sql, options);
      assert.match(response.headers['content-type'], /^text\/csv/);
      assert.match(response.text, new RegExp(`^${csv}$`));
    });
  for (const [name, options] of [['Accept', { headers: { Accept: 'application/x-ndjson' } }], ['?format=', { path: '/query?format=ndjson' }]])
    test(`ndjson by ${name}`, async () => {
      const response = await query(sql, options);
      assert.match(response.headers['content-type'], /ndjson/);
      assert.equal(response.text, '{"id":1,"word":"a,b","figure":null}\n{"id":2,"word":"say \\"hi\\"","figure":1.50}\n');
    });
  test('?format= beats Accept; an unknown one is refused', async () => {
    assert.match((await query(sql, { path: '/query?format=csv', headers: { Accept: 'application/json' } })).headers['content-type'], /^text\/csv/);
    assert.equal((await query(sql, { path: '/query?format=xml' })).status, 400);
    assert.equal((await query(sql, { headers: { Accept: 'image/png' } })).status, 406);
  });
  test('max_rows truncates and says so', async () => {
    const cut = await answer({ sql: 'SELECT id FROM users ORDER BY id', max_rows: 5 });
    assert.deepEqual([cut.row_count, cut.truncated, cut.data.length], [5, true, 5]);
    const whole = await answer({ sql: 'SELECT id FROM users ORDER BY id LIMIT 5', max_rows: 5 });
    assert.deepEqual([whole.row_count, whole.truncated], [5, false]);
    const flights = await answer({ sql: 'SELECT origin FROM flights', max_rows: 7 });
    assert.deepEqual([flights.row_count, flights.truncated], [7, true]);
    assert.equal((await answer('SELECT id FROM users')).row_count, 10000);
  });
  test('big numbers with every digit, as numbers or strings', async () => {
    const big = 'SELECT 9007199254740993::bigint AS i, 0.1234567890123456789012345 AS n, 42 AS small';
    const plain = await query(big);
    assert.match(plain.text, /"i":9007199254740993,"n":0\.1234567890123456789012345,"small":42/);
    const quoted = await answer({ sql: big, big_numbers: 'string' });
    assert.equal(quoted.data[0].i, '9007199254740993');
    assert.equal(quoted.data[0].small, 42);
  });
  test('a large result streams whole: 500,000 rows', async () => {
    const response = await query({ sql: 'SELECT id FROM transactions ORDER BY id', max_rows: 1_000_000 }, { path: '/query?format=csv' });
    assert.ok(response.complete);
    const lines = response.text.trimEnd().split(/\r?\n/);
    assert.equal(lines.length, 500_001);
    const [[sum]] = psql('SELECT sum(id) FROM transactions');
    assert.equal(lines.slice(1).reduce((total, line) => total + Number(line), 0), Number(sum));
  });
});

describe('without running', () => {
  test('dry_run routes and estimates, and runs nothing', async () => {
    const before = psql('SELECT count(*) FROM users')[0][0];
    const write = await answer({ sql: 'DELETE FROM users', dry_run: true });
    assert.equal(write.dry_run, true);
    assert.equal(write.engine, 'postgres');
    assert.equal(psql('SELECT count(*) FROM users')[0][0], before);
    const scan = await answer({ sql: 'SELECT origin, avg(delay) FROM flights GROUP BY origin', dry_run: true });
    assert.equal(scan.engine, 'columnar');
    assert.ok(scan.estimate.bytes_scanned > 0, JSON.stringify(scan.estimate));
    for (const sql of ['SELECT nothing FROM users', 'UPDATE users SET nothing = 1', 'SELECT nothing FROM zipcodes', 'SELECT nothing FROM flights']) {
      const response = await query({ sql, dry_run: true });
      assert.equal(response.status, 400, `${sql}: ${response.text}`);
      assert.equal(response.json().sqlstate, '42703');
    }
    assert.equal((await query({ sql: 'SELECT nothing FROM users', dry_run: true })).json().position, 8);
    assert.equal((await answer({ sql: 'EXPLAIN ANALYZE DELETE FROM users WHERE id = 1', dry_run: true })).dry_run, true);
    assert.equal(psql('SELECT count(*) FROM users')[0][0], before);
  });
  for (const [engine, table, sql] of [['postgres', 'users', 'SELECT max(city) FROM users'], ['mysql', 'zipcodes', 'SELECT max(county) FROM zipcodes'], ['columnar', 'flights', 'SELECT max(delay) FROM flights WHERE distance > 500']])
    for (const explain of ['EXPLAIN', 'EXPLAIN ANALYZE'])
      test(`${explain} on ${engine}`, async () => {
        const result = await answer({ sql: `${explain} ${sql}`, engine });
        assert.equal(result.engine, engine);
        assert.ok(result.row_count > 0);
        assert.match(JSON.stringify(result.data), new RegExp(table));
      });
});

describe('catalog and state', () => {
  const get = async (path) => {
    const response = await request('GET', path);
    assert.equal(response.status, 200, response.text);
    return response.json();
  };
  test('tables, one table, schemas', async () => {
    const { tables } = await get('/api/v1/tables');
    const byName = Object.fromEntries(tables.map((table) => [table.name, table]));
    assert.deepEqual(['users', 'zipcodes', 'flights'].map((name) => byName[name]?.engine), ['postgres', 'mysql', 'columnar']);
    assert.equal(byName.flights.row_count, 3_000_000);
    const users = await get('/api/v1/tables/users');
    assert.equal(users.columns[0].name, 'id');
    assert.ok(users.keys.some((key) => key.primary && key.columns[0] === 'id'));
    assert.ok((await get('/api/v1/schemas')).schemas.length >= 3);
  });
  test('health, engines, status, metrics, OpenAPI', async () => {
    assert.equal((await get('/health')).status, 'alive');
    assert.deepEqual((await get('/api/v1/engines')).engines.map((engine) => [engine.name, engine.up]).sort(), [['columnar', true], ['mysql', true], ['postgres', true]]);
    await get('/api/v1/status');
    const metrics = await request('GET', '/metrics');
    assert.match(metrics.text, /^# TYPE signalbox_/m);
    assert.ok((await get('/api/v1/openapi.json')).paths['/query'].post);
  });
});
