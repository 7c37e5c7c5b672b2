// What belongs to a connection runs whole on one, and nothing of it is left for the next request.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answer, eventually, psql, query } from './support/stack.mjs';

const TEARDOWN = `DROP TABLE IF EXISTS session_rows CASCADE; DROP SEQUENCE IF EXISTS session_numbers;
  DROP FUNCTION IF EXISTS session_sets(), session_sets_quietly(), session_locks() CASCADE`;
const SETUP = `CREATE TABLE session_rows (id int PRIMARY KEY, note text); INSERT INTO session_rows VALUES (1, 'a'), (2, 'b');
  CREATE SEQUENCE session_numbers;
  CREATE FUNCTION session_sets() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('work_mem', '77MB', false); RETURN 1; END $$;
  CREATE FUNCTION session_locks() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(4711); CREATE TEMP TABLE IF NOT EXISTS session_leak (a int); RETURN 1; END $$;
  CREATE FUNCTION session_sets_quietly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM session_sets(); PERFORM session_locks(); RETURN NEW; END $$;
  CREATE VIEW session_view AS SELECT id, session_sets() AS one, session_locks() AS two FROM session_rows;
  CREATE VIEW session_view_of_view AS SELECT * FROM session_view;
  CREATE TABLE session_audited (id int); CREATE TRIGGER audited BEFORE INSERT ON session_audited FOR EACH ROW EXECUTE FUNCTION session_sets_quietly()`;

// Asked on many connections at once, so that each of both pools has its turn.
const STATE = `SELECT current_setting('work_mem') AS work_mem, current_setting('search_path') AS search_path, current_user::text AS user,
  (SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'session_%') AS prepared, (SELECT count(*) FROM pg_cursors WHERE name LIKE 'session_%') AS cursors,
  (SELECT count(*) FROM pg_class WHERE relname LIKE 'session_leak%') AS temporary, (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks,
  (SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%') AS open, (SELECT count(*) FROM pg_listening_channels()) AS channels`;
const states = async () => {
  const seen = await Promise.all(Array.from({ length: 40 }, (_, i) => answer(`${STATE} -- ${i}`)));
  return [...new Set(seen.map((result) => JSON.stringify(result.data[0])))];
};

const LEAKY = [
  "SET work_mem = '77MB'", "SET SESSION search_path = pg_catalog", "SELECT set_config('work_mem', '77MB', false)", "SELECT set_config('work_mem', '77MB', false), id FROM session_rows WHERE id = 1",
  "EXPLAIN ANALYZE SELECT set_config('work_mem', '77MB', false)", "UPDATE session_rows SET note = set_config('work_mem', '77MB', false) WHERE id = 1",
  "WITH w AS (UPDATE session_rows SET note = 'x' WHERE id = 2 RETURNING set_config('work_mem', '77MB', false)) SELECT * FROM w",
  'SELECT session_sets()', 'SELECT session_sets() FROM session_rows WHERE id = 1', 'SELECT * FROM session_sets()', 'SELECT public.session_sets()', 'SELECT session_locks()', 'SELECT * FROM session_rows WHERE id = session_sets()',
  'SELECT * FROM session_view', 'SELECT one FROM session_view_of_view WHERE id = 1', 'INSERT INTO session_audited VALUES (1)', 'EXPLAIN ANALYZE SELECT session_locks()',
  "DO $$ BEGIN PERFORM set_config('work_mem', '77MB', false); END $$", 'SET ROLE pg_read_all_data',
  'BEGIN', 'BEGIN; UPDATE session_rows SET note = note WHERE id = 1', 'BEGIN; SELECT 1 / 0; COMMIT', "SET work_mem = '77MB'; SELECT 1 / 0", 'SELECT 1; CREATE TEMP TABLE session_leak (a int); SELECT 1 / 0',
  'CREATE TEMP TABLE session_leak (a int)', 'CREATE TEMP TABLE session_leak AS SELECT * FROM session_rows', 'SELECT * INTO TEMP session_leak FROM session_rows', 'CREATE TEMP VIEW session_leak_view AS SELECT * FROM session_rows', 'CREATE TEMP SEQUENCE session_leak_numbers',
  'PREPARE session_p AS SELECT 1', 'DECLARE session_c CURSOR WITH HOLD FOR SELECT 1', 'LISTEN session_channel', 'SELECT pg_advisory_lock(4711)', 'SELECT pg_advisory_lock(id) FROM session_rows', 'SELECT pg_try_advisory_lock_shared(4711)',
  'LOCK TABLE session_rows IN ACCESS EXCLUSIVE MODE', 'BEGIN; LOCK TABLE session_rows; SELECT pg_advisory_lock(4711)', 'SELECT * FROM session_rows FOR UPDATE',
];

describe('sessions', () => {
  let clean;
  before(async () => {
    psql(`DROP TABLE IF EXISTS session_audited; ${TEARDOWN}`);
    psql(SETUP);
    let known = 0;
    await eventually('every process knows the tables', async () => (known = (await query(`SELECT count(*) FROM session_audited, session_view_of_view WHERE false -- ${Math.random()}`)).status === 200 ? known + 1 : 0) >= 20);
    [clean] = await states();
  });
  after(() => psql(`DROP TABLE IF EXISTS session_audited; ${TEARDOWN}`));

  for (const sql of LEAKY)
    test(`leaves nothing behind: ${sql}`, async () => {
      for (let i = 0; i < 3; i++) await query({ sql: `${sql} -- ${i}`, max_runtime_seconds: 20 });
      assert.deepEqual(await states(), [clean]);
    });

  test('a transaction, its setting and its table are one connection', async () => {
    const result = await answer("BEGIN; SET LOCAL work_mem = '9MB'; CREATE TEMP TABLE session_leak ON COMMIT DROP AS SELECT current_setting('work_mem') AS mem; SELECT mem FROM session_leak; COMMIT");
    assert.equal(result.engine, 'postgres');
    assert.deepEqual(await states(), [clean]);
  });

  test('the rows of the last statement that has some come back', async () => {
    const { data } = await answer("SET LOCAL work_mem = '9MB'; SELECT current_setting('work_mem') AS mem");
    assert.deepEqual(data, [{ mem: '9MB' }]);
  });

  test('a cursor lives through its request', async () => {
    const { data } = await answer('BEGIN; DECLARE session_c CURSOR FOR SELECT id FROM session_rows ORDER BY id; FETCH 1 FROM session_c; FETCH 1 FROM session_c; COMMIT');
    assert.deepEqual(data, [{ id: 2 }]);
    assert.equal((await query('FETCH 1 FROM session_c')).json().sqlstate, '34000');
  });

  test('a rollback undoes what came before it', async () => {
    await answer("BEGIN; UPDATE session_rows SET note = 'gone' WHERE id = 1; ROLLBACK");
    assert.notEqual(psql('SELECT note FROM session_rows WHERE id = 1')[0][0], 'gone');
    const failed = await query("UPDATE session_rows SET note = 'gone' WHERE id = 1; SELECT 1 / 0");
    assert.equal(failed.json().sqlstate, '22012');
    assert.notEqual(psql('SELECT note FROM session_rows WHERE id = 1')[0][0], 'gone');
  });

  test('what a volatile view shows is not asked twice', async () => {
    const { route } = await answer('SELECT one FROM session_view WHERE id = 1');
    assert.equal(route.class, 'session');
  });
});
