// Tables with the same rows in every engine, and reads over them. What is awkward is in the rows on purpose: names that
// differ in case, accents or trailing blanks only, NULLs, wildcards and backslashes, negative numbers, midnights.
const NAMES = ['Ann', 'ann', 'ANN', 'Änn', 'ann ', 'Bob', 'bob', 'Zoë', 'zoe', 'Ørsted', 'straße', 'STRASSE', '', ' ', '50%', '5_0', 'a\\b', "O'Brien", '日本', 'ﬁ', 'ß', 'ab', 'aB', 'Łódź'];
const CITIES = ['Oslo', 'oslo', 'Rome', 'Łódź', 'Lodz', 'New York', null];
const NOTES = [null, '', 'x', 'X', 'note', 'Note ', '%', '_', '\\', '10', '9', '010', '1e3', 'true', '2024-02-29'];

export const columns = {
  id: 'int', small: 'int', big: 'int', price: 'num', score: 'float', name: 'text', city: 'text', note: 'text', active: 'bool', day: 'date', at: 'stamp', other: 'int',
};
const DAYS = ['2024-02-29', '1969-12-31', '1970-01-01', '2023-12-31', '2024-01-01', null];
const STAMPS = ['2024-02-29 00:00:00', '1999-12-31 23:59:59.999999', '2024-01-01 00:00:00.5', '2024-06-30 12:30:45', '1969-12-31 23:00:00', null];

export function peopleRows() {
  const rows = [];
  const at = (list, i) => list[((i % list.length) + list.length) % list.length];
  for (let id = 1; id <= 160; id++)
    rows.push({
      id, small: at([-7, -1, 0, 1, 2, 3, 100, null], id * 5), big: at([-9000000000, -3, 0, 7, 8, 9000000000, null], id * 3), price: at(['-1.50', '0.00', '0.10', '2.25', '2.50', '99.99', null], id * 2),
      score: at([-2.5, 0, 0.5, 1.25, 1e6, null], id), name: at(NAMES, id * 7), city: at(CITIES, id * 11), note: at(NOTES, id * 13), active: at([true, false, null], id), day: at(DAYS, id * 5),
      at: at(STAMPS, id * 7), other: at([1, 2, 3, 150, 999, null], id * 3),
    });
  return rows;
}

export const definitions = {
  postgres: 'id int PRIMARY KEY, small smallint, big bigint, price numeric(10, 2), score double precision, name text, city text, note text, active boolean, day date, at timestamp, other int',
  columnar: 'id int, small smallint, big bigint, price numeric(10, 2), score double precision, name text, city text, note text, active boolean, day date, at timestamp, other int',
  mysql: `id int NOT NULL PRIMARY KEY, small smallint, big bigint, price decimal(10, 2), score double, name varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
    city varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin, note text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, active tinyint(1), day date, at datetime(6), other int, KEY (name), KEY (city)`,
};

const literal = (value) => (value === null ? 'NULL' : typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value));
export const insertOf = (name, rows, escape = (text) => text) =>
  `INSERT INTO ${name} VALUES ${rows.map((row) => `(${Object.values(row).map((value) => escape(literal(value))).join(', ')})`).join(', ')}`;

// ---- statements; @people and @visits stand for the tables -------------------------------------------------------

