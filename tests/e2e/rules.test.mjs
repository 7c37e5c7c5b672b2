// Rules that a running pool takes over, the history of what ran, and comparisons.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { answer, eventually, query, request, varDirectory } from './support/stack.mjs';

const post = async (path, body) => request('POST', path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

describe('rules', () => {
  // Where ./run keeps it.
  const file = join(basename(varDirectory) === 'var' ? dirname(varDirectory) : varDirectory, 'signalbox.toml');
  const before = readFileSync(file, 'utf8');
  after(() => writeFileSync(file, before));
  // Every process reads the file by itself: as many requests as would meet all of them.
  const everywhere = (what, condition) => eventually(what, async () => (await Promise.all(Array.from({ length: 24 }, condition))).every(Boolean));
  const statusOf = async (fields) => (await query(fields)).status;

  test('are taken over while the pool serves; a wrong file keeps them', async () => {
    const sql = 'SELECT id FROM users WHERE id = 42';
    assert.equal(await statusOf({ sql, tag: 'e2e-denied' }), 200);
    appendFileSync(file, "\n[[rule]]\nname = 'e2e-no'\ntag = 'e2e-denied'\ndeny = 'not today'\n[[rule]]\nname = 'e2e-few'\ntag = 'e2e-few'\nmax_rows = 3\n");
    await everywhere('the rule denies', async () => (await statusOf({ sql, tag: 'e2e-denied' })) === 403);
    const denied = (await query({ sql, tag: 'e2e-denied' })).json();
    assert.equal(denied.sqlstate, 'SB005');
    assert.match(denied.detail, /rule e2e-no denies this statement: not today/);
    assert.equal((await query({ sql }, { headers: { 'X-Tag': 'e2e-denied' } })).status, 403);
    // The same text of another request, from the same cache.
    assert.equal(await statusOf({ sql }), 200);
    const few = await answer({ sql: 'SELECT id FROM users ORDER BY id', tag: 'e2e-few' });
    assert.deepEqual([few.row_count, few.truncated, few.route.rules], [3, true, ['e2e-few']]);
    const route = (await post('/api/v1/route', { sql, tag: 'e2e-few' })).json();
    assert.deepEqual(route.rules_tried.map((trial) => [trial.rule, trial.matched]), [['e2e-no', false], ['e2e-few', true]]);

    // What another has had kept is cut for who may have few, also when this text of it has not been met before.
    const kept = (space) => `SELECT origin, count(*) AS n FROM flights${space} GROUP BY origin`;
    await everywhere('it is kept', async () => (await answer(kept(''))).cached);
    for (let spaces = 1; spaces < 9; spaces++) {
      const cut = await answer({ sql: kept(' '.repeat(spaces)), tag: 'e2e-few' });
      assert.deepEqual([cut.row_count, cut.truncated], [3, true]);
    }

    appendFileSync(file, "[[rule]]\nnmae = 'wrong'\n");
    await everywhere('the mistake is told', async () => /a rule has no key nmae/.test((await request('GET', '/api/v1/status')).json().configuration.error ?? ''));
    assert.equal(await statusOf({ sql, tag: 'e2e-denied' }), 403);
    writeFileSync(file, before);
    await everywhere('the rules are gone', async () => (await statusOf({ sql, tag: 'e2e-denied' })) === 200);
  });
});

test('a hint that is not known is said in every format', async () => {
  const sql = '/*+ engin(columnar) */ SELECT 1 AS one';
  assert.match((await answer(sql)).route.warning, /engin\(columnar\)/);
  assert.match((await query(sql, { path: '/query?format=csv' })).headers['x-warning'], /engin\(columnar\)/);
  assert.equal((await query({ sql: 'SELECT 1', engine: 'engin' })).status, 422);
  assert.equal((await query('SELECT 1', { headers: { 'X-Engine': 'engin' } })).status, 422);
  assert.equal((await query({ sql: 'SELECT 1', engin: 'columnar' })).status, 400);
});

test('the history has what ran, well or not', async () => {
  const mark = `e2e ${Math.random()}`;
  const good = await query({ sql: `SELECT count(*) AS "${mark}" FROM flights`, tag: 'e2e' });
  assert.equal(good.status, 200);
  assert.equal((await query(`SELECT 1 / 0 AS "${mark}"`)).status, 400);
  const path = `/api/v1/history?q=${encodeURIComponent(mark)}`;
  const found = await eventually('both are noted', async () => {
    // The router may try the good one on another engine, too, beside the request.
    const entries = (await request('GET', path)).json().entries.filter(({ origin }) => origin === 'query');
    return entries.length === 2 && entries;
  });
  const [failed, ran] = found[0].status === 400 ? found : found.toReversed();
  assert.deepEqual([failed.status, failed.sqlstate], [400, '22012']);
  assert.deepEqual([ran.engine, ran.class, ran.tag, ran.rows, ran.request_id], ['columnar', 'aggregate', 'e2e', 1, good.headers['x-request-id']]);
  assert.ok(ran.taken_ms > 0 && ran.cost_ms > 0);
  assert.equal((await request('GET', `${path}&status=400`)).json().total, 1);
  assert.equal((await request('GET', `${path}&limit=x`)).status, 400);
  const { fingerprints } = (await request('GET', '/api/v1/history/statistics?limit=1000')).json();
  assert.ok(fingerprints.some((entry) => entry.fingerprint === ran.fingerprint && entry.count >= 1));
});

describe('comparisons', () => {
  test('an answer without tables is the same on every engine', async () => {
    const response = await post('/api/v1/compare', { sql: 'SELECT x * 2 AS y FROM generate_series(1, $1::int) AS g(x) ORDER BY 1 DESC', params: [100], engines: ['postgres', 'columnar'], runs: 2 });
    assert.equal(response.status, 200, response.text);
    const found = response.json();
    assert.deepEqual([found.agree, found.ordered], [true, true], response.text);
    for (const entry of found.engines) assert.deepEqual([entry.rows, entry.runs_ms.length, entry.agrees], [100, 2, true]);
  });

  test('who cannot run it says why; writes are refused', async () => {
    const { agree, engines } = (await post('/api/v1/compare', { sql: 'SELECT count(*) FROM users', runs: 1 })).json();
    assert.equal(agree, null);
    assert.deepEqual(engines.filter((entry) => entry.eligible).map((entry) => entry.engine), ['postgres']);
    assert.ok(engines.every((entry) => entry.eligible || entry.why));
    assert.equal((await post('/api/v1/compare', { sql: 'DELETE FROM users WHERE id = -1' })).status, 422);
    assert.equal((await post('/api/v1/compare', { sql: 'SELECT pg_sleep(0)' })).status, 422);
    assert.equal((await post('/api/v1/compare', { sql: 'SELECT 1', runs: 21 })).status, 400);
    assert.equal((await query({ sql: 'SELECT 1', runs: 2 })).status, 400);
  });
});
