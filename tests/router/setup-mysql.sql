-- What the labels need beside the demo's zipcodes. `title` compares without regard to case there.
CREATE TABLE stock (
    sku     varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    title   varchar(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
    items   int NOT NULL,
    price   decimal(10, 2),
    active  tinyint(1),
    arrived datetime,
    KEY stock_items (items)
);
INSERT INTO stock SELECT CONCAT('S', seq), CONCAT('Title ', seq), seq % 50, seq / 4, seq % 2, '2024-03-01 10:00:00' FROM seq_1_to_2000;
ANALYZE TABLE stock, zipcodes;
CREATE TABLE shared (id int NOT NULL PRIMARY KEY, origin varchar(20));
