// Seeded random choices, and statements drawn with them.
export function drawFrom(seed) {
  let state = BigInt(seed) & 0xffffffffffffffffn;
  const next = () => {
    state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn; // splitmix64
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn;
    return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
  };
  const below = (n) => Math.floor(next() * n);
  const draw = {
    below,
    chance: (share) => next() < share,
    of: (...items) => items[below(items.length)],
    from: (items) => items[below(items.length)],
    some: (items, least, most) => Array.from({ length: least + below(most - least + 1) }, () => items[below(items.length)]),
  };
  return draw;
}

// A statement of any class over the demo's tables and those of tests/router; what it changes is its own.
export function anyStatement(draw) {
  const kind = draw.from(kinds);
  const fields = kind(draw);
  return typeof fields === 'string' ? { sql: fields } : fields;
}

const tables = {
  users: { key: (d) => `id = ${d.below(120000)}`, wide: (d) => d.of(`city = 'Berlin'`, `id > ${d.below(100000)}`, `is_active`, `created_at < now()`, `lower(name) = 'x'`, `id % 7 = ${d.below(7)}`), columns: ['id', 'name', 'email', 'city', 'plan'], group: ['country', 'plan', 'is_active'] },
  transactions: { key: (d) => `id = ${d.below(600000)}`, wide: (d) => d.of(`amount > ${d.below(1000)}`, `user_id = ${d.below(100000)}`, `status = 'settled'`, `created_at >= '2024-0${1 + d.below(9)}-01'`), columns: ['id', 'user_id', 'amount', 'merchant'], group: ['status', 'category', 'currency'] },
  airports: { key: (d) => `iata = '${d.of('SFO', 'LAX', 'OSL', 'XXX')}'`, wide: (d) => d.of(`state = 'CA'`, `latitude > ${d.below(60)}`, `name LIKE '${d.of('A', 'B', 'San')}%'`), columns: ['iata', 'name', 'city'], group: ['state', 'country'] },
  orders: { key: (d) => d.of(`id = ${d.below(20000)}`, `user_id = ${d.below(2000)} AND line = ${d.below(10)}`), wide: (d) => d.of(`paid`, `count = ${d.below(7)}`, `user_id IN (1, ${d.below(2000)})`, `id BETWEEN 10 AND ${d.below(3000)}`), columns: ['id', 'count', 'note', '"Total Due"'], group: ['paid', 'count'] },
  zipcodes: { key: (d) => `zip_code = '${10000 + d.below(89999)}'`, wide: (d) => d.of(`state = 'CA'`, `latitude > ${d.below(70)}`, `city = 'Springfield'`, `city ~ '^San'`), columns: ['zip_code', 'city', 'county'], group: ['state', 'county'] },
  stock: { key: (d) => `sku = 'S${d.below(2100)}'`, wide: (d) => d.of(`items = ${d.below(60)}`, `active`, `title = 'title ${d.below(2000)}'`, `price > ${d.below(500)}`, `arrived >= '2024-01-01'`), columns: ['sku', 'title', 'items', 'price'], group: ['active', 'items', 'title'] },
  flights: { key: (d) => `delay = ${d.below(2000)}`, wide: (d) => d.of(`origin = 'SFO'`, `delay > ${d.below(500)}`, `distance BETWEEN 100 AND ${100 + d.below(900)}`), columns: ['date', 'delay', 'origin', 'destination'], group: ['origin', 'destination'] },
  movies: { key: (d) => `"Title" = 'M${d.below(100)}'`, wide: (d) => d.of(`"Running Time min" > ${d.below(200)}`, `"Major Genre" IS NULL`), columns: ['"Title"', '"Director"', '"IMDB Votes"'], group: ['"Major Genre"', '"Distributor"'] },
};
const names = Object.keys(tables);
const engineOf = { users: 'postgres', transactions: 'postgres', airports: 'postgres', orders: 'postgres', zipcodes: 'mysql', stock: 'mysql', flights: 'columnar', movies: 'columnar' };
const written = (draw, name) => (draw.chance(0.15) ? `${engineOf[name]}.${name}` : name);
const where = (draw, table) => {
  const parts = draw.chance(0.4) ? [table.key(draw)] : [table.wide(draw)];
  if (draw.chance(0.3)) parts.push(table.wide(draw));
  if (draw.chance(0.05)) parts.push('random() < 2');
  return parts.join(draw.chance(0.8) ? ' AND ' : ' OR ');
};
const plain = (draw) => {
  const name = draw.from(names), table = tables[name];
  let sql = `SELECT ${draw.chance(0.2) ? '*' : draw.some(table.columns, 1, 3).join(', ')} FROM ${written(draw, name)} WHERE ${where(draw, table)}`;
  if (draw.chance(0.3)) sql += ` ORDER BY ${draw.from(table.columns)}`;
  if (draw.chance(0.5)) sql += ` LIMIT ${1 + draw.below(20)}`;
  return sql;
};
const aggregate = (draw) => {
  const name = draw.from(names), table = tables[name], group = draw.from(table.group);
  return draw.of(
    `SELECT count(*) FROM ${written(draw, name)} WHERE ${where(draw, table)}`,
    `SELECT ${group}, count(*) FROM ${written(draw, name)} GROUP BY ${group}`,
    `SELECT DISTINCT ${group} FROM ${name} WHERE ${where(draw, table)}`,
    `SELECT ${group}, row_number() OVER (ORDER BY ${group}) FROM ${name} WHERE ${table.key(draw)}`,
    `WITH c AS (SELECT ${group}, count(*) AS n FROM ${name} GROUP BY ${group}) SELECT max(n) FROM c`);
};
const several = (draw) => {
  const a = draw.from(names), b = draw.from(names);
  return draw.of(
    `SELECT count(*) FROM ${written(draw, a)} a WHERE ${tables[a].key(draw)} AND EXISTS (SELECT 1 FROM ${written(draw, b)} WHERE ${tables[b].key(draw)})`,
    `SELECT 'a' FROM ${a} WHERE ${tables[a].key(draw)} UNION ALL SELECT 'b' FROM ${b} WHERE ${tables[b].key(draw)}`,
    `SELECT x.n, y.n FROM (SELECT count(*) AS n FROM ${a} WHERE ${tables[a].key(draw)}) x, (SELECT count(*) AS n FROM ${b} WHERE ${tables[b].key(draw)}) y`);
};
const write = (draw) => draw.of(
  `UPDATE orders SET count = ${draw.below(7)} WHERE id = ${draw.below(20000)}`,
  `DELETE FROM orders WHERE id = ${100000 + draw.below(1000)}`,
  `WITH w AS (UPDATE orders SET count = 1 WHERE id = ${draw.below(100)} RETURNING id) SELECT * FROM w`,
  `INSERT INTO stock (sku, items) VALUES ('N${draw.below(1e9)}', ${draw.below(50)})`,
  `UPDATE stock SET items = items + 1 WHERE sku = 'S${draw.below(2000)}'`,
  `UPDATE stock SET items = items / ${draw.below(2)} WHERE sku = 'S${draw.below(2000)}'`,
  `DELETE FROM stock WHERE sku = 'N${draw.below(1e6)}'`,
  `DELETE FROM movies WHERE "Title" = 'no such ${draw.below(1000)}'`,
  `EXPLAIN UPDATE orders SET count = 3 WHERE id = ${draw.below(100)}`);
