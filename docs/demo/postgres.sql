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

CREATE TABLE users (
    id         bigint,
    name       text NOT NULL,
    email      text NOT NULL,
    country    char(2) NOT NULL,
    city       text NOT NULL,
    plan       text NOT NULL,
    created_at timestamptz NOT NULL,
    birth_date date,
    is_active  boolean NOT NULL
);

CREATE TABLE transactions (
    id         bigint,
    user_id    bigint NOT NULL,
    amount     numeric(12, 2) NOT NULL,
    currency   char(3) NOT NULL,
    status     text NOT NULL,
    merchant   text NOT NULL,
    category   text NOT NULL,
    created_at timestamptz NOT NULL
);
