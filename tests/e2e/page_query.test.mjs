// The workbench: tabs, parameters, what runs of a text, formatting, dry runs, saved queries, addresses.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { afterRun, bodyRows, cellsOf, openBrowser, ownFaults, runText, write } from './support/browser.mjs';
import { base, eventually, request } from './support/stack.mjs';

let browser, page, seen;
before(async () => (browser = await openBrowser()));
after(() => browser.close());
beforeEach(async () => ({ page, seen } = await browser.open()));
afterEach(async () => {
  assert.deepEqual([seen.foreign, ownFaults(seen)], [[], []]);
  await page.close();
});
const text = async () => (await page.locator('.cm-line').allTextContents()).join('\n');
const tabTitles = () => page.locator('.query-tab-title').allTextContents();
const more = async (name) => {
  await page.locator('.toolbar .menu summary').click();
  await page.locator('.toolbar .menu-items button', { hasText: name }).click();
};

describe('the editor', () => {
  test('tabs: opened, named, told apart, kept over a reload, closed', async () => {
    await write(page, 'SELECT 1 AS first');
    await page.getByRole('button', { name: 'New query' }).click();
    await write(page, 'SELECT * FROM users WHERE id = 7');
    assert.deepEqual(await tabTitles(), ['SELECT', 'SELECT users']);
    await page.locator('.query-tab').first().click();
    assert.equal(await text(), 'SELECT 1 AS first');
    await page.locator('.query-tab').first().press('F2');
    await page.keyboard.type('My figures');
    await page.keyboard.press('Enter');
    await page.reload({ waitUntil: 'networkidle' });
    await page.locator('.cm-content').waitFor();
    assert.deepEqual(await tabTitles(), ['My figures', 'SELECT users']);
    assert.equal(await text(), 'SELECT 1 AS first');
    await page.locator('.query-tab').nth(1).click();
    assert.equal(await text(), 'SELECT * FROM users WHERE id = 7');
    await page.locator('.query-tab').nth(1).press('Delete');
    assert.deepEqual(await tabTitles(), ['My figures']);
    await page.locator('.query-tab .close').click();
    assert.equal(await text(), 'SELECT …'); // an empty one takes its place, with its hint
  });

  test('each tab keeps its answer, and what can be undone', async () => {
    await runText(page, 'SELECT 11 AS a');
    await page.keyboard.press('Alt+n');
    await runText(page, 'SELECT 22 AS b');
    await page.locator('.query-tab').first().click();
    await eventually('the first tab, with its answer', async () => (await cellsOf(page)).join() === '11');
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+z');
    await eventually('it is undone', async () => (await text()) !== 'SELECT 11 AS a');
    await page.goBack();
    await eventually('the tab before, with its answer', async () => (await cellsOf(page)).join() === '22');
  });

  test('runs the selection, or the statement at the cursor', async () => {
    await write(page, "SELECT 1 AS one;\nSELECT ';' AS two -- ; not an end\n;\nSELECT 3 AS three");
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('ArrowDown');
    await afterRun(page, () => page.keyboard.press('Control+Shift+Enter'));
    assert.deepEqual(await cellsOf(page), [';']);
    await page.keyboard.press('Control+End');
    await page.keyboard.press('Shift+Home');
    await afterRun(page, () => page.keyboard.press('Control+Enter'));
    assert.deepEqual(await cellsOf(page), ['3']);
  });

  test('an error in a selection is marked where it stands in the whole text', async () => {
    await write(page, 'SELECT 1;\nSELECT nothing FROM users');
    await page.keyboard.press('Shift+Home');
    await afterRun(page, () => page.keyboard.press('Control+Enter'));
    await page.locator('.cm-lintRange-error').waitFor();
    assert.equal(await page.locator('.cm-lintRange-error').textContent(), 'nothing');
  });

  test('parameters, with every digit', async () => {
    await write(page, "SELECT $1::numeric AS n, $2::text AS t, $3::text IS NULL AS missing, '$4' AS quoted");
    const inputs = page.locator('.parameters input');
    await eventually('three are asked for', async () => (await inputs.count()) === 3);
    await inputs.nth(0).fill('12345678901234567890.123456789');
    await inputs.nth(1).fill('Ada "the first"');
    await inputs.nth(2).fill('null');
    await page.locator('.cm-content').focus();
    await afterRun(page, () => page.keyboard.press('Control+Enter'));
    assert.deepEqual(await cellsOf(page), ['12345678901234567890.123456789', 'Ada "the first"', 'true', '$4']);
  });

  test('formats a statement', async () => {
    await write(page, 'select a.city,count(*) from flights f join airports a on a.iata=f.origin group by 1');
    await more('Format');
    await eventually('it is laid out', async () => /^SELECT\n/.test(await text()));
    assert.match(await text(), /GROUP BY/);
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+z');
    await eventually('it is undone', async () => /^select a\.city/.test(await text()));
  });

  test('says what it would cost while one types, and what is wrong', async () => {
    await write(page, 'SELECT origin, avg(delay) FROM flights GROUP BY origin');
    await page.locator('.estimate', { hasText: /will scan [\d.]+ MB on columnar · about/ }).waitFor();
    await write(page, 'SELECT nosuchcolumn FROM flights');
    await page.locator('.estimate.wrong', { hasText: 'nosuchcolumn' }).waitFor();
    assert.equal(await page.locator('.cm-lintRange-warning').textContent(), 'nosuchcolumn');
    assert.equal(await page.locator('.problem').count(), 0, 'it was not run');
  });

  test('completion offers functions, and columns of the tables that are named', async () => {
    await write(page, 'SELECT  FROM flights');
    await page.keyboard.press('Control+Home');
    for (let i = 0; i < 7; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.type('dist', { delay: 15 });
    await page.locator('.cm-tooltip-autocomplete li', { hasText: 'distance' }).waitFor();
    await page.keyboard.press('Escape');
    await write(page, '');
    await page.keyboard.type('SELECT date_tr', { delay: 15 });
    await page.locator('.cm-tooltip-autocomplete li', { hasText: 'date_trunc' }).first().waitFor();
  });

  test('a query is saved on the server, and opened from there', async () => {
    const name = `e2e page ${process.pid}`;
    try {
      await write(page, 'SELECT 4711 AS saved, $1::int AS n');
      await page.locator('.parameters input').fill('5');
      page.once('dialog', (dialog) => dialog.accept(name));
      await more('Save');
      await page.locator('.saved-state', { hasText: 'Saved' }).waitFor();
      const kept = (await request('GET', `/api/v1/saved/${encodeURIComponent(name)}`)).json();
      assert.equal(kept.sql, 'SELECT 4711 AS saved, $1::int AS n');
      await page.evaluate(() => localStorage.clear());
      await page.reload({ waitUntil: 'networkidle' });
      await page.getByRole('tab', { name: 'Saved' }).click();
      await page.locator('.saved button', { hasText: name }).click();
      await afterRun(page, () => page.locator('.run').click());
      assert.deepEqual(await cellsOf(page), ['4711', '5']);
      await page.getByRole('button', { name: `Forget ${name}` }).click();
      await eventually('it is gone', async () => (await page.locator('.saved button', { hasText: name }).count()) === 0);
    } finally {
      await request('DELETE', `/api/v1/saved/${encodeURIComponent(name)}`);
    }
  });

  test('a link opens a statement and does not run it', async () => {
    await page.goto(`${base}/#/query?${new URLSearchParams({ sql: 'SELECT 99 AS linked', engine: 'postgres' })}`);
    await eventually('it is in the editor', async () => (await text()) === 'SELECT 99 AS linked');
    assert.equal(await page.getByLabel('Engine', { exact: true }).inputValue(), 'postgres');
    assert.equal(await page.locator('.result').count(), 0);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('zipc');
    await page.keyboard.press('Enter');
    await page.locator('.page h2', { hasText: 'zipcodes' }).waitFor();
    assert.match(page.url(), /#\/tables\/mysql\./);
  });

  test('the colours can be chosen, and stay', async () => {
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByRole('button', { name: /^Colours/ }).click();
    await page.getByRole('button', { name: /^Colours/ }).click();
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload({ waitUntil: 'networkidle' });
    assert.equal(await ground(), dark);
  });
});

test('a million rows: shown while they come, few in the document, sorted and scrolled to their ends', async () => {
  await page.getByLabel('Rows', { exact: true }).selectOption('1000000');
  await runText(page, 'SELECT id, id * 7919 % 1000003 AS mixed, id::text AS words FROM generate_series(1::bigint, 1000000::bigint) AS g(id)');
  assert.match(await page.locator('.summary-text').textContent(), /1,000,000 rows/);
  await page.locator('.grid').press('Control+End');
  await eventually('the last row is in view', async () => (await bodyRows(page).last().locator('td').first().textContent()) === '1000000');
  assert.ok((await bodyRows(page).count()) < 80);
  await page.locator('.heading', { hasText: 'mixed' }).click();
  await page.locator('th[aria-sort=ascending]').waitFor({ timeout: 120_000 });
  await page.locator('.grid').press('Control+Home');
  await eventually('the smallest is first', async () => (await bodyRows(page).first().locator('td').nth(1).textContent()) === '1');
  const frames = await page.locator('.grid').evaluate(async (grid) => {
    const times = [];
    let last = performance.now();
    for (let step = 0; step < 120; step++) {
      grid.scrollTop += 100;
      await new Promise((resolve) => requestAnimationFrame(resolve));
      times.push(performance.now() - last);
      last = performance.now();
    }
    return times.sort((a, b) => a - b);
  });
  console.log(`# scrolling 100 pixels a frame: ${(1000 / (frames.reduce((sum, time) => sum + time, 0) / frames.length)).toFixed(1)} frames/s, median ${frames[60].toFixed(1)} ms, 95 % ${frames[114].toFixed(1)} ms`);
});
