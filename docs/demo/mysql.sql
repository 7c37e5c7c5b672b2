-- The demo's MariaDB table. A binary collation without padding compares text as PostgreSQL does.
DROP TABLE IF EXISTS zipcodes;

CREATE TABLE zipcodes (
    zip_code  char(5)      NOT NULL PRIMARY KEY,
    latitude  double       NOT NULL,
    longitude double       NOT NULL,
    city      varchar(100) NOT NULL,
    state     char(2)      NOT NULL,
    county    varchar(100) NOT NULL,
    KEY zipcodes_city (city)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
