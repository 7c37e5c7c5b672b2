-- After the rows: building an index over them is faster than keeping it while they come.
ALTER TABLE users ADD PRIMARY KEY (id), ADD UNIQUE (email);
ALTER TABLE transactions ADD PRIMARY KEY (id), ADD FOREIGN KEY (user_id) REFERENCES users (id);
CREATE INDEX transactions_user_id ON transactions (user_id, created_at);
CREATE INDEX transactions_created_at ON transactions (created_at);
ANALYZE users, transactions, airports;
