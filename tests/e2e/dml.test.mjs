// Columnar tables written over HTTP: what is answered, what is refused, what stays after a failure.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answer, query, rows } from './support/stack.mjs';

const NAME = 'dml_e2e';
const count = async (where = 'true', more = {}) => (await rows({ sql: `SELECT count(*) AS n FROM ${NAME} WHERE ${where}`, ...more }))[0].n;
const refused = async (fields, status, sqlstate) => {
  const response = await query(fields);
  assert.equal(response.status, status, response.text);
  assert.equal(response.json().sqlstate, sqlstate, response.text);
  return response.json();
};

before(async () => {
  await query(`DROP TABLE IF EXISTS columnar.${NAME}`);
  await answer(`CREATE TABLE columnar.${NAME} (id int NOT NULL, k int, v text)`);
});
after(async () => {
  await query(`DROP TABLE IF EXISTS columnar.${NAME}`);
});

describe('writing', () => {
  test('each statement answers its command and its rows', async () => {
    const inserted = await answer(`INSERT INTO ${NAME} SELECT i, i % 10, 'v' || i FROM generate_series(1, 20000) i`);
    assert.equal(inserted.engine, 'columnar');
    assert.equal(inserted.command, 'INSERT');
    assert.equal(inserted.row_count, 20000);
    const updated = await answer({ sql: `UPDATE ${NAME} SET v = v || $1 WHERE id <= $2`, params: ['!', 5] });
    assert.deepEqual([updated.command, updated.row_count], ['UPDATE', 5]);
    const returned = await answer(`DELETE FROM ${NAME} WHERE id IN (7, 8) RETURNING id, v`);
    assert.deepEqual(returned.data.map((row) => row.id).sort(), [7, 8]);
    const merged = await answer(`MERGE INTO ${NAME} t USING (VALUES (1, 'one'), (30000, 'new')) s(id, v) ON t.id = s.id
      WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)`);
    assert.deepEqual([merged.command, merged.row_count], ['MERGE', 2]);
    assert.equal(await count(), 19999);
  });

  test('rows of another engine', async () => {
    const before = await count();
    const inserted = await answer(`INSERT INTO ${NAME} (id, v) SELECT id + 100000, name FROM users WHERE id <= 10`);
    assert.equal(inserted.row_count, 10);
    assert.equal(await count(), before + 10);
  });

  test('what fails changes nothing', async () => {
    const before = await count();
    await refused(`INSERT INTO ${NAME} SELECT CASE WHEN i < 5000 THEN i END, i, 'x' FROM generate_series(1, 5000) i`, 400, '23502');
    await refused(`UPDATE ${NAME} SET k = 1 / (id - 19999)`, 400, '22012');
    await refused(`MERGE INTO ${NAME} t USING (VALUES (1), (1)) s(id) ON t.id = s.id WHEN MATCHED THEN DELETE`, 400, '21000');
    assert.equal(await count(), before);
  });

  test('what is not kept is refused by name', async () => {
    const key = await query(`CREATE TABLE columnar.${NAME}_key (id int PRIMARY KEY)`);
    assert.equal(key.status, 422);
    assert.match(key.text, /PRIMARY KEY/);
    const transaction = await query(`BEGIN; DELETE FROM ${NAME}; COMMIT`);
    assert.equal(transaction.status, 422, transaction.text);
    assert.match(transaction.json().detail, /several statements|PostgreSQL/);
  });

  test('a deadline in the middle of INSERT SELECT leaves the table as it was', async () => {
    const before = await count();
    const response = await query({ sql: `INSERT INTO ${NAME} SELECT i % 1000000, 1, md5(i::text) FROM generate_series(1, 500000000) i`, max_runtime_seconds: 1 });
    assert.notEqual(response.status, 200, response.text);
    assert.equal(response.json().sqlstate, '57014');
    assert.equal(await count(), before);
  });

  test('concurrent updates: none is lost, and who cannot is told so', async () => {
    await answer(`UPDATE ${NAME} SET k = 0 WHERE id = 11`);
    const responses = await Promise.all(Array.from({ length: 12 }, () => query(`UPDATE ${NAME} SET k = k + 1 WHERE id = 11`)));
    const done = responses.filter((response) => response.status === 200).length;
    for (const response of responses.filter((entry) => entry.status !== 200)) {
      assert.equal(response.status, 409, response.text);
      assert.equal(response.json().sqlstate, '40001');
    }
    assert.ok(done > 0);
    assert.equal((await rows(`SELECT k FROM ${NAME} WHERE id = 11`))[0].k, done);
  });
});

describe('the past', () => {
  test('as_of, clauses and metadata tables', async () => {
    const first = (await rows(`SELECT snapshot_id::text AS id, committed_at FROM ${NAME}$snapshots ORDER BY sequence_number LIMIT 1`))[0];
    assert.equal(await count('true', { as_of: first.id }), 20000);
    assert.equal(await count('true', { as_of: first.committed_at }), 20000);
    const clause = await rows(`SELECT count(*) AS n FROM ${NAME} FOR VERSION AS OF ${first.id} AS old JOIN ${NAME} AS new ON new.id = old.id`);
    assert.ok(clause[0].n > 19000);
    await answer(`CALL signalbox.create_tag('${NAME}', 'first', ${first.id})`);
    assert.equal((await rows(`SELECT count(*) AS n FROM ${NAME} FOR VERSION AS OF 'first'`))[0].n, 20000);
    await answer(`CALL signalbox.drop_ref('${NAME}', 'first')`);
  });

  test('positions of errors stay, other engines have no past', async () => {
    const wrong = await refused(`SELECT nothere FROM ${NAME} FOR SYSTEM_TIME AS OF now() WHERE nothere2`, 400, '42703');
    assert.equal(wrong.position, 8);
    const later = await refused(`SELECT 1 FROM ${NAME} FOR SYSTEM_TIME AS OF now() WHERE nothere2 = 1`, 400, '42703');
    assert.equal(later.position, `SELECT 1 FROM ${NAME} FOR SYSTEM_TIME AS OF now() WHERE `.length + 1);
    assert.equal((await query({ sql: 'SELECT * FROM users LIMIT 1', as_of: '2024-01-01' })).status, 422);
    await refused(`DELETE FROM ${NAME} FOR VERSION AS OF 1`, 422, '0A000');
  });

  test('rollback', async () => {
    const now = await count();
    const [{ id }] = await rows(`SELECT snapshot_id::text AS id FROM ${NAME}$snapshots WHERE is_current`);
    await answer(`DELETE FROM ${NAME}`);
    assert.equal(await count(), 0);
    await answer(`CALL signalbox.rollback_to_snapshot('${NAME}', ${id})`);
    assert.equal(await count(), now);
  });
});
