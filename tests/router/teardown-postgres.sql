DROP SCHEMA IF EXISTS sales CASCADE;
DROP SCHEMA IF EXISTS columnar CASCADE;
DROP MATERIALIZED VIEW IF EXISTS order_totals;
DROP VIEW IF EXISTS paid_orders, order_owners;
DROP TABLE IF EXISTS orders, "Mixed Case", shared, measurements;
DROP SEQUENCE IF EXISTS order_numbers;
DROP FUNCTION IF EXISTS lab_twice(integer), lab_today(), lab_visit(integer);
DROP PROCEDURE IF EXISTS lab_close();