export function sameStatement(draw) {
  const alias = draw.chance(0.5) ? 'p' : 'people';
  const ofType = (type) => draw.from(Object.keys(columns).filter((name) => columns[name] === type));
  const column = (type) => (draw.chance(0.3) ? `${alias}.` : '') + ofType(type);
  const constants = {
    int: () => String(draw.of(-3, -1, 0, 1, 2, 7, 10, 100)), num: () => draw.of('0.1', '2.5', '2.50', '-1.5', '100.0', '1'), float: () => draw.of('0.5::float8', '2::float8', "'1e6'::float8"),
    text: () => literal(draw.from([...NAMES, 'oslo', 'a%', '%n', '_nn', 'X'])), bool: () => draw.of('true', 'false', 'NULL::boolean'), date: () => draw.of("DATE '2024-01-01'", "DATE '1970-01-01'", "'2024-02-29'::date"),
    stamp: () => draw.of("TIMESTAMP '2024-01-01'", "TIMESTAMP '1999-12-31 23:59:59.999999'", "'2024-06-30 12:30:45'::timestamp"),
  };
  const type = () => draw.from(Object.keys(constants));
  const expr = (kind, depth) => {
    if (depth <= 0 || draw.chance(0.35)) return draw.chance(0.75) ? column(kind) : constants[kind]();
    const e = (k) => expr(k, depth - 1);
    switch (kind) {
      case 'int': return draw.from([
        () => `(${e('int')} ${draw.of('+', '-')} ${e('int')})`, () => `(${column('int')} * ${constants.int()})`, () => `(${e('int')} ${draw.of('/', '%')} ${draw.of('2', '3', '-2', '7', column('int'))})`, () => `(- ${e('int')})`,
        () => `abs(${column('int')})`, () => `length(${e('text')})`, () => `coalesce(${column('int')}, ${constants.int()})`, () => `CASE WHEN ${e('bool')} THEN ${e('int')} ELSE ${constants.int()} END`, () => `nullif(${column('int')}, ${constants.int()})`,
        () => `octet_length(${column('text')})`, () => `mod(${column('int')}, ${draw.of(3, 7)})`, () => `(${column('num')})::int`, () => `(${column('bool')})::int`, () => `greatest(${e('int')}, ${e('int')})`, () => `strpos(${column('text')}, 'n')`,
        () => `(day - DATE '2024-01-01')`, () => `CASE ${column('int')} WHEN 1 THEN 10 WHEN 2 THEN 20 END`, () => `ascii(${column('text')})`, () => `(${e('int')} & 3)`,
      ])();
      case 'num': return draw.from([
        () => `(${e('num')} ${draw.of('+', '-', '*')} ${e('num')})`, () => `(${column('num')} + ${column('int')})`, () => `round(${column('num')})`, () => `round(${column('num')}, 1)`, () => `abs(${column('num')})`, () => `(${column('num')} / ${draw.of('2', '3', '0.5')})`,
        () => `(${column('int')})::numeric`, () => `floor(${column('num')})`, () => `ceil(${column('num')})`, () => `trunc(${column('num')})`, () => `coalesce(${column('num')}, ${constants.num()})`, () => `(${column('num')} % 2)`, () => `extract(year FROM ${column('date')})`,
        () => `extract(${draw.of('month', 'day', 'hour', 'dow', 'doy', 'quarter', 'week', 'epoch', 'second')} FROM ${column('stamp')})`, () => `sign(${column('num')})`, () => `(- ${column('num')})`, () => `least(${column('num')}, ${constants.num()})`,
      ])();
      case 'float': return draw.from([
        () => `(${column('float')} ${draw.of('+', '-', '*')} ${constants.float()})`, () => `(${column('float')} / ${draw.of('2', '4')})`, () => `floor(${column('float')})`, () => `ceil(${column('float')})`, () => `abs(${column('float')})`, () => `round(${column('float')})`,
        () => `(${column('int')})::float8`, () => `(${column('num')})::float8`, () => `sqrt(abs(${column('float')}))`, () => `coalesce(${column('float')}, 0)`, () => `(${column('float')} + ${column('int')})`,
      ])();
      case 'text': return draw.from([
        () => `(${e('text')} || ${e('text')})`, () => `lower(${column('text')})`, () => `upper(${column('text')})`, () => `substring(${column('text')}, ${draw.of(1, 2, 0, -1)}, ${draw.of(0, 1, 3)})`, () => `left(${column('text')}, ${draw.of(0, 2, -1)})`, () => `right(${column('text')}, ${draw.of(0, 2, -1)})`,
        () => `coalesce(${column('text')}, ${constants.text()})`, () => `concat(${column('text')}, ${column('text')}, ${column('int')})`, () => `btrim(${column('text')})`, () => `ltrim(${column('text')})`, () => `rtrim(${column('text')})`, () => `replace(${column('text')}, 'n', 'N')`, () => `reverse(${column('text')})`,
        () => `(${column(draw.of('int', 'bool', 'date', 'num', 'float', 'stamp'))})::text`, () => `md5(${column('text')})`, () => `CASE WHEN ${e('bool')} THEN ${e('text')} ELSE ${column('text')} END`, () => `(${column('text')} || ${column('int')})`, () => `repeat(${column('text')}, 2)`,
        () => `lpad(${column('text')}, 5, '*')`, () => `initcap(${column('text')})`, () => `nullif(${column('text')}, ${constants.text()})`, () => `(${column('text')})::varchar(3)`, () => `greatest(${column('text')}, ${constants.text()})`, () => `split_part(${column('text')}, 'n', 1)`, () => `translate(${column('text')}, 'an', 'AN')`,
      ])();
      case 'bool': {
        const k = draw.of('int', 'num', 'float', 'text', 'text', 'date', 'stamp', 'bool'), op = draw.of('=', '<>', '<', '<=', '>', '>=');
        return draw.from([
          () => `(${e(k)} ${op} ${e(k)})`, () => `(${column(k)} ${op} ${constants[k]()})`, () => `(${column('int')} ${op} ${column(draw.of('num', 'float'))})`, () => `(${e('bool')} AND ${e('bool')})`, () => `(${e('bool')} OR ${e('bool')})`, () => `(NOT ${e('bool')})`,
          () => `(${e(type())} IS ${draw.of('', 'NOT ')}NULL)`, () => `(${column('text')} ${draw.of('LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE')} ${draw.of("'a%'", "'%n%'", "'_nn'", "'A__'", "'%\\%%'", "'5\\_0'", "''", "'%'", "'%ø%'", "'straß%'", column('text'))})`,
          () => `(${column(k)} ${draw.of('', 'NOT ')}IN (${constants[k]()}, ${constants[k]()}${draw.chance(0.2) ? ', NULL' : ''}))`, () => `(${column(k)} ${draw.of('', 'NOT ')}BETWEEN ${constants[k]()} AND ${constants[k]()})`,
          () => `(${column(k)} IS ${draw.of('', 'NOT ')}DISTINCT FROM ${draw.chance(0.5) ? column(k) : constants[k]()})`, () => `(${e('bool')} IS ${draw.of('TRUE', 'NOT TRUE', 'FALSE', 'NOT FALSE', 'UNKNOWN')})`,
          () => `(${column('int')} = '${draw.of(1, 7, ' 2 ')}')`, () => `(${column('date')} ${op} ${column('stamp')})`, () => `EXISTS (SELECT 1 FROM @visits v WHERE v.id = ${alias}.id AND v.small > ${constants.int()})`,
          () => `(${alias}.${ofType(draw.of('int', 'text', 'date'))} IS NOT NULL)`, () => `(other ${draw.of('IN', 'NOT IN')} (SELECT v.id FROM @visits v WHERE v.active))`, () => `(small = (SELECT min(v.small) FROM @visits v))`, () => `(${column('text')} IN (SELECT v.name FROM @visits v))`,
          () => `(${column('text')} ~ '^[a-z]')`, () => `((${column('int')}, ${column('text')}) = (1, 'x'))`, () => `starts_with(${column('text')}, 'A')`,
        ])();
      }
      case 'date': return draw.from([() => `(${column('date')} + ${draw.of('1', '30', '-1')})`, () => `(${column('stamp')})::date`, () => `coalesce(${column('date')}, ${constants.date()})`, () => `CASE WHEN ${e('bool')} THEN ${column('date')} END`, () => `least(${column('date')}, ${constants.date()})`])();
      default: return draw.from([() => `date_trunc('${draw.of('year', 'month', 'day', 'hour', 'minute', 'second', 'week', 'quarter')}', ${column('stamp')})`, () => `(${column('date')})::timestamp`, () => `(${column('stamp')} + interval '1 day')`, () => `coalesce(${column('stamp')}, ${constants.stamp()})`])();
    }
  };
  const from = `@people ${alias === 'p' ? 'p' : 'AS people'}`;
  const condition = () => (draw.chance(0.75) ? ` WHERE ${expr('bool', 2)}` : '');
  const listed = (count) => Array.from({ length: count }, (_, i) => [expr(type(), 2), `c${i}`]);
  const text = (list) => list.map(([value, name]) => `${value} AS ${name}`).join(', ');
  const ordered = (list) => ` ORDER BY ${list.map((_, i) => `${i + 1}${draw.of('', '', ' DESC', ' ASC NULLS FIRST', ' DESC NULLS LAST')}`).join(', ')}`;
  const aggregates = () => Array.from({ length: 1 + draw.below(3) }, (_, i) => [draw.of('count(*)', `count(${expr(type(), 1)})`, `sum(${column('int')})`, `sum(${column('num')})`, `sum(${column('float')})`, `min(${expr(draw.of('int', 'num', 'text', 'date', 'stamp', 'float'), 1)})`,
    `max(${expr(draw.of('int', 'num', 'text', 'date', 'stamp', 'float'), 1)})`, `avg(${column(draw.of('int', 'num', 'float'))})`, `count(DISTINCT ${expr(type(), 1)})`, `bool_and(${column('bool')})`, `count(*) FILTER (WHERE ${expr('bool', 1)})`, `string_agg(${column('text')}, ',' ORDER BY ${alias}.id)`, `sum(DISTINCT ${column('int')})`, `stddev_pop(${column('int')})`), `a${i}`]);
  switch (draw.below(9)) {
    case 0: case 1: case 2: {
      const list = listed(1 + draw.below(4));
      return `SELECT ${text(list)} FROM ${from}${condition()}${draw.chance(0.6) ? `${ordered(list)}${draw.chance(0.5) ? ` LIMIT ${1 + draw.below(20)}${draw.chance(0.4) ? ` OFFSET ${draw.below(9)}` : ''}` : ''}` : ''}`;
    }
    case 3: { const list = listed(1 + draw.below(3)); return `SELECT DISTINCT ${text(list)} FROM ${from}${condition()}${draw.chance(0.5) ? ordered(list) : ''}`; }
    case 4: { const groups = listed(1 + draw.below(2)), list = aggregates(); return `SELECT ${text([...groups, ...list])} FROM ${from}${condition()} GROUP BY ${groups.map((_, i) => i + 1).join(', ')}${draw.chance(0.3) ? ` HAVING ${draw.of('count(*)', `min(${column('int')})`, groups[0][0].length < 12 ? groups[0][0] : 'count(*)')} ${draw.of('> 1', 'IS NOT NULL')}` : ''}${draw.chance(0.5) ? ordered([...groups, ...list]) : ''}`; }
    case 5: return `SELECT ${text(aggregates())} FROM ${from}${condition()}`;
    case 6: { const k = draw.of('id', 'other', 'name', 'city', 'small', 'day'); return `SELECT ${alias}.id AS a, v.id AS b, ${expr(type(), 1).replaceAll(/(?<![\w.'@$])(id|small|big|price|score|name|city|note|active|day|at|other)(?![\w'(])/g, `${alias}.$1`)} AS c FROM ${from} ${draw.of('JOIN', 'LEFT JOIN')} @visits v ON v.${k} = ${alias}.${k === 'id' ? 'other' : k} AND v.id < 20`; }
    case 7: { const list = listed(2); return `WITH w AS (SELECT ${text(list)} FROM ${from}${condition()}) SELECT c0, count(*) AS n FROM w GROUP BY c0`; }
    default: { const k = type(); return `SELECT ${expr(k, 1)} AS c FROM ${from}${condition()} UNION ALL SELECT ${expr(k, 1)} FROM ${from}${condition()}`; }
  }
}
