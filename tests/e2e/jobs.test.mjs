// Jobs through nginx: any process answers for any job; results, events, cancelling, schedules.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, test } from 'node:test';
import { answer, base, eventually, query, request } from './support/stack.mjs';

const json = { 'Content-Type': 'application/json' };
const post = (path, fields, headers = {}) => request('POST', path, { headers: { ...json, ...headers }, body: JSON.stringify(fields) });
const LONG = 'SELECT count(*) FROM generate_series(1, 100000000000) g';

async function submit(fields) {
  const response = await post('/api/v1/queries', typeof fields === 'string' ? { sql: fields } : fields);
  assert.equal(response.status, 202, response.text);
  return response.json().job_id;
}
const job = async (id) => (await request('GET', `/api/v1/jobs/${id}`)).json();
const ended = (id) => eventually(`job ${id} ends`, async () => {
  const found = await job(id);
  return !['queued', 'running'].includes(found.status) && found;
});

// Server-sent events as they come; `next` resolves to the next one, null at the end.
function watch(id, headers = {}) {
  const events = [], waiting = [];
  let text = '', closed = false, status;
  const hand = () => {
    while (waiting.length && (events.length || closed)) waiting.shift()(events.shift() ?? null);
  };
  const outgoing = http.get(`${base}/api/v1/jobs/${id}/events`, { headers, agent: false }, (response) => {
    status = response.statusCode;
    response.on('data', (chunk) => {
      text += chunk;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const fields = Object.fromEntries(text.slice(0, end).split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
        if (fields.data) events.push({ id: Number(fields.id), event: fields.event, data: JSON.parse(fields.data) });
      }
      hand();
    });
    response.on('close', () => { closed = true; hand(); });
  });
  outgoing.on('error', () => { closed = true; hand(); });
  return { next: () => new Promise((resolve) => { waiting.push(resolve); hand(); }), close: () => outgoing.destroy(), status: () => status };
}
async function all(watcher) {
  const events = [];
  for (let event; (event = await watcher.next());) events.push(event);
  return events;
}

