// The mixed run: `count` statements from a seed, over the tables of tables.sql. No text is written to suit an engine.
export function generator(seed) {
  let state = BigInt(seed) * 2654435761n + 88172645463325252n;
  const next = () => {
    state ^= (state << 13n) & 0xffffffffffffffffn;
    state ^= state >> 7n;
    state ^= (state << 17n) & 0xffffffffffffffffn;
    return Number(state >> 11n) / 2 ** 53;
  };
  return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)] };
}

const day = (base, days) => new Date(Date.parse(base) + days * 86400000).toISOString().slice(0, 10);

export function statements(count, { seed = 1, most = 1e7, orders = 300000 } = {}) {
  const { next, below, pick } = generator(seed);
  const exponents = [];
  for (let e = 3; 10 ** e <= most; e++) exponents.push(e);
  const customers = orders / 10, parts = orders / 8;
  const orderDay = () => day('1992-01-01', below(2300));
  // Selectivities from one row to everything, evenly on a logarithmic scale.
  const share = (rows) => Math.min(1, Math.max(1 / rows, 10 ** (-next() * Math.log10(rows))));
  const span = (e) => {
    const rows = 10 ** e, width = Math.max(1, Math.round(rows * share(rows)));
    const from = 1 + below(Math.max(1, rows - width));
    return `BETWEEN ${from} AND ${from + width - 1}`;
  };
  const days = (base, range) => {
    const width = Math.max(1, Math.round(range * share(range)));
    const from = below(Math.max(1, range - width));
    return `>= '${day(base, from)}' AND DAY < '${day(base, from + width)}'`;
  };
  const kinds = {
    point: () => `SELECT * FROM p${pick(exponents)} WHERE id = ${1 + below(10 ** pick(exponents))}`,
    point_columns: () => { const e = pick(exponents); return `SELECT label, val FROM p${e} WHERE id = ${1 + below(10 ** e)}`; },
    point_order: () => `SELECT * FROM orders WHERE o_orderkey = ${1 + below(orders)}`,
    in_list: () => { const e = pick(exponents); return `SELECT id, val FROM p${e} WHERE id IN (${Array.from({ length: 2 + below(30) }, () => 1 + below(10 ** e)).join(', ')})`; },
    second_key: () => { const e = pick(exponents); return `SELECT id, val, label FROM p${e} WHERE grp = ${below(Math.max(10, 10 ** e / 100))}`; },
    range_rows: () => { const e = pick(exponents); return `SELECT id, val FROM p${e} WHERE id ${span(e)} ORDER BY id LIMIT 1000`; },
    range_sum: () => { const e = pick(exponents); return `SELECT count(*), sum(val), max(label) FROM p${e} WHERE id ${span(e)}`; },
    range_day: () => { const e = pick(exponents); return `SELECT small, count(*), avg(val) FROM p${e} WHERE day ${days('2020-01-01', 1800).replaceAll('DAY', 'day')} GROUP BY small ORDER BY small`; },
    range_ship: () => `SELECT l_returnflag, sum(l_quantity), sum(l_extendedprice) FROM lineitem WHERE l_shipdate ${days('1992-01-01', 2400).replaceAll('DAY', 'l_shipdate')} GROUP BY l_returnflag`,
    filter: () => { const e = pick(exponents); return `SELECT count(*) FROM p${e} WHERE val < ${(10000 * next() ** 3).toFixed(2)} AND small = ${below(7)}`; },
    top: () => { const e = pick(exponents); return `SELECT id, val FROM p${e} WHERE small = ${below(7)} ORDER BY val DESC LIMIT ${1 + below(50)}`; },
    latest: () => `SELECT * FROM p${pick(exponents)} ORDER BY id DESC LIMIT ${1 + below(20)}`,
    aggregate: () => { const e = pick(exponents); return `SELECT label, count(*), sum(val) FROM p${e} GROUP BY label ORDER BY 2 DESC, 1 LIMIT ${5 + below(10)}`; },
    join_point: () => `SELECT o.o_orderdate, l.l_quantity, l.l_extendedprice FROM orders o JOIN lineitem l ON l.l_orderkey = o.o_orderkey WHERE o.o_orderkey = ${1 + below(orders)}`,
    join_customer: () => `SELECT c.c_name, count(*), sum(o.o_totalprice) FROM customer c JOIN orders o ON o.o_custkey = c.c_custkey WHERE c.c_custkey = ${1 + below(customers)} GROUP BY c.c_name`,
    join_range: () => `SELECT count(*), sum(l.l_extendedprice) FROM orders o JOIN lineitem l ON l.l_orderkey = o.o_orderkey WHERE o.o_orderdate ${days('1992-01-01', 2400).replaceAll('DAY', 'o.o_orderdate')}`,
    join_part: () => `SELECT p.p_brand, sum(l.l_quantity) FROM part p, lineitem l WHERE p.p_partkey = l.l_partkey AND p.p_partkey BETWEEN ${1 + below(parts)} AND ${1 + below(parts)} GROUP BY p.p_brand`,
    q1: () => `SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice * (1 - l_discount)) AS sum_disc, avg(l_discount), count(*) FROM lineitem WHERE l_shipdate <= DATE '1998-12-01' - ${60 + below(60)} GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus`,
    q3: () => `SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate FROM customer, orders, lineitem WHERE c_mktsegment = '${pick(['BUILDING', 'AUTOMOBILE', 'MACHINERY'])}' AND c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate < DATE '${orderDay()}' AND l_shipdate > DATE '1995-03-15' GROUP BY l_orderkey, o_orderdate ORDER BY revenue DESC, o_orderdate LIMIT 10`,
    q4: () => { const from = orderDay(); return `SELECT o_orderpriority, count(*) FROM orders WHERE o_orderdate >= DATE '${from}' AND o_orderdate < DATE '${from}' + 90 AND EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey AND l_quantity > 40) GROUP BY o_orderpriority ORDER BY o_orderpriority`; },
    q5: () => { const from = orderDay(); return `SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue FROM customer, orders, lineitem, supplier, nation, region WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = '${pick(['ASIA', 'EUROPE', 'AFRICA'])}' AND o_orderdate >= DATE '${from}' AND o_orderdate < DATE '${from}' + 365 GROUP BY n_name ORDER BY revenue DESC`; },
    q6: () => { const from = orderDay(); return `SELECT sum(l_extendedprice * l_discount) FROM lineitem WHERE l_shipdate >= DATE '${from}' AND l_shipdate < DATE '${from}' + 365 AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24`; },
    q12: () => `SELECT l_shipmode, sum(CASE WHEN o_orderpriority = '1-PRIORITY' THEN 1 ELSE 0 END) FROM orders, lineitem WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', '${pick(['SHIP', 'RAIL'])}') AND l_shipdate >= DATE '${1993 + below(4)}-01-01' GROUP BY l_shipmode ORDER BY l_shipmode`,
    q14: () => { const from = orderDay(); return `SELECT 100 * sum(CASE WHEN p_name LIKE 'part 1%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END) / sum(l_extendedprice * (1 - l_discount)) FROM lineitem, part WHERE l_partkey = p_partkey AND l_shipdate >= DATE '${from}' AND l_shipdate < DATE '${from}' + 30`; },
    q18: () => `SELECT o_orderkey, o_totalprice, sum(l_quantity) FROM orders, lineitem WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > ${180 + below(15)}) AND o_orderkey = l_orderkey GROUP BY o_orderkey, o_totalprice ORDER BY o_totalprice DESC LIMIT 100`,
    q22: () => `SELECT c_nationkey, count(*), sum(c_acctbal) FROM customer WHERE c_acctbal > (SELECT avg(c_acctbal) FROM customer) AND NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey AND o_totalprice > ${100000 + below(300000)}) GROUP BY c_nationkey ORDER BY c_nationkey`,
  };
  const weights = {
    point: 8, point_columns: 12, point_order: 8, in_list: 5, second_key: 8, range_rows: 8, range_sum: 8, range_day: 6, range_ship: 3, filter: 5, top: 4,
    latest: 2, aggregate: 3, join_point: 5, join_customer: 4, join_range: 4, join_part: 2, q1: 1, q3: 1, q4: 1, q5: 1, q6: 1, q12: 1, q14: 1, q18: 1, q22: 1,
  };
  const bag = Object.entries(weights).flatMap(([kind, weight]) => Array(weight).fill(kind));
  return Array.from({ length: count }, () => {
    const kind = pick(bag);
    return { kind, sql: kinds[kind]() };
  });
}
