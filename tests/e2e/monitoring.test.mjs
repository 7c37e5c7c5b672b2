// docs/monitoring against a real Prometheus that scrapes the pool: each expression of the dashboard, each recorded rule and each
// alert's left side gives figures. Debian's package prometheus brings it and promtool.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, port, query, request, root } from './support/stack.mjs';

const folder = join(root, 'docs/monitoring');
const scratch = mkdtempSync('/tmp/signalbox-prometheus-');
const tool = (args, input) => execFileSync('promtool', args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
let prometheus, address, stopping = false, traffic;

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = server.address();
    server.close(() => resolve(free));
  });
});

// Something of everything that is counted, over and over.
async function makeTraffic() {
  const csv = { headers: { 'Content-Type': 'text/csv' } };
  for (const engine of ['columnar', 'postgres', 'mysql']) await request('POST', `/api/v1/tables/monitored_${engine}/data?create=true&engine=${engine}`, { ...csv, body: 'a,b\n1,x\n' });
  while (!stopping) {
    await Promise.all([
      ...Array.from({ length: 8 }, () => query('SELECT id FROM users WHERE id = 42')),
      query('SELECT origin, count(*) FROM flights GROUP BY origin'),
      query("SELECT city FROM zipcodes WHERE zip_code = '94103'"),
      query('SELECT nothing FROM users'),
      query('SELEC'),
      request('POST', '/api/v1/queries', { headers: { 'Content-Type': 'application/json' }, body: '{"sql":"SELECT count(*) FROM flights"}' }),
      ...['columnar', 'postgres', 'mysql'].map((engine) => request('POST', `/api/v1/tables/monitored_${engine}/data?engine=${engine}`, { ...csv, body: '2,y\n3,z\n' })),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

before(async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  writeFileSync(join(scratch, 'rules.yml'), readFileSync(join(folder, 'rules.yml')));
  writeFileSync(join(scratch, 'prometheus.yml'), readFileSync(join(folder, 'prometheus.yml'), 'utf8').replace('127.0.0.1:8080', `127.0.0.1:${port}`).replace('scrape_interval: 15s', 'scrape_interval: 1s\n  evaluation_interval: 1s'));
  prometheus = spawn('prometheus', [`--config.file=${scratch}/prometheus.yml`, `--storage.tsdb.path=${scratch}/data`, `--web.listen-address=${listen}`, '--log.level=error'], { stdio: ['ignore', 'ignore', 'inherit'] });
  prometheus.on('error', (error) => console.error(`prometheus cannot be started (${error.message}); install it: apt-get install prometheus`));
  address = `http://${listen}`;
  traffic = makeTraffic();
  await eventually('prometheus answers', async () => (await fetch(`${address}/-/ready`)).ok);
});
after(async () => {
  stopping = true;
  await traffic;
  const ended = new Promise((resolve) => (prometheus.exitCode === null ? prometheus.on('exit', resolve) : resolve()));
  prometheus.kill('SIGTERM');
  await ended;
  rmSync(scratch, { recursive: true, force: true });
  for (const engine of ['columnar', 'postgres', 'mysql']) await request('DELETE', `/api/v1/tables/${engine}.${engine === 'postgres' ? 'public' : engine === 'mysql' ? 'signalbox' : 'default'}.monitored_${engine}`);
});

async function evaluate(expression) {
  const response = await (await fetch(`${address}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expression }) })).json();
  if (response.status !== 'success') assert.fail(`${expression}: ${response.error}`);
  return response.data.result.map((one) => Number(one.value[1]));
}
const givesFigures = (expression) => eventually(`"${expression}" gives figures`, async () => (await evaluate(expression)).some(Number.isFinite));
// An alert's expression has a value only while it fires: what it compares has one always.
const compared = (expression) => expression.replace(/\s(==|!=|>=?|<=?)\s[\d.]+$/, '');

describe('docs/monitoring with Prometheus', () => {
  test('promtool finds nothing wrong', async () => {
    tool(['check', 'rules', join(folder, 'rules.yml')]);
    tool(['check', 'config', join(folder, 'prometheus.yml')]);
    assert.equal(tool(['check', 'metrics'], (await request('GET', '/metrics')).text), '');
  });

  test('every recorded rule and every alert has figures to go by', async () => {
    const groups = await eventually('the rules were evaluated', async () => {
      const { data } = await (await fetch(`${address}/api/v1/rules`)).json();
      return data.groups.length === 2 && data.groups.every((group) => group.rules.every((rule) => rule.health !== 'unknown')) && data.groups;
    });
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length >= 20);
    for (const rule of rules) {
      await eventually(`${rule.name} is evaluated without an error`, async () => {
        const { data } = await (await fetch(`${address}/api/v1/rules`)).json();
        return data.groups.flatMap((group) => group.rules).find((one) => one.name === rule.name).health === 'ok';
      });
      if (rule.type === 'recording') await givesFigures(rule.name);
      else await givesFigures(compared(rule.query));
      if (rule.type === 'alerting') assert.notEqual(compared(rule.query), rule.query, `${rule.name} compares nothing`);
    }
  });

  test('every expression of the dashboard gives figures', async () => {
    const dashboard = JSON.parse(readFileSync(join(folder, 'grafana.json'), 'utf8'));
    const expressions = dashboard.panels.flatMap((panel) => panel.targets ?? []).map((target) => target.expr);
    assert.ok(expressions.length > 50, `${expressions.length} expressions`);
    for (const { expr } of dashboard.annotations.list) expressions.push(compared(expr));
    for (const expression of expressions) await givesFigures(expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'));
    const ids = dashboard.panels.map((panel) => panel.id);
    assert.equal(new Set(ids).size, ids.length);
    const { data } = await (await fetch(`${address}/api/v1/label/instance/values?match[]=signalbox_processes`)).json();
    assert.deepEqual(data, [`127.0.0.1:${port}`]);
  });

  test('what the page of docs names is there, and what is there it names', async () => {
    const text = readFileSync(join(folder, 'README.md'), 'utf8');
    const there = [...(await request('GET', '/metrics')).text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    // "`signalbox_ingest_rows_total`, `_bytes_total`": the second one begins as the one before it in full.
    const named = new Set();
    let full = '';
    for (const [, name] of text.matchAll(/`((?:signalbox|process)?_[a-z_]+)`/g)) {
      if (!name.startsWith('_')) named.add((full = name));
      else named.add(there.find((one) => one.endsWith(name) && one.startsWith(full.split('_').slice(0, 2).join('_'))) ?? name);
    }
    assert.deepEqual([...named].filter((name) => !there.includes(name)), []);
    assert.deepEqual(there.filter((name) => !named.has(name)), []);
  });
});
