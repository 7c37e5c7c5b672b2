// The page, in Chromium, as people use it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { bodyRows, openBrowser, ownFaults, runText, write, PHONE, WIDE } from './support/browser.mjs';
import { eventually, psql } from './support/stack.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AGGREGATE = 'SELECT origin, count(*), avg(delay)\nFROM flights\nGROUP BY origin\nORDER BY 2 DESC\nLIMIT 10';

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser.close());

async function ran(page) {
  await page.locator('.run', { hasText: 'Run' }).waitFor();
  await page.locator('.summary, .problem').first().waitFor();
}

describe('wide', () => {
  let page, seen;
  beforeEach(async () => ({ page, seen } = await browser.open()));
  afterEach(async () => {
    assert.deepEqual(seen.foreign, [], 'requests to other hosts');
    assert.deepEqual(ownFaults(seen), [], 'errors in the console');
    await page.close();
  });

  test('the example runs with Ctrl-Enter: rows, and why this engine', async () => {
    await page.keyboard.press('Control+Enter'); // the editor has the focus
    await ran(page);
    assert.equal(await bodyRows(page).count(), 10);
    assert.deepEqual(await bodyRows(page).first().locator('td').allTextContents(), ['ORD', '166341', '9.2736547213254700', '']);
    assert.match(await page.locator('.summary').textContent(), /10 rows · columnar · /);
    const why = page.locator('.route');
    assert.match(await why.locator('h2').textContent(), /Why columnar/);
    assert.match(await why.locator('.reason').textContent(), /flights/);
    const candidates = await why.locator('.candidate').allTextContents();
    assert.equal(candidates.length, 3);
    assert.match(candidates[0], /columnar.*ms.*chosen/);
    for (const other of candidates.slice(1)) assert.match(other, /not eligible.*flights/);
    assert.match(await why.locator('.timing').textContent(), /execute/);
  });

  test('tables, engines and their state are listed', async () => {
    await page.locator('.table-name', { hasText: 'zipcodes' }).waitFor();
    const names = await page.locator('.table-name').allTextContents();
    for (const name of ['airports', 'users', 'transactions', 'zipcodes', 'flights', 'movies', 'events']) assert.ok(names.includes(name), `${name} in ${names}`);
    assert.deepEqual((await page.locator('.lights li').allTextContents()).sort(), ['columnar is up', 'mysql is up', 'postgres is up']);
    await page.locator('.table-entry', { hasText: 'zipcodes' }).locator('summary').click();
    assert.match(await page.locator('.table-entry', { hasText: 'zipcodes' }).locator('ul').textContent(), /zip_code varchar.*county/);
  });

  test('an error is shown, and marked at its position', async () => {
    await runText(page, "SELECT '𝄞é', id,\n  nothing\nFROM users");
    assert.match(await page.locator('.problem').textContent(), /nothing.*42703/s);
    assert.equal(await page.locator('.cm-lintRange-error').textContent(), 'nothing');
    await page.locator('.cm-content').press('End');
    await page.keyboard.type(' ');
    await eventually('the mark goes when the text changes', async () => (await page.locator('.cm-lintRange-error').count()) === 0);
  });

  test('the engine can be chosen, and what it cannot do is said', async () => {
    await page.getByLabel('Engine', { exact: true }).selectOption('postgres');
    await runText(page, 'SELECT 1 AS one');
    assert.match(await page.locator('.summary').textContent(), /1 row · postgres/);
    assert.match(await page.locator('.route .rule').first().textContent(), /forced/);
    await runText(page, AGGREGATE);
    assert.match(await page.locator('.problem').textContent(), /forced engine.*flights/is);
  });

  test('completion offers tables and columns', async () => {
    await write(page, '');
    await page.keyboard.type('SELECT * FROM zipc', { delay: 15 });
    await page.locator('.cm-tooltip-autocomplete li', { hasText: 'zipcodes' }).waitFor();
    await new Promise((resolve) => setTimeout(resolve, 150)); // the editor takes no Enter for a list that only just opened
    await page.keyboard.press('Enter');
    await eventually('the completion is taken', async () => /FROM zipcodes$/.test((await page.locator('.cm-line').allTextContents()).join('\n')));
    await page.keyboard.type(' WHERE zipcodes.', { delay: 15 });
    const offered = page.locator('.cm-tooltip-autocomplete li');
    await offered.filter({ hasText: 'county' }).waitFor();
    assert.match((await offered.allTextContents()).join(' '), /zip_code.*|city/);
  });

  test('a result of 100,000 rows keeps few in the document and scrolls to its end', async () => {
    await page.getByLabel('Rows', { exact: true }).selectOption('100000');
    await runText(page, 'SELECT * FROM users ORDER BY id');
    assert.match(await page.locator('.summary').textContent(), /100,000 rows/);
    const header = () => page.locator('.grid thead th').evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().width));
    const widths = await header();
    const slowest = await page.locator('.grid').evaluate(async (grid) => {
      let longest = 0;
      for (let step = 0; step <= 60; step++) {
        const started = performance.now();
        grid.scrollTop = (grid.scrollHeight * step) / 60;
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        if (step) longest = Math.max(longest, performance.now() - started);
      }
      return longest;
    });
    console.log(`# 60 steps of scrolling: the slowest took ${slowest.toFixed(0)} ms`);
    await page.locator('.grid').press('Control+End');
    await eventually('the last row is in view', async () => (await bodyRows(page).last().locator('td').first().textContent()) === '100000');
    assert.ok((await bodyRows(page).count()) < 100);
    assert.deepEqual(await header(), widths, 'columns keep their widths');
  });

  test('long, empty, NULL and structured values', async () => {
    await runText(page, `SELECT repeat('long ', 500) AS t, '' AS e, NULL AS n, E'a\\nb' AS lines, '{"k": [1]}'::jsonb AS j, 9007199254740993 AS big, 25.00 AS exact, 0.1234567890123456789012345 AS digits`);
    const cells = await bodyRows(page).first().locator('td').allTextContents();
    assert.ok(cells[0].startsWith('long long'));
    assert.deepEqual(cells.slice(1, 8), ['', 'NULL', 'a ↵ b', '{"k": [1]}', '9007199254740993', '25.00', '0.1234567890123456789012345']);
    assert.equal((await bodyRows(page).first().boundingBox()).height, 28);
    await bodyRows(page).first().locator('td').first().dblclick();
    await page.locator('dialog').waitFor();
    assert.equal((await page.locator('dialog pre').textContent()).length, 2500);
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
  });

  test('no rows, and a write', async () => {
    await runText(page, 'SELECT * FROM users WHERE id < 0');
    assert.match(await page.locator('.grid').textContent(), /No rows/);
    try {
      await runText(page, 'CREATE TABLE e2e_page (i int)');
      assert.match(await page.locator('.summary').textContent(), /CREATE TABLE/);
      await page.locator('.table-name', { hasText: 'e2e_page' }).waitFor();
      await runText(page, 'INSERT INTO e2e_page VALUES (1), (2)');
      assert.match(await page.locator('.summary').textContent(), /INSERT.*2 rows.*postgres/);
      await runText(page, 'INSERT INTO e2e_page VALUES (3) RETURNING i');
      await page.locator('.download summary').click();
      assert.equal(await page.getByRole('button', { name: 'CSV', exact: true }).count(), 0, 'a write is not run again for its CSV');
    } finally {
      psql('DROP TABLE IF EXISTS e2e_page');
    }
  });

  test('history: the server\'s, of all that ran, comes back into the editor', async () => {
    const mark = `${Date.now()}`;
    await runText(page, `SELECT 41 + 1 AS answer_${mark}`);
    await runText(page, `SELECT nonsense_${mark}(`);
    await page.getByRole('tab', { name: 'History' }).click();
    await page.getByLabel('Search the history').fill(mark);
    const listed = async () => [...new Set(await page.locator('.history-sql').allTextContents())]; // the router may have tried one elsewhere, too
    await eventually('both are listed', async () => (await listed()).length === 2);
    assert.deepEqual(await listed(), [`SELECT nonsense_${mark}(`, `SELECT 41 + 1 AS answer_${mark}`]);
    await page.locator('.history button', { hasText: '41 + 1' }).first().click();
    await page.locator('.run').click();
    await ran(page);
    assert.equal(await bodyRows(page).first().locator('td').first().textContent(), '42');
  });

  test('a running statement can be cancelled, and ends in the database too', async () => {
    await write(page, 'SELECT pg_sleep(30), 1 AS e2e_page_sleeper');
    await page.keyboard.press('Control+Enter');
    const running = () => psql("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%e2e_page_sleeper%' AND pid <> pg_backend_pid()").length;
    await eventually('it runs', () => running() === 1);
    assert.ok(await page.locator('.progress.busy').isVisible());
    await page.locator('.run', { hasText: 'Cancel' }).click();
    await page.locator('.problem.cancelled').waitFor();
    await eventually('it has ended', () => running() === 0, 2000);
  });

  test('by keyboard alone', async () => {
    const focused = () => page.evaluate(() => {
      const element = document.activeElement;
      return element === document.body ? 'body' : element.getAttribute('aria-label') || element.textContent.trim().slice(0, 30) || element.tagName;
    });
    await page.keyboard.press('Control+a');
    await page.keyboard.type('SELECT id, name, email FROM users ORDER BY id LIMIT 30');
    await page.keyboard.press('Escape'); // closes a completion list, if one is open
    await page.keyboard.press('Control+Enter');
    await ran(page);
    const order = [];
    for (let i = 0; i < 90 && !(order.length > 3 && order.at(-1) === 'SQL statement'); i++) {
      await page.keyboard.press('Tab');
      order.push(await focused());
      const visible = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === document.body || element.classList.contains('cm-content')) return true;
        const style = getComputedStyle(element);
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
      });
      assert.ok(visible, `${order.at(-1)} shows no focus`);
    }
    // From the editor through the controls, the rows, around through the tables and back: no trap, nothing left out.
    const at = (pattern) => order.findIndex((name) => pattern.test(name));
    const wanted = [/^Run/, /^auto/, /^100/, /^More/, /^Height/, /^Rows$/, /^Export/, /^Why/, /^Result rows/, /^Signalbox/, /^Filter|^Tables/, /airports/, /SQL statement/].map(at);
    assert.ok(wanted.every((place) => place >= 0), order.join(' | '));
    assert.deepEqual([...wanted].sort((a, b) => a - b), wanted, order.join(' | '));
    // The rows: arrows move, Enter shows the whole value, Escape comes back.
    await page.locator('.grid').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    await page.locator('dialog').waitFor();
    assert.equal(await page.locator('dialog pre').textContent(), psql('SELECT email FROM users WHERE id = 3')[0][0]);
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    assert.match(await focused(), /Result rows/);
    // The tabs: arrows.
    await page.locator('#tab-tables').focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.locator('#tab-saved').getAttribute('aria-selected'), 'true');
    // The engine, by its list; Shift-Tab goes back.
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.type('postgres');
    assert.equal(await page.getByLabel('Engine', { exact: true }).inputValue(), 'postgres');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await focused(), 'SQL statement');
  });
});

