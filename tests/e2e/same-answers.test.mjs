// The same statement on every engine that is eligible for it: equal answers, or it was not eligible. The tables hold the same
// rows in PostgreSQL, MariaDB and the columnar engine; the columnar engine also reads MariaDB's rows itself.
// SIGNALBOX_SAME statements (2000), drawn with SIGNALBOX_SEED.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { drawFrom } from './support/draw.mjs';
import { definitions, insertOf, peopleRows, sameStatement } from './support/same-rows.mjs';
import { answer, mariadb, psql, query } from './support/stack.mjs';
import { everyProcessKnows } from './support/router-tables.mjs';

const count = Number(process.env.SIGNALBOX_SAME || 2000);
const seed = Number(process.env.SIGNALBOX_SEED || 1);
const names = ['same_people', 'same_visits'];

async function drop() {
  for (const name of names) {
    psql(`DROP TABLE IF EXISTS ${name}`);
    mariadb(`DROP TABLE IF EXISTS ${name}`);
    await query(`DROP TABLE IF EXISTS columnar.${name}`);
  }
}

async function load() {
  await drop();
  const rows = peopleRows();
  for (const [name, part] of [[names[0], rows], [names[1], rows.slice(10, 70)]]) {
    psql(`CREATE TABLE ${name} (${definitions.postgres})`);
    psql(insertOf(name, part));
    mariadb(`CREATE TABLE ${name} (${definitions.mysql})`);
    mariadb(`SET NAMES utf8mb4; SET sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'; ${insertOf(name, part)}`);
    await answer(`CREATE TABLE columnar.${name} (${definitions.columnar})`);
    await answer(insertOf(`columnar.${name}`, part));
  }
  await everyProcessKnows('SELECT * FROM postgres.same_visits, mysql.same_visits, columnar.same_visits', 200);
}

const isOrdered = (sql) => /ORDER BY \d/.test(sql);

// Names and values as the response has them, with every digit; rows in their order when there is one.
async function outcome(sql, fields) {
  const response = await query({ sql, max_rows: 100000, ...fields }, { headers: { Accept: 'application/vnd.signalbox.compact+json' } });
  if (response.status !== 200) return { error: response.json().sqlstate, text: response.text };
  const start = response.text.indexOf('"data":['), end = response.text.lastIndexOf('"row_count"');
  const rows = response.text.slice(start + 8, end).split('\n').map((line) => line.replace(/,$/, '')).filter((line) => line.startsWith('['));
  if (!isOrdered(sql)) rows.sort();
  const { columns, engine } = response.json();
  return { names: columns.map((column) => column.name), rows, engine };
}

// 2.5 and 2.50 are equal: which of them stands first, or for a group, is nobody's to say.
const isFree = (sql) => /ORDER BY \d|GROUP BY|DISTINCT/.test(sql);
const plainNumbers = (rows) => rows.map((row) => row.replaceAll(/(-?\d+)\.(\d*?)0+(?=[,\]])/g, (_, whole, digits) => (digits ? `${whole}.${digits}` : whole)));
const equal = (a, b) => (a.error || b.error ? a.error === b.error : JSON.stringify([a.names, a.rows]) === JSON.stringify([b.names, b.rows]));
const plain = (sql, result) => {
  if (result.error) return result;
  const rows = plainNumbers(result.rows);
  return { ...result, rows: isOrdered(sql) ? rows : rows.sort() };
};
const same = (sql, a, b) => equal(a, b) || (isFree(sql) && equal(plain(sql, a), plain(sql, b)));

describe('answers', () => {
  before(load, { timeout: 120_000 });
  after(() => process.env.SIGNALBOX_KEEP || drop(), { timeout: 120_000 });

  test(`${count} statements of seed ${seed} answer alike on every eligible engine`, { timeout: 3_600_000 }, async (context) => {
    const draw = drawFrom(seed);
    const ran = { postgres: 0, errors: 0, mysql: 0, columnar: 0, 'columnar over MariaDB': 0 };
    const differing = [];
    for (let i = 0; i < count; i++) {
      const statement = sameStatement(draw);
      const on = (engine) => statement.replaceAll('@people', `${engine}.same_people`).replaceAll('@visits', `${engine}.same_visits`);
      const expected = await outcome(on('postgres'));
      const others = { mysql: await outcome(on('mysql'), { engine: 'mysql' }), columnar: await outcome(on('columnar'), { engine: 'columnar' }) };
      if (/^SB/.test(others.mysql.error)) others['columnar over MariaDB'] = await outcome(on('mysql'));
      ran.postgres++;
      if (expected.error) ran.errors++;
      for (const [engine, got] of Object.entries(others)) {
        if (/^SB|^0A000$/.test(got.error)) continue;
        ran[engine]++;
        if (!same(statement, expected, got)) differing.push({ i, engine, sql: on(engine === 'columnar' ? 'columnar' : 'mysql'), expected: expected.error ?? expected.rows.slice(0, 400), got: got.text ?? got.rows.slice(0, 400) });
      }
    }
    context.diagnostic(JSON.stringify(ran));
    const show = ({ i, engine, sql, expected, got }) => {
      const at = Array.isArray(expected) && Array.isArray(got) ? expected.findIndex((row, n) => row !== got[n]) : -1;
      return `#${i} ${engine}: ${sql}\n  PostgreSQL: ${at < 0 ? JSON.stringify(expected).slice(0, 300) : expected[at]}\n  got:        ${at < 0 ? JSON.stringify(got).slice(0, 300) : got[at]}`;
    };
    assert.equal(differing.length, 0, `${differing.length} of ${count} (seed ${seed})\n${differing.slice(0, Number(process.env.SIGNALBOX_SHOW || 10)).map(show).join('\n')}`);
    if (count >= 500) assert.ok(ran.errors < count / 2 && Object.entries(ran).every(([what, n]) => what === 'errors' || n > count / 10), JSON.stringify(ran));
  });
});
