-- The demo's PostgreSQL tables; rows come by \copy, keys of the large ones after them (postgres-indexes.sql).
DROP TABLE IF EXISTS airports, transactions, users;

CREATE TABLE airports (
    iata      text PRIMARY KEY,
    name      text,
    city      text,
    state     text,
    country   text,
    latitude  double precision,
    longitude double precision
);