describe('accessibility', () => {
  for (const [shape, viewport] of [['wide', WIDE], ['phone', PHONE]])
    for (const dark of [false, true])
      for (const [state, sql] of [['at the start', null], ['with rows', 'SELECT * FROM users ORDER BY id LIMIT 50'], ['with an error', 'SELECT nothing FROM users'], ['with the history', '']])
        test(`axe finds nothing: ${shape}, ${dark ? 'dark' : 'light'}, ${state}`, async () => {
          const { page, seen } = await browser.open({ viewport, dark });
          if (sql) await runText(page, sql);
          if (sql === '') {
            await runText(page, 'SELECT 1 AS one');
            await page.getByRole('tab', { name: 'History' }).click();
          }
          await page.evaluate(axeSource);
          const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
          assert.deepEqual(violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html.slice(0, 150)).join(' ; ')}`), []);
          assert.deepEqual(ownFaults(seen), []);
          await page.close();
        });
});

describe('accessibility of the other pages', () => {
  const places = ['#/tables', '#/tables/columnar.default.flights', '#/tables/columnar.default.flights/snapshots', '#/tables/columnar.default.flights/preview', '#/ingest', '#/ingest/generate', '#/live/postgres.public.users', '#/jobs', '#/jobs/schedules', '#/system'];
  for (const [shape, viewport, dark] of [['wide, light', WIDE, false], ['phone, dark', PHONE, true]])
    for (const at of places)
      test(`axe finds nothing: ${at}, ${shape}`, async () => {
        const { page, seen } = await browser.open({ viewport, dark, at });
        await page.locator('main .page').waitFor();
        await eventually('nothing is awaited any more', async () => (await page.locator('main .waiting').count()) === 0);
        await page.evaluate(axeSource);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
        assert.deepEqual(violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html.slice(0, 150)).join(' ; ')}`), []);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width, 'nothing is wider than the screen');
        assert.deepEqual([seen.foreign, ownFaults(seen)], [[], []]);
        await page.close();
      });
});

describe('phone', () => {
  test('nothing is wider than the screen, the controls are large enough to touch', async () => {
    const { page, seen } = await browser.open({ viewport: PHONE });
    await page.locator('.run').click();
    await ran(page);
    assert.equal(await bodyRows(page).count(), 10);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width);
    const small = await page.locator('button:visible, select:visible, summary:visible').evaluateAll((elements) =>
      elements.filter((element) => element.getBoundingClientRect().height < 24).map((element) => element.outerHTML.slice(0, 100)));
    assert.deepEqual(small, []);
    assert.deepEqual([seen.foreign, ownFaults(seen)], [[], []]);
    await page.close();
  });
});
