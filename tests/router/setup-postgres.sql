-- What the labels need beside the demo's tables. Dropped by teardown-postgres.sql.
CREATE TABLE orders (
    id          bigint PRIMARY KEY,
    user_id     bigint NOT NULL,
    line        integer NOT NULL,
    paid        boolean,
    count       integer,
    "Total Due" numeric(12, 2),
    note        text,
    UNIQUE (user_id, line)
);
INSERT INTO orders SELECT g, g / 10, g % 10, g % 3 = 0, g % 7, g / 100.0, 'note ' || g FROM generate_series(0, 19999) g;
CREATE UNIQUE INDEX orders_paid_note ON orders (note) WHERE paid;
CREATE INDEX orders_lower_note ON orders (lower(note));
CREATE TABLE "Mixed Case" ("Id" integer PRIMARY KEY, "Value" text);
CREATE VIEW paid_orders AS SELECT * FROM orders WHERE paid;
CREATE VIEW order_owners AS SELECT o.id AS order_id, u.name FROM orders o JOIN users u ON u.id = o.user_id;
CREATE MATERIALIZED VIEW order_totals AS SELECT user_id, sum("Total Due") AS total FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX order_totals_user ON order_totals (user_id);
CREATE SCHEMA sales;
CREATE TABLE sales.invoices (id integer PRIMARY KEY, order_id bigint, sent date);
CREATE TABLE sales.orders (id integer PRIMARY KEY, region text);
CREATE SCHEMA columnar;
CREATE TABLE columnar.notes (id integer PRIMARY KEY, body text);
CREATE TABLE shared (id integer PRIMARY KEY, origin text);
CREATE TABLE measurements (id integer, taken date) PARTITION BY RANGE (taken);
CREATE TABLE measurements_2024 PARTITION OF measurements FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE SEQUENCE order_numbers;
CREATE FUNCTION lab_twice(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';
CREATE FUNCTION lab_today() RETURNS date LANGUAGE sql STABLE AS 'SELECT current_date';
CREATE FUNCTION lab_visit(x integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT x';
CREATE PROCEDURE lab_close() LANGUAGE sql AS 'SELECT 1';
ANALYZE orders, order_totals;