describe('jobs', () => {
  after(async () => {
    await query('DROP TABLE IF EXISTS columnar.job_days');
  });

  test('a job has the rows that /query has, in pages and in every format', async () => {
    const sql = 'SELECT id, name, email FROM users WHERE id <= 2500 ORDER BY id';
    const wanted = (await answer({ sql, max_rows: 2500 })).data;
    const id = await submit(sql);
    const done = await ended(id);
    assert.equal(done.status, 'completed', JSON.stringify(done));
    assert.equal(done.row_count, 2500);
    const rows = [];
    for (let token = ''; token !== null;) {
      const page = await request('GET', `/api/v1/jobs/${id}/result?max_results=999&page_token=${token}`);
      rows.push(...page.json().data);
      assert.equal(page.json().total_rows, 2500);
      token = page.json().page_token;
    }
    assert.deepEqual(rows, wanted);
    const csv = await request('GET', `/api/v1/jobs/${id}/result?format=csv`);
    assert.equal(csv.text.trim().split('\r\n').length, 2501);
    for (const format of ['compact', 'ndjson', 'arrow', 'arrowfile', 'parquet']) {
      const result = await request('GET', `/api/v1/jobs/${id}/result?format=${format}`);
      assert.equal(result.status, 200, format);
      assert.ok(result.complete && result.text.length > 1000, format);
    }
    const tag = csv.headers.etag;
    assert.equal((await request('GET', `/api/v1/jobs/${id}/result?format=csv`, { headers: { 'If-None-Match': tag } })).status, 304);
    for (const [path, answered] of [['', done], ['/plan', null]]) {
      const response = await request('GET', `/api/v1/jobs/${id}${path}`);
      if (!answered) assert.ok(response.json().plan.length > 0 && response.json().route.rule, response.text);
    }
    assert.equal((await request('GET', `/api/v1/jobs/${id}/result?page_token=nonsense`)).status, 400);
  });

  test('a job that fails says what /query would have said; what is wrong before it runs is said at once', async () => {
    const id = await submit('SELECT 1 / (id - id) FROM users WHERE id < 5');
    assert.equal((await ended(id)).error.sqlstate, '22012');
    const result = await request('GET', `/api/v1/jobs/${id}/result`);
    assert.equal(result.status, 400);
    assert.equal(result.json().sqlstate, '22012');
    for (const fields of [{ sql: 'SELEC 1' }, { sql: 'SELECT * FROM no_such_table' }, { sql: 'SELECT 1', priority: 6 }, { sql: 'SELECT 1', nonsense: 1 }])
      assert.equal((await post('/api/v1/queries', fields)).status, 400, JSON.stringify(fields));
    assert.equal((await request('GET', '/api/v1/jobs/nobody')).status, 404);
  });

  test('events tell each state, come back where they were left, and end with the job', async () => {
    const id = await submit({ sql: LONG, engine: 'columnar' });
    const watcher = watch(id), seen = [];
    while (seen.at(-1)?.data.status !== 'running') seen.push(await watcher.next());
    watcher.close();
    const again = watch(id, { 'Last-Event-ID': String(seen.at(-1).id) });
    const cancelled = await request('DELETE', `/api/v1/jobs/${id}`);
    assert.ok([200, 202].includes(cancelled.status), cancelled.text);
    const rest = await all(again);
    assert.ok(rest.every((event) => event.id > seen.at(-1).id), JSON.stringify(rest));
    assert.deepEqual([...seen, ...rest].filter((event) => event.event === 'status').map((event) => event.data.status), ['queued', 'running', 'cancelled']);
    const late = await request('GET', `/api/v1/jobs/${id}/events`, { headers: { 'Last-Event-ID': String(rest.at(-1).id) } });
    assert.equal(late.status, 204);
    assert.equal((await request('GET', `/api/v1/jobs/${id}/result`)).status, 408);
    assert.equal((await request('GET', '/api/v1/jobs/nobody/events')).status, 404);
  });

  test('two hundred watch one job, and all see its end', { timeout: 120_000 }, async () => {
    const id = await submit({ sql: LONG, engine: 'columnar' });
    const watchers = Array.from({ length: 200 }, () => watch(id));
    for (const watcher of watchers) assert.equal((await watcher.next()).data.status, 'queued');
    const status = (await request('GET', '/api/v1/status')).json();
    assert.ok(status.workers.busy < status.workers.total, 'no worker waits for a watcher');
    await request('DELETE', `/api/v1/jobs/${id}`);
    for (const watcher of watchers) assert.equal((await all(watcher)).at(-1).data.status, 'cancelled');
  });

  test('a job that runs too long is stopped', async () => {
    const id = await submit({ sql: LONG, engine: 'columnar', max_runtime_seconds: 0.2 });
    const done = await ended(id);
    assert.equal(done.status, 'failed');
    assert.match(done.error.detail, /max_runtime_seconds/);
  });

  test('a request repeated with its key is one job', async () => {
    const headers = { 'Idempotency-Key': `key-${Date.now()}` };
    const first = (await post('/api/v1/queries', { sql: 'SELECT 1' }, headers)).json();
    const second = await post('/api/v1/queries', { sql: 'SELECT 1' }, headers);
    assert.equal(second.json().job_id, first.job_id);
    assert.equal(second.headers['idempotent-replayed'], 'true');
  });

  test('lists and figures', async () => {
    const list = await eventually('two have ended', async () => {
      const { jobs } = (await request('GET', '/api/v1/jobs?status=completed&limit=2')).json();
      return jobs.length === 2 && jobs;
    });
    assert.ok(list.every((found) => found.status === 'completed'));
    assert.equal((await request('GET', '/api/v1/jobs?status=nonsense')).status, 400);
    const status = await request('GET', '/api/v1/status');
    assert.ok(status.json().slots.total >= 2);
    await eventually('metrics count jobs', async () => /signalbox_jobs_ended_total\{[^}]*status="completed"[^}]*\} [1-9]/.test((await request('GET', '/metrics')).text));
  });

  test('a schedule puts its rows into a table, and shows its failures', { timeout: 120_000 }, async () => {
    const fields = { name: 'days', sql: 'SELECT id, name, created_at FROM users WHERE id <= 100', cron: '0 3 * * *', timezone: 'Europe/Berlin', table: 'columnar.public.job_days', mode: 'replace' };
    const made = await post('/api/v1/schedules', fields);
    assert.equal(made.status, 201, made.text);
    const path = `/api/v1/schedules/${made.json().schedule_id}`;
    assert.ok(made.json().next_run_at);
    const runs = async (rows) => {
      const ran = await post(`${path}/run`, {});
      assert.equal(ran.status, 202, ran.text);
      const done = await ended(ran.json().job_id);
      assert.equal(done.status, 'completed', JSON.stringify(done));
      assert.equal((await answer('SELECT count(*) AS n FROM columnar.public.job_days')).data[0].n, rows);
    };
    const change = (more) => request('PUT', path, { headers: json, body: JSON.stringify({ ...fields, ...more }) });
    await runs(100);
    await runs(100);
    assert.equal((await change({ mode: 'append' })).status, 200);
    await runs(200);
    const failing = await request('PUT', path, { headers: json, body: JSON.stringify({ sql: 'SELECT 1 / (id - id) AS x FROM users WHERE id < 3', cron: '@daily', table: 'columnar.public.job_days' }) });
    assert.equal(failing.status, 200, failing.text);
    await ended((await post(`${path}/run`, {})).json().job_id);
    const shown = await request('GET', path);
    assert.equal(shown.json().history[0].sqlstate, '22012');
    assert.equal(shown.json().history.length, 4);
    assert.equal((await answer('SELECT count(*) AS n FROM columnar.public.job_days')).data[0].n, 200);
    assert.equal((await request('DELETE', path)).status, 204);
    assert.equal((await request('GET', path)).status, 404);
    for (const wrong of [{ sql: 'SELECT 1', cron: '* * *' }, { sql: 'SELECT 1', cron: '@daily', timezone: 'Mars' }, { sql: 'SELECT 1' }, { sql: 'DELETE FROM users', cron: '@daily', table: 'x' }])
      assert.equal((await post('/api/v1/schedules', wrong)).status, 400, JSON.stringify(wrong));
  });
});
