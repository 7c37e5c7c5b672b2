// Saved queries: kept by the server, the same for all of its processes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { request } from './support/stack.mjs';

const json = { 'Content-Type': 'application/json' };
const put = (name, body, headers = json) => request('PUT', `/api/v1/saved/${encodeURIComponent(name)}`, { headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
const get = (name) => request('GET', `/api/v1/saved/${encodeURIComponent(name)}`);
const remove = (name) => request('DELETE', `/api/v1/saved/${encodeURIComponent(name)}`);

describe('saved queries', () => {
  test('saved, listed by every process, changed, forgotten', async () => {
    const name = `e2e/grüße ${process.pid}`;
    const saved = await put(name, '{"sql": "SELECT $1", "params": [12345678901234567890.10, "a"], "engine": "columnar"}');
    assert.equal(saved.status, 200, saved.text);
    assert.ok(saved.text.includes('12345678901234567890.10'), 'every digit is kept');
    for (let i = 0; i < 8; i++) assert.equal((await get(name)).json().sql, 'SELECT $1');
    assert.equal((await put(name, { sql: 'SELECT 2' })).status, 200);
    const { saved: list } = (await request('GET', '/api/v1/saved')).json();
    const mine = list.filter((entry) => entry.name === name);
    assert.deepEqual(mine.map(({ sql, params, engine }) => ({ sql, params, engine })), [{ sql: 'SELECT 2', params: [], engine: null }]);
    assert.ok(Math.abs(Date.parse(mine[0].updated) - Date.now()) < 600_000);
    assert.equal((await remove(name)).status, 200);
    assert.equal((await get(name)).status, 404);
    assert.equal((await remove(name)).status, 404);
  });

  test('what is wrong is refused', async () => {
    assert.equal((await put('e2e', { sql: 'SELECT 1' }, { 'Content-Type': 'text/plain' })).status, 415);
    for (const body of ['', '[]', '{}', '{"sql": ""}', '{"sql": 1}', '{"sql": "SELECT 1", "params": {}}', '{"sql": "SELECT 1", "more": 1}', '{"sql": "SELECT 1"'])
      assert.equal((await put('e2e', body)).status, 400, body);
    assert.equal((await put('x'.repeat(201), { sql: 'SELECT 1' })).status, 400);
    assert.equal((await get('e2e')).status, 404);
    assert.equal((await request('POST', '/api/v1/saved', { headers: json, body: '{}' })).status, 405);
  });
});
