// Every statement of tests/router/labels.tsv: class and engine, or the error, are those that stand there.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { labels, loadRouterTables, dropRouterTables, route } from './support/router-tables.mjs';

describe('labelled statements', () => {
  before(loadRouterTables, { timeout: 120_000 });
  after(dropRouterTables, { timeout: 120_000 });

  test('an alias that renames columns makes no key of another one', async () => {
    const answer = (await route("SELECT * FROM users AS u (a, b, c, id) WHERE id = 'US'")).json();
    assert.deepEqual([answer.class, answer.lane], ['scan', 'slow']);
  });

  for (const { line, kind, engine, sql, reason } of labels())
    test(`line ${line}: ${sql.slice(0, 120)}`, async () => {
      const response = await route(sql);
      const answer = response.json();
      const got = response.status === 200 ? `${answer.class} ${answer.engine}` : `error ${answer.sqlstate}`;
      assert.equal(got, `${kind} ${engine}`, `${sql}\n${reason}\n${response.text.slice(0, 1500)}`);
    });
});
