// What is done with an answer: sorted, copied, exported, drawn, explained, raced.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { bodyRows, cellsOf, openBrowser, ownFaults, runText } from './support/browser.mjs';
import { eventually } from './support/stack.mjs';

let browser, page, seen;
before(async () => (browser = await openBrowser()));
after(() => browser.close());
beforeEach(async () => ({ page, seen } = await browser.open()));
afterEach(async () => {
  assert.deepEqual([seen.foreign, ownFaults(seen)], [[], []]);
  await page.close();
});
const column = async (index) => (await bodyRows(page).locator(`td:nth-of-type(${index + 1})`).allTextContents());
const view = (name) => page.getByRole('tab', { name, exact: true }).click();
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

describe('the grid', () => {
  const VALUES = "SELECT * FROM (VALUES (9007199254740993, 'b', 1.50), (9007199254740992, NULL, 1.5000000000000000000001), (NULL, '', -2), (10, 'a', 0)) AS t(big, word, exact)";

  test('sorts by a column, numbers by all of their digits, NULLs last', async () => {
    await runText(page, VALUES);
    const heading = (name) => page.locator('.heading', { hasText: name });
    await heading('big').click();
    await page.locator('th[aria-sort=ascending]').waitFor();
    assert.deepEqual(await column(0), ['10', '9007199254740992', '9007199254740993', 'NULL']);
    await heading('big').click();
    await page.locator('th[aria-sort=descending]').waitFor();
    assert.deepEqual(await column(0), ['NULL', '9007199254740993', '9007199254740992', '10']);
    await heading('exact').click();
    await page.locator('th[aria-sort=ascending]', { hasText: 'exact' }).waitFor();
    assert.deepEqual(await column(2), ['-2', '0', '1.50', '1.5000000000000000000001']);
    await heading('exact').click();
    await heading('exact').click();
    await eventually('the order is the answer’s again', async () => (await column(0))[0] === '9007199254740993');
  });

  test('NULL is told from an empty string; cells are selected and copied', async () => {
    await runText(page, VALUES);
    assert.equal(await page.locator('.grid td.null').count(), 2);
    await page.locator('.grid').focus();
    for (const key of ['ArrowDown', 'ArrowRight', 'ArrowLeft', 'Shift+ArrowDown', 'Shift+ArrowDown', 'Shift+ArrowRight', 'Control+c']) await page.keyboard.press(key);
    await eventually('it is copied', async () => (await clipboard()) === '9007199254740993\tb\n9007199254740992\t\n\t');
    assert.equal(await page.locator('.grid td.selected').count(), 6);
  });

  test('columns can be made wider', async () => {
    await runText(page, VALUES);
    const width = async () => (await page.locator('.grid thead th').first().boundingBox()).width;
    const was = await width();
    const handle = await page.locator('.grid .resizer').first().boundingBox();
    await page.mouse.move(handle.x + 3, handle.y + 8);
    await page.mouse.down();
    await page.mouse.move(handle.x + 103, handle.y + 8, { steps: 4 });
    await page.mouse.up();
    assert.equal(await width(), was + 100);
  });

  test('JSON is opened as a tree, with its digits', async () => {
    await runText(page, `SELECT '{"list": [1, {"deep": 12345678901234567890}], "none": null}'::jsonb AS doc`);
    await bodyRows(page).first().locator('td').first().dblclick();
    await page.locator('dialog .json').first().waitFor();
    assert.match(await page.locator('dialog').textContent(), /list.*deep.*12345678901234567890/s);
    await page.keyboard.press('Escape');
  });
});

describe('exports', () => {
  const download = async (name) => {
    await page.locator('.download summary').click();
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('.download .menu-items button').getByText(name, { exact: true }).click()]);
    return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
  };

  test('all rows in each format, not only those that are shown', async () => {
    await page.getByLabel('Rows', { exact: true }).selectOption('100');
    await runText(page, 'SELECT id, name FROM users ORDER BY id LIMIT 250');
    assert.match(await page.locator('.summary-text').textContent(), /100 rows.*there are more/);
    const csv = await download('CSV');
    assert.equal(csv.name, 'result.csv');
    assert.match(csv.bytes.toString(), /^id,name\r?\n1,/);
    assert.equal(csv.bytes.toString().trimEnd().split('\n').length, 251);
    assert.equal(JSON.parse((await download('JSON, objects')).bytes).data.length, 250);
    assert.equal(JSON.parse((await download('JSON, arrays')).bytes).data[249].length, 2);
    assert.equal((await download('NDJSON, a row per line')).bytes.toString().trimEnd().split('\n').length, 250);
    assert.equal((await download('Parquet')).bytes.subarray(0, 4).toString(), 'PAR1');
    assert.equal((await download('Arrow IPC stream')).bytes.readUInt32LE(0), 0xffffffff);
  });

  test('rows are copied as CSV and Markdown', async () => {
    await runText(page, "SELECT * FROM (VALUES (1, 'a,b'), (2, NULL), (3, '')) AS t(n, w)");
    await page.locator('.download summary').click();
    await page.getByRole('button', { name: 'Copy as CSV' }).click();
    await page.locator('.download .facts', { hasText: 'Copied 3 rows' }).waitFor();
    assert.equal(await clipboard(), 'n,w\r\n1,"a,b"\r\n2,\r\n3,""\r\n');
    await page.locator('.download summary').click();
    await page.getByRole('button', { name: 'Copy as Markdown' }).click();
    await eventually('it is copied', async () => (await clipboard()).startsWith('| n | w |\n| --- | --- |\n| 1 | a,b |\n| 2 | *NULL* |'));
  });
});

