DROP TABLE IF EXISTS stock, shared;