const session = (draw) => draw.of(
  `BEGIN; UPDATE orders SET count = 2 WHERE id = ${draw.below(100)}; ${draw.of('COMMIT', 'ROLLBACK')}`,
  `SET LOCAL work_mem = '${4 + draw.below(9)}MB'; SHOW work_mem`,
  `SELECT * FROM orders WHERE id = ${draw.below(100)} FOR UPDATE`,
  `SELECT * FROM ${draw.from(names)} LIMIT 1 FOR SHARE`,
  `CREATE TEMP TABLE s${draw.below(1000)} AS SELECT * FROM ${draw.from(names)} LIMIT 3`,
  `SELECT pg_advisory_xact_lock(${draw.below(1000)})`,
  `SELECT nextval('order_numbers')`,
  `SELECT lab_visit(${draw.below(1000)})`,
  `SELECT random() < 2 FROM ${draw.from(names)} LIMIT 1`,
  `DECLARE c CURSOR WITH HOLD FOR SELECT ${draw.below(1000)}`,
  `LISTEN channel_${draw.below(10)}`,
  `SELECT 1; SELECT ${draw.below(1000)}`);
const definition = (draw) => {
  const name = `drawn_${draw.below(1e9)}`;
  return draw.of(`CREATE TABLE ${name} (a int)`, `DROP TABLE IF EXISTS ${name}`, `CREATE TABLE columnar.${name} (a int)`, `COMMENT ON TABLE orders IS '${name}'`,
    `CREATE TABLE ${name} AS SELECT ${draw.below(1000)} AS a`);
};
const constant = (draw) => draw.of(`SELECT ${draw.below(1e6)}`, `SELECT now() IS NOT NULL, ${draw.below(1e6)}`, `SELECT lab_twice(${draw.below(1000)})`, `VALUES (${draw.below(1000)}), (2)`,
  `SELECT * FROM generate_series(1, ${1 + draw.below(9)})`, `SELECT relname FROM pg_class WHERE oid = ${draw.below(9999)}`);
const parameters = (draw) => draw.of(
  { sql: 'SELECT name FROM users WHERE id = $1', params: [draw.below(100000)] },
  { sql: 'SELECT count(*) FROM flights WHERE origin = $1 AND delay > $2', params: [draw.of('SFO', 'LAX'), draw.below(300)] },
  { sql: 'SELECT city FROM zipcodes WHERE zip_code = $1', params: [String(10000 + draw.below(89999))] },
  { sql: 'SELECT name FROM users WHERE id = ANY($1)', params: [[1, 2, draw.below(1000)]] });
const forced = (draw) => ({ sql: draw.chance(0.5) ? plain(draw) : constant(draw), engine: draw.of('postgres', 'mysql', 'columnar', 'nobody') });
const wrong = (draw) => draw.of(`SELECT * FROM no_such_${draw.below(1000)}`, `SELEC ${draw.below(1000)}`, `SELECT no_such_column FROM ${draw.from(names)} LIMIT ${draw.below(99)}`,
  `SELECT * FROM shared WHERE id = ${draw.below(1000)}`, `SELECT ${draw.below(9)} / 0 FROM ${draw.from(names)} LIMIT 1`, `SELECT * FROM orders WHERE paid = ${draw.below(2)}`);
const hinted = (draw) => `/*+ ${draw.of('engine(columnar)', 'engine(postgres)', 'speed(9)')} */ ${plain(draw)}`;
const explained = (draw) => `EXPLAIN ${draw.chance(0.3) ? '(ANALYZE) ' : ''}${draw.of(plain, aggregate, several)(draw)}`;
const kinds = [plain, plain, plain, plain, aggregate, aggregate, several, several, several, write, session, constant, parameters, forced, wrong, hinted, explained,
  // A definition makes every process read the tables again, so there are fewer of them.
  (draw) => (draw.chance(0.2) ? definition(draw) : plain(draw))];