describe('charts', () => {
  const kind = () => page.locator('.kinds [aria-pressed=true]').textContent();

  test('chosen by the columns: bars for words, a line for times, a histogram for one measure, a scatter for two', async () => {
    await runText(page, 'SELECT origin, count(*) AS flights FROM flights GROUP BY 1 ORDER BY 2 DESC LIMIT 10');
    await view('Chart');
    await page.locator('.chart rect').first().waitFor();
    assert.equal(await kind(), 'Bars');
    assert.equal(await page.locator('.chart rect').count(), 10);
    assert.match(page.url(), /\/chart$/);
    await runText(page, "SELECT date_trunc('month', date) AS month, count(*) AS flights FROM flights GROUP BY 1 ORDER BY 1");
    await page.locator('.chart path').first().waitFor();
    assert.equal(await kind(), 'Line');
    await runText(page, 'SELECT distance FROM flights LIMIT 1000');
    await eventually('a histogram', async () => (await kind()) === 'Histogram');
    await runText(page, 'SELECT distance, delay FROM flights LIMIT 300');
    await page.locator('.chart circle').first().waitFor();
    assert.equal(await kind(), 'Scatter');
  });

  test('adjusted: each kind draws, and the choice stays with the tab', async () => {
    await runText(page, 'SELECT origin, count(*) AS flights, avg(delay) AS delay FROM flights GROUP BY 1 ORDER BY 2 DESC LIMIT 8');
    await view('Chart');
    for (const [name, marks] of [['Pie', 'path'], ['Area', 'path'], ['Scatter', 'circle'], ['Histogram', 'rect'], ['Line', 'path'], ['Bars', 'rect']]) {
      await page.locator('.kinds button', { hasText: name }).click();
      if (name === 'Histogram') await page.locator('.chart-controls label', { hasText: 'Values' }).locator('select').selectOption({ label: 'flights' });
      await page.locator(`.chart svg ${marks}`).first().waitFor();
      if (name === 'Histogram') await page.locator('.chart-controls label', { hasText: 'Values' }).locator('select').selectOption({ label: 'origin' });
    }
    await page.getByLabel('Measure').selectOption({ label: 'delay' });
    await page.locator('.chart svg[aria-label^="Bars: delay"]').waitFor();
    await view('Rows');
    await view('Chart');
    await page.locator('.chart svg[aria-label^="Bars: delay"]').waitFor();
  });
});

describe('plans and the route', () => {
  for (const [engine, sql, node] of [
    ['columnar', 'SELECT origin, count(*) FROM flights WHERE delay > 60 GROUP BY origin', /Scan/],
    ['postgres', 'SELECT u.name, count(*) FROM users u JOIN transactions t ON t.user_id = u.id WHERE u.id < 50 GROUP BY 1', /Scan/],
  ])
    test(`the plan of ${engine} as a tree, with times and rows`, async () => {
      await runText(page, sql);
      assert.match(await page.locator('.summary-text').textContent(), new RegExp(engine));
      await view('Plan');
      await page.getByRole('button', { name: 'Plan only' }).click();
      await page.locator('.plan-node').first().waitFor();
      assert.match(await page.locator('.plan-tree').textContent(), node);
      await page.getByRole('button', { name: 'Run and measure' }).click();
      await page.locator('.plan-bar', { hasText: 'executed in' }).waitFor();
      assert.match(await page.locator('.plan-tree').textContent(), /rows · .*(ms|µs)/);
      assert.ok((await page.locator('.plan-node').count()) >= 2);
    });

  test('an EXPLAIN that was typed is shown as a tree', async () => {
    await runText(page, 'EXPLAIN SELECT * FROM users WHERE id = 1');
    await page.locator('.plan-node').first().waitFor();
    assert.match(await page.locator('.plan-head').first().textContent(), /Scan/);
  });

  test('the engines are raced: times, and whether they agree', async () => {
    await runText(page, 'SELECT count(*), sum(id) FROM users');
    await page.getByRole('button', { name: 'Compare engines' }).click();
    await page.locator('.compare .verdict').waitFor({ timeout: 60_000 });
    assert.match(await page.locator('.compare .candidates').textContent(), /runs .*(ms|µs)/);
  });

  test('the rules tried', async () => {
    await runText(page, 'SELECT 1 AS one');
    await page.locator('.rules summary').click();
    await page.locator('.rules .rule, .rules .rule-list').first().waitFor();
    await page.locator('.side-toggle').click();
    await page.locator('aside.route').waitFor({ state: 'detached' });
    await view('Route');
    await page.locator('.route-view h2', { hasText: 'Why' }).waitFor();
  });
});
