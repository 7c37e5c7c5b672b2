// The pages beside the workbench: tables, ingest, live rows, jobs, the system.
import assert from 'node:assert/strict';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { bodyRows, cellsOf, openBrowser, ownFaults, write } from './support/browser.mjs';
import { answer, base, eventually, psql, query, request, rows } from './support/stack.mjs';

let browser, page, seen;
const files = mkdtempSync(join(tmpdir(), 'signalbox-page-'));
before(async () => (browser = await openBrowser()));
after(async () => {
  await browser.close();
  rmSync(files, { recursive: true, force: true });
});
beforeEach(async () => ({ page, seen } = await browser.open({ at: '#/tables' })));
afterEach(async () => {
  assert.deepEqual([seen.foreign, ownFaults(seen)], [[], []]);
  await page.close();
});
const visit = (hash) => page.goto(`${base}/${hash}`);
const tab = (name) => page.getByRole('tab', { name, exact: true }).click();

describe('tables', () => {
  test('the list: engines, rows, sizes; filtered by the names of columns, too', async () => {
    const row = page.locator('.data tr', { hasText: 'flights' });
    assert.match(await row.textContent(), /columnar.*3,000,000.*MB/);
    await page.getByLabel('Filter tables and columns').fill('zip_code');
    await eventually('only zipcodes is left', async () => (await page.locator('.sidebar .table-name').allTextContents()).join() === 'zipcodes');
    await row.locator('a').click();
    await page.locator('.page h2', { hasText: 'flights' }).waitFor();
    assert.match(page.url(), /#\/tables\/columnar\.default\.flights$/);
  });

  test('a table: profile with nulls, bounds, histograms and the commonest values', async () => {
    await visit('#/tables/columnar.default.flights');
    await page.locator('.histogram').first().waitFor();
    const delay = page.locator('.profile tr', { hasText: 'delay' });
    assert.match(await delay.textContent(), /int8.*-1116.*1688/);
    assert.match(await page.locator('.profile tr', { hasText: 'origin' }).textContent(), /226.*ABE.*YAK.*ORD.*5\.5 %/);
    assert.ok((await delay.locator('.histogram rect').count()) >= 10);
  });

  test('preview, files, partitions and DDL; a table of PostgreSQL with its keys', async () => {
    await visit('#/tables/columnar.default.flights');
    await tab('Preview');
    await bodyRows(page).first().waitFor();
    assert.equal((await cellsOf(page)).length, 5);
    await tab('Files');
    await page.locator('.data', { hasText: '.parquet' }).waitFor();
    await tab('Partitions');
    await page.locator('.empty', { hasText: 'not partitioned' }).waitFor();
    await tab('DDL');
    assert.match(await page.locator('.source').textContent(), /CREATE TABLE columnar\.flights \(\n\s+date\s+timestamp/);
    await visit('#/tables/postgres.public.users/ddl');
    await page.locator('.source', { hasText: 'PRIMARY KEY (id)' }).waitFor();
  });

  test('snapshots: seen as they were, and what changed between two', async () => {
    const name = `e2e_page_past_${process.pid}`;
    try {
      await answer(`CREATE TABLE columnar.${name} (id bigint, word text) WITH (partitioning = 'bucket(4, id)')`);
      await answer(`INSERT INTO ${name} VALUES (1, 'one'), (2, 'two')`);
      await answer(`INSERT INTO ${name} VALUES (3, 'three')`);
      await answer(`DELETE FROM ${name} WHERE id = 1`);
      await visit(`#/tables/columnar.default.${name}/snapshots`);
      await page.reload();
      await eventually('three are listed', async () => (await page.locator('.data tbody tr').count()) === 3);
      assert.match(await page.locator('.data tbody tr').first().textContent(), /current.*overwrite/s);
      await page.getByRole('button', { name: 'Compare', exact: true }).click();
      await bodyRows(page).first().waitFor();
      assert.deepEqual(await cellsOf(page), ['−', '1', 'one']);
      await page.locator('.data tbody tr').last().getByRole('link', { name: 'See it then' }).click();
      await page.locator('.note', { hasText: 'As of snapshot' }).waitFor();
      await eventually('the first two rows', async () => (await bodyRows(page).count()) === 2);
      await tab('Partitions');
      await bodyRows(page).first().waitFor();
    } finally {
      await query(`DROP TABLE IF EXISTS columnar.${name}`);
    }
  });

  test('one that is not there', async () => {
    await visit('#/tables/columnar.default.nosuch');
    await page.locator('.problem', { hasText: 'nosuch' }).waitFor();
  });
});

describe('ingest', () => {
  const name = `e2e_page_in_${process.pid}`;
  afterEach(async () => void (await query(`DROP TABLE IF EXISTS columnar.${name}`)));
  const choose = (file) => page.locator('input[type=file]').setInputFiles(file);
  const file = (suffix, content) => {
    const path = join(files, `${name}${suffix}`);
    writeFileSync(path, content);
    return path;
  };

  test('a file: format and schema are found, corrected, and loaded', async () => {
    await visit('#/ingest');
    await choose(file('.csv', 'id;name;day;amount\n1;Ada;2024-01-01;3.50\n2;"Grace; H.";2024-02-29;\n'));
    await page.locator('.schema-edit').waitFor();
    const types = () => page.locator('.schema-edit input').evaluateAll((inputs) => inputs.map((input) => input.value));
    assert.deepEqual(await types(), ['bigint', 'text', 'date', 'double precision']);
    await page.getByLabel('Type of amount').fill('numeric(10,2)');
    await page.getByLabel('Type of amount').press('Tab');
    await page.getByRole('button', { name: 'Create and load' }).click();
    await page.locator('.note.good', { hasText: '2 rows loaded' }).waitFor();
    assert.deepEqual(await rows(`SELECT id, name, day::text, amount::text FROM ${name} ORDER BY id`), [{ id: 1, name: 'Ada', day: '2024-01-01', amount: '3.50' }, { id: 2, name: 'Grace; H.', day: '2024-02-29', amount: null }]);
    const columns = (await request('GET', `/api/v1/tables/columnar.default.${name}`)).json().columns;
    assert.match(columns.find((column) => column.name === 'amount').type, /numeric/);
  });

  test('NDJSON, compressed, into a table that is there; then in place of its rows', async () => {
    await answer(`CREATE TABLE columnar.${name} (id bigint, name text)`);
    await visit('#/ingest');
    await page.reload();
    await choose(file('.ndjson', '{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n'));
    await page.getByRole('button', { name: 'Append' }).click();
    await page.locator('.note.good', { hasText: '2 rows loaded' }).waitFor();
    await choose(file('.ndjson.gz', gzipSync('{"id": 3, "name": "c"}\n')));
    const second = page.locator('.stack.card').first();
    await second.locator('.state', { hasText: 'GZIP' }).waitFor();
    await second.getByLabel('Rows that are there').selectOption('replace');
    await second.getByRole('button', { name: 'Replace its rows' }).click();
    await second.locator('.note.good', { hasText: '1 row loaded' }).waitFor();
    assert.deepEqual(await rows(`SELECT id, name FROM ${name}`), [{ id: 3, name: 'c' }]);
  });

  test('what does not fit is said, and nothing is loaded', async () => {
    await answer(`CREATE TABLE columnar.${name} (id bigint, name text)`);
    await visit('#/ingest');
    await page.reload();
    await choose(file('.csv', 'id,name\n1,a\nx,b\n'));
    await page.getByRole('button', { name: 'Append' }).click();
    await page.locator('.note.bad', { hasText: 'The table is as it was' }).waitFor();
    assert.deepEqual(await rows(`SELECT count(*) AS n FROM ${name}`), [{ n: 0 }]);
    await page.getByLabel('leave bad rows out').check();
    await page.getByRole('button', { name: 'Append' }).click();
    await page.locator('.note.good', { hasText: '1 row left out' }).waitFor();
  });

  test('JSON that is pasted', async () => {
    await visit('#/ingest/paste');
    await page.locator('textarea').fill('[{"id": 1, "doc": {"a": [1, 2]}}, {"id": 2, "doc": null}]');
    await page.getByRole('button', { name: 'Look at it' }).click();
    await page.getByLabel('Table', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Create and load' }).click();
    await page.locator('.note.good', { hasText: '2 rows loaded' }).waitFor();
    assert.deepEqual(await rows(`SELECT id, doc->'a'->>1 AS second FROM ${name} ORDER BY id`), [{ id: 1, second: '2' }, { id: 2, second: null }]);
  });

  test('rows that are made up', async () => {
    await visit('#/ingest/generate');
    await page.getByLabel('What').selectOption('transactions');
    await page.locator('label.field', { hasText: 'Rows' }).locator('select').selectOption('1000');
    await page.getByRole('button', { name: 'Make rows' }).click();
    await page.getByLabel('Table', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Create and load' }).click();
    await page.locator('.note.good', { hasText: '1,000 rows loaded' }).waitFor();
    assert.deepEqual(await rows(`SELECT count(*) AS n, count(DISTINCT id) AS ids, min(currency) > '' AS words FROM ${name}`), [{ n: 1000, ids: 1000, words: true }]);
  });
});

test('live: the newest rows, as they come', async () => {
  await answer('CREATE TABLE e2e_page_live (id bigint PRIMARY KEY, word text)'); // not by psql: the server knows it at once
  psql("INSERT INTO e2e_page_live VALUES (1, 'first')");
  try {
    await visit('#/live/postgres.public.e2e_page_live');
    await page.reload();
    await page.locator('.data', { hasText: 'first' }).waitFor();
    psql("INSERT INTO e2e_page_live VALUES (2, 'second')");
    await page.locator('.data tbody tr').first().getByText('second').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Go on' }).waitFor();
  } finally {
    await query('DROP TABLE e2e_page_live');
  }
});

describe('jobs', () => {
  test('a statement run as a job: its rows, page by page, and its plan', async () => {
    await visit('#/query');
    await page.locator('.cm-content').waitFor();
    await write(page, 'SELECT id FROM generate_series(1::bigint, 250000::bigint) AS g(id)');
    await page.locator('.toolbar .menu summary').click();
    await page.getByRole('button', { name: 'Run it as a job' }).click();
    await page.locator('.state', { hasText: 'completed' }).waitFor({ timeout: 60_000 });
    await page.locator('.row-of strong', { hasText: '250,000 rows' }).waitFor();
    await bodyRows(page).first().waitFor();
    await page.locator('.grid').focus();
    await page.keyboard.press('Control+End');
    await eventually('the last row is in view', async () => (await bodyRows(page).last().locator('td').first().textContent()) === '250000');
    await page.getByRole('link', { name: 'All jobs' }).click();
    await page.locator('.jobs tr', { hasText: '250000' }).first().waitFor();
  });

  test('one that runs is listed, and cancelled', async () => {
    const submitted = await request('POST', '/api/v1/queries', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ sql: 'SELECT pg_sleep(60), 1 AS e2e_page_job', engine: 'postgres' }) });
    assert.equal(submitted.status, 202, submitted.text);
    const { job_id: id } = submitted.json();
    await visit('#/jobs');
    const row = page.locator('.jobs tr', { has: page.locator(`a[href*="${id}"]`) });
    await row.getByRole('button', { name: 'Cancel' }).click();
    await row.locator('.state', { hasText: 'cancelled' }).waitFor();
    assert.equal((await request('GET', `/api/v1/jobs/${id}`)).json().status, 'cancelled');
    await row.locator('a').click();
    await page.locator('.source', { hasText: 'e2e_page_job' }).waitFor();
  });
});

test('schedules: made, run now, listed with their runs, deleted', async () => {
  const name = `e2e page ${process.pid}`;
  await visit('#/jobs/schedules');
  await page.locator('.schedule-new summary').click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('When (cron, UTC)').fill('0 0 1 1 *');
  await page.getByLabel('Statement').fill('SELECT count(*) AS e2e_page_schedule FROM flights');
  await page.getByRole('button', { name: 'Schedule it' }).click();
  const row = page.locator('.schedules tr', { hasText: name });
  await row.getByRole('button', { name: 'Run now' }).click();
  await row.locator('.state', { hasText: 'completed' }).waitFor();
  await row.getByRole('button', { name: 'Delete' }).click();
  await row.waitFor({ state: 'detached' });
});

test('the system: engines, live charts that move, where the time goes', async () => {
  await visit('#/system');
  await page.locator('.plot').first().waitFor();
  assert.deepEqual((await page.locator('.data').first().locator('.name').allTextContents()).sort(), ['columnar', 'mysql', 'postgres']);
  for (const title of ['Statements per second', 'Latency of /query', 'Busy slots', 'Queue', 'Memory of the pool']) await page.locator('.plot h3', { hasText: title }).waitFor();
  await eventually('statements that run move the chart', async () => {
    await rows('SELECT 1 AS one');
    return (await page.locator('.plot', { hasText: 'Requests to /query' }).locator('h3 strong').textContent()) !== '0';
  });
  await eventually('memory is drawn', async () => (await page.locator('.plot', { hasText: 'Memory of the pool' }).locator('svg path').count()) > 0);
  await page.locator('#shapes-title').waitFor();
});
