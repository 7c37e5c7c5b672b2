// The tables that the router's statements (tests/router) need beside the demo's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, mariadb, psql, request, root } from './stack.mjs';

const folder = join(root, 'tests/router');
const text = (name) => readFileSync(join(folder, name), 'utf8');

export const route = (sql, fields = {}) =>
  request('POST', '/api/v1/route', { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ sql, ...fields }) });

export function labels() {
  return text('labels.tsv').split('\n').flatMap((row, index) => {
    if (!row || row.startsWith('#')) return [];
    const [kind, engine, sql, reason, ...more] = row.split('\t');
    if (!reason || more.length) throw new Error(`labels.tsv:${index + 1}: four columns are wanted`);
    return [{ line: index + 1, kind, engine, sql: sql.replaceAll('\\n', '\n'), reason }];
  });
}

// Both processes of the pool must know the tables: the one that is asked answers for itself alone.
export async function everyProcessKnows(sql, status) {
  let known = 0;
  await eventually(`every process routes ${sql} with ${status}`, async () => {
    known = (await route(`${sql} -- ${Math.random()}`)).status === status ? known + 1 : 0;
    return known >= 20;
  });
}

export async function loadRouterTables() {
  await dropRouterTables();
  psql(text('setup-postgres.sql'));
  mariadb(text('setup-mysql.sql'));
  await everyProcessKnows('SELECT * FROM postgres.sales.invoices, mysql.stock, order_totals', 200);
}

export async function dropRouterTables() {
  psql(text('teardown-postgres.sql'));
  mariadb(text('teardown-mysql.sql'));
}
