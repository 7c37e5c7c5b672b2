-- Tables of the regret run, made of nothing but row numbers: the same rows every time. psql variables: most (rows of the largest point table),
-- orders (orders; lines are four times as many).
CREATE FUNCTION mix(n bigint, salt int) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT ((n * 2654435761 + salt::bigint * 40503) % 4294967291 * 48271 + salt) % 2147483647 $$;

SELECT format('CREATE TABLE p%s AS SELECT n AS id, mix(n, 1) %% %s AS grp, (mix(n, 2) %% 1000000)::float8 / 100 AS val, '
              'DATE ''2020-01-01'' + (n * 1800 / %s)::int AS day, ''name '' || mix(n, 3) %% 5000 AS label, (mix(n, 4) %% 7)::int AS small '
              'FROM generate_series(1::bigint, %s) n', e, greatest(10, (10 ^ e)::bigint / 100), (10 ^ e)::bigint, (10 ^ e)::bigint)
FROM generate_series(3, log(:most)::int) e \gexec
SELECT format('ALTER TABLE p%s ADD PRIMARY KEY (id); CREATE INDEX ON p%s (grp); CREATE INDEX ON p%s (day)', e, e, e)
FROM generate_series(3, log(:most)::int) e \gexec

CREATE TABLE region AS SELECT n::int AS r_regionkey, (ARRAY['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'])[n + 1] AS r_name
FROM generate_series(0, 4) n;
CREATE TABLE nation AS SELECT n::int AS n_nationkey, 'NATION ' || n AS n_name, n % 5 AS n_regionkey FROM generate_series(0, 24) n;
CREATE TABLE supplier AS SELECT n::int AS s_suppkey, 'Supplier ' || n AS s_name, (mix(n, 5) % 25)::int AS s_nationkey,
    ((mix(n, 6) % 1000000) / 100.0)::numeric(15,2) AS s_acctbal FROM generate_series(1, :orders / 150) n;
CREATE TABLE customer AS SELECT n::int AS c_custkey, 'Customer ' || n AS c_name, (mix(n, 7) % 25)::int AS c_nationkey,
    ((mix(n, 8) % 1000000) / 100.0)::numeric(15,2) AS c_acctbal,
    (ARRAY['BUILDING', 'AUTOMOBILE', 'MACHINERY', 'HOUSEHOLD', 'FURNITURE'])[1 + mix(n, 9) % 5] AS c_mktsegment
FROM generate_series(1, :orders / 10) n;
CREATE TABLE part AS SELECT n::int AS p_partkey, 'part ' || mix(n, 10) % 1000 AS p_name, 'Brand#' || 1 + mix(n, 11) % 25 AS p_brand,
    (1 + mix(n, 12) % 50)::int AS p_size, ((mix(n, 13) % 200000) / 100.0)::numeric(15,2) AS p_retailprice FROM generate_series(1, :orders / 8) n;
CREATE TABLE orders AS SELECT n AS o_orderkey, (1 + mix(n, 14) % (:orders / 10))::int AS o_custkey,
    (ARRAY['F', 'O', 'P'])[1 + mix(n, 15) % 3] AS o_orderstatus, ((mix(n, 16) % 50000000) / 100.0)::numeric(15,2) AS o_totalprice,
    DATE '1992-01-01' + (mix(n, 17) % 2405)::int AS o_orderdate, (1 + mix(n, 18) % 5) || '-PRIORITY' AS o_orderpriority
FROM generate_series(1, :orders) n;
CREATE TABLE lineitem AS SELECT 1 + (n - 1) / 4 AS l_orderkey, (1 + (n - 1) % 4)::int AS l_linenumber,
    (1 + mix(n, 19) % (:orders / 8))::int AS l_partkey, (1 + mix(n, 20) % (:orders / 150))::int AS l_suppkey,
    (1 + mix(n, 21) % 50)::numeric(15,2) AS l_quantity, ((mix(n, 22) % 10000000) / 100.0)::numeric(15,2) AS l_extendedprice,
    ((mix(n, 23) % 11) / 100.0)::numeric(15,2) AS l_discount, ((mix(n, 24) % 9) / 100.0)::numeric(15,2) AS l_tax,
    (ARRAY['A', 'N', 'R'])[1 + mix(n, 25) % 3] AS l_returnflag, (ARRAY['F', 'O'])[1 + mix(n, 26) % 2] AS l_linestatus,
    DATE '1992-01-01' + (mix((n - 1) / 4 + 1, 17) % 2405 + 1 + mix(n, 27) % 120)::int AS l_shipdate,
    (ARRAY['AIR', 'MAIL', 'RAIL', 'SHIP', 'TRUCK', 'FOB', 'REG AIR'])[1 + mix(n, 28) % 7] AS l_shipmode
FROM generate_series(1, :orders::bigint * 4) n;
ALTER TABLE region ADD PRIMARY KEY (r_regionkey);
ALTER TABLE nation ADD PRIMARY KEY (n_nationkey);
ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey);
ALTER TABLE customer ADD PRIMARY KEY (c_custkey);
ALTER TABLE part ADD PRIMARY KEY (p_partkey);
ALTER TABLE orders ADD PRIMARY KEY (o_orderkey);
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);
CREATE INDEX ON orders (o_custkey);
CREATE INDEX ON orders (o_orderdate);
CREATE INDEX ON lineitem (l_partkey);
CREATE INDEX ON lineitem (l_shipdate);
VACUUM ANALYZE;
