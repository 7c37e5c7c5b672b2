/* The engine on a real server: SIGNALBOX_TEST_MYSQL_SOCKET names its socket. */
#include "mysql_fixture.h"

#include <pthread.h>
#include <sys/resource.h>

static EngineConfig config = {.name = "mysql",
                              .kind = "mysql",
                              .enabled = true,
                              .user = "signalbox",
                              .database = "signalbox_unit",
                              .max_connections = 4,
                              .connect_timeout_ms = 3000,
                              .latency_ms = 0.1};
static Engine *engine;
static Arena arena;
static TableList tables;

static MYSQL *dial(const char *database) {
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(mysql, NULL, "signalbox", NULL, database, 0,
                            getenv("SIGNALBOX_TEST_MYSQL_SOCKET"), CLIENT_MULTI_STATEMENTS))
        fail_msg("%s", mysql_error(mysql));
    return mysql;
}

static void server_do(const char *sql) {
    MYSQL *mysql = dial(NULL);
    if (mysql_query(mysql, sql)) fail_msg("%s: %s", sql, mysql_error(mysql));
    do {
        MYSQL_RES *rows = mysql_store_result(mysql);
        if (rows) mysql_free_result(rows);
    } while (mysql_next_result(mysql) == 0);
    if (mysql_errno(mysql)) fail_msg("%s: %s", sql, mysql_error(mysql));
    mysql_close(mysql);
}

static const char schema[] =
    "DROP DATABASE IF EXISTS signalbox_unit; CREATE DATABASE signalbox_unit CHARACTER SET utf8mb4; USE "
    "signalbox_unit;"
    "SET SESSION sql_mode = '', time_zone = '+00:00';"
    "CREATE TABLE every (id INT PRIMARY KEY, tiny TINYINT, flag TINYINT(1), small SMALLINT, medium "
    "MEDIUMINT, big BIGINT,"
    " utiny TINYINT UNSIGNED, usmall SMALLINT UNSIGNED, uint INT UNSIGNED, ubig BIGINT UNSIGNED, price "
    "DECIMAL(12,3), wide DECIMAL(50,5),"
    " single FLOAT, ratio DOUBLE, day DATE, at DATETIME(6), seen TIMESTAMP(3) NULL, span TIME(2), y YEAR, "
    "name VARCHAR(40), fixed CHAR(5), note TEXT,"
    " raw VARBINARY(20), bits BIT(9), mood ENUM('sad','ok','happy'), tags SET('a','b'), doc JSON);"
    "INSERT INTO every VALUES (1, -128, 1, -32768, -8388608, -9223372036854775808, 255, 65535, 4294967295, "
    "18446744073709551615,"
    " -123456789.125, 123456789012345678901234567890123456789012345.12345, 0.1, 1e300, '2024-02-29', "
    "'1999-12-31 23:59:59.123456', '2024-01-01 00:00:00.5',"
    " '-838:59:58.25', 2024, 'Ünï', 'ab', 'text', x'00ff10', b'100000001', 'happy', 'a,b', '{\"a\": 1}'),"
    "(2, 127, 0, 32767, 8388607, 9223372036854775807, 0, 0, 0, 0, 0.001, 0, -1.5, -0.0, '1000-01-01', "
    "'9999-12-31 00:00:00', '1970-01-01 00:00:01',"
    " '00:00:00', 1901, '', '', '', '', b'0', 'sad', '', 'null'),"
    "(3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
    "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
    "CREATE TABLE zero (id INT PRIMARY KEY, day DATE, at DATETIME); INSERT INTO zero VALUES (1, "
    "'0000-00-00', '2024-01-01'), (2, '2024-01-01', '2024-00-10');"
    "CREATE TABLE words (id INT PRIMARY KEY, ci VARCHAR(20) COLLATE utf8mb4_general_ci, bin VARCHAR(20) "
    "COLLATE utf8mb4_bin,"
    " exact VARCHAR(20) COLLATE utf8mb4_nopad_bin, latin VARCHAR(20) CHARACTER SET latin1);"
    "INSERT INTO words VALUES (1, 'Ann', 'Ann', 'Ann', 'Ann'), (2, 'ann', 'ann', 'ann', 'ann'), (3, 'Ann ', "
    "'Ann ', 'Ann ', 'Ann '),"
    "(4, 'Bob', 'Bob', 'Bob', 'B\xc3\xb6"
    "b'), (5, NULL, NULL, NULL, NULL), (6, '\xc3\x84nn', '\xc3\x84nn', '\xc3\x84nn', 'a_c');"
    "CREATE TABLE numbers (id INT PRIMARY KEY, n INT, u INT UNSIGNED, d DECIMAL(10,2), f DOUBLE);"
    "INSERT INTO numbers VALUES (1, 7, 1, 1.10, 0.5), (2, -7, 2, 2.25, 1.5), (3, NULL, 3, NULL, NULL), (4, "
    "2147483647, 4, 0.00, -2);"
    "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, number_id INT, label VARCHAR(10) NOT NULL "
    "DEFAULT 'none', amount DECIMAL(8,2),"
    " UNIQUE KEY by_label (label, number_id), KEY by_number (number_id), CHECK (amount >= 0));"
    "CREATE TABLE serial (id INT PRIMARY KEY, pad CHAR(200) NOT NULL); INSERT INTO serial SELECT seq, "
    "REPEAT('x', 200) FROM seq_1_to_100000;"
    "CREATE VIEW seen_numbers AS SELECT id, n FROM numbers;";

static void describe(void) {
    Error err = {0};
    arena_reset(&arena);
    if (mysql_engine_ops.describe(engine, &arena, &tables, &err) != STATUS_OK) fail_msg("%s", err.message);
}

static int set_up(void **state) {
    config.socket = getenv("SIGNALBOX_TEST_MYSQL_SOCKET");
    if (!config.socket) return 0;
    Error err = {0};
    server_do(schema);
    arena_init(&arena);
    assert_int_equal(mysql_engine_ops.open(&config, &engine, &err), STATUS_OK);
    describe();
    return 0;
}

static int tear_down(void **state) {
    if (!config.socket) return 0;
    mysql_engine_ops.close(engine);
    arena_deinit(&arena);
    server_do("DROP DATABASE signalbox_unit");
    return 0;
}

static void need_server(void) {
    if (!config.socket) skip();
}

/* ---- running
 * ----------------------------------------------------------------------------------------------------------
 */

static void run_with(const char *sql, const Param *params, int count, CancelToken *cancel, Answer *answer) {
    Query query;
    EngineVerdict verdict;
    EnginePlan *plan;
    memset(answer, 0, sizeof *answer);
    query_init(&query, engine, &tables, sql);
    answer->status = mysql_engine_ops.plan(engine, &query.statement, &verdict, &plan, &answer->error);
    if (answer->status == STATUS_OK && !verdict.eligible)
        answer->status = error_set(&answer->error, verdict.sqlstate, "%s", verdict.why);
    if (answer->status == STATUS_OK) {
        Execution execution = {
            .params = params, .param_count = count, .cancel = cancel, .stats = &answer->stats};
        ArrowArrayStream stream;
        answer->status = mysql_engine_ops.execute(engine, plan, &execution, &stream, &answer->error);
        if (answer->status == STATUS_OK) answer_read(answer, &stream);
        engine_plan_release(plan);
    }
    query_deinit(&query);
}

static void expect_with(const char *sql, const Param *params, int count, const char *expected) {
    Answer answer;
    run_with(sql, params, count, NULL, &answer);
    if (answer.status != STATUS_OK) fail_msg("%s: %s %s", sql, answer.error.sqlstate, answer.error.message);
    if (strcmp(strbuf_text(&answer.text), expected) != 0)
        fail_msg("%s\nis       %s\nexpected %s", sql, strbuf_text(&answer.text), expected);
    answer_deinit(&answer);
}

static void expect(const char *sql, const char *expected) {
    expect_with(sql, NULL, 0, expected);
}

static void expect_error_with(const char *sql, const Param *params, int count, const char *sqlstate) {
    Answer answer;
    run_with(sql, params, count, NULL, &answer);
    if (answer.status == STATUS_OK) fail_msg("%s: gives %s", sql, strbuf_text(&answer.text));
    if (strcmp(answer.error.sqlstate, sqlstate) != 0)
        fail_msg("%s: %s %s", sql, answer.error.sqlstate, answer.error.message);
    answer_deinit(&answer);
}

static void expect_error(const char *sql, const char *sqlstate) {
    expect_error_with(sql, NULL, 0, sqlstate);
}

static void expect_affected(const char *sql, const Param *params, int count, int64_t rows,
                            const char *command) {
    Answer answer;
    run_with(sql, params, count, NULL, &answer);
    if (answer.status != STATUS_OK) fail_msg("%s: %s %s", sql, answer.error.sqlstate, answer.error.message);
    assert_int_equal(answer.stats.rows_affected, rows);
    assert_string_equal(answer.stats.command, command);
    assert_int_equal(answer.rows, 0);
    answer_deinit(&answer);
}

static Param make_param(ParamKind kind, const char *text) {
    return (Param){.kind = kind, .text = text, .length = strlen(text)};
}
static Param text(const char *value) {
    return make_param(PARAM_TEXT, value);
}
static Param integer(const char *value) {
    return make_param(PARAM_INT, value);
}
static Param number(const char *value) {
    return make_param(PARAM_NUMBER, value);
}
static Param boolean(bool value) {
    return make_param(PARAM_BOOL, value ? "true" : "false");
}
static const Param null_param = {.kind = PARAM_NULL, .text = ""};

/* ---- types
 * --------------------------------------------------------------------------------------------------------------
 */

static void every_type_comes_as_postgresqls(void **state) {
    need_server();
    Answer answer;
    run_with("SELECT * FROM every ORDER BY id", NULL, 0, NULL, &answer);
    if (answer.status != STATUS_OK) fail_msg("%s", answer.error.message);
    assert_string_equal(
        strbuf_text(&answer.types),
        "id integer, tiny smallint, flag boolean, small smallint, medium integer, big bigint, utiny "
        "smallint, usmall integer,"
        " uint bigint, ubig numeric(20,0), price numeric(12,3), wide numeric, single real, ratio double "
        "precision, day date,"
        " at timestamp without time zone, seen timestamp with time zone, span interval, y smallint, name "
        "character varying(40),"
        " fixed character varying(5), note text, raw bytea, bits bytea, mood text, tags text, doc text");
    assert_string_equal(strbuf_text(&answer.text),
                        "1|-128|t|-32768|-8388608|-9223372036854775808|255|65535|4294967295|"
                        "18446744073709551615|-123456789.125"
                        "|123456789012345678901234567890123456789012345.12345|0.100000001|1."
                        "0000000000000001e+300|19782|946684799123456|1704067200500000"
                        "|0/0/-3020398250000000|2024|Ünï|ab|text|00ff10|0101|happy|a,b|{\"a\": 1}\n"
                        "2|127|f|32767|8388607|9223372036854775807|0|0|0|0|0.001|0.00000|-1.5|0|-354285|"
                        "253402214400000000|1000000"
                        "|0/0/0|1901|||||0000|sad||null\n"
                        "3|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|"
                        "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"
                        "|NULL|NULL");
    answer_deinit(&answer);
}

static void zero_dates_are_told(void **state) {
    need_server();
    expect("SELECT id FROM zero ORDER BY id", "1\n2");
    expect_error("SELECT day FROM zero", "22008");
    expect_error("SELECT at FROM zero WHERE id = 2", "22008");
    expect("SELECT day FROM zero WHERE id = 2", "19723");
}

static void parameters_of_every_type(void **state) {
    need_server();
    expect_with("SELECT id FROM every WHERE id = $1", (Param[]){integer("2")}, 1, "2");
    expect_with("SELECT id FROM every WHERE id = $1", (Param[]){text("2")}, 1, "2");
    expect_with("SELECT id FROM every WHERE id = $1", (Param[]){null_param}, 1, "");
    expect_with("SELECT id FROM every WHERE big = $1", (Param[]){integer("-9223372036854775808")}, 1, "1");
    expect_with("SELECT id FROM every WHERE ubig = $1", (Param[]){number("18446744073709551615")}, 1, "1");
    expect_with("SELECT id FROM every WHERE price = $1", (Param[]){number("-123456789.125")}, 1, "1");
    expect_with("SELECT id FROM every WHERE ratio = $1", (Param[]){number("1e300")}, 1, "1");
    expect_with("SELECT id FROM every WHERE single = $1", (Param[]){number("0.1")}, 1, "1");
    expect("SELECT id FROM every WHERE single = 0.1",
           ""); /* real beside numeric compares as double, in PostgreSQL too */
    expect_with("SELECT id FROM every WHERE flag = $1", (Param[]){boolean(true)}, 1, "1");
    expect_with("SELECT id FROM every WHERE flag = $1", (Param[]){text("off")}, 1, "2");
    expect_with("SELECT id FROM every WHERE day = $1", (Param[]){text("2024-02-29")}, 1, "1");
    expect_with("SELECT id FROM every WHERE at = $1", (Param[]){text("1999-12-31T23:59:59.123456")}, 1, "1");
    expect_with("SELECT id FROM every WHERE seen = $1", (Param[]){text("2024-01-01 02:00:00.5+02:00")}, 1,
                "1");
    expect_with("SELECT id FROM every WHERE seen = $1", (Param[]){text("2024-01-01T00:00:00.500Z")}, 1, "1");
    expect_with("SELECT id FROM every WHERE span = $1", (Param[]){text("-838:59:58.25")}, 1, "1");
    expect_with("SELECT id FROM every WHERE name = $1", (Param[]){text("Ünï")}, 1, "1");
    expect_with("SELECT id FROM every WHERE name = $1", (Param[]){text("ünï")}, 1, "");
    expect_with("SELECT id FROM every WHERE raw = $1", (Param[]){text("\\x00FF10")}, 1, "1");
    expect_with("SELECT id FROM every WHERE mood = $1", (Param[]){text("happy")}, 1, "1");
    expect_with("SELECT id FROM every WHERE id = $2 OR id = $1 ORDER BY id LIMIT $3 OFFSET $4",
                (Param[]){integer("1"), integer("2"), integer("1"), integer("1")}, 4, "2");
    expect_with("SELECT $1 FROM every WHERE id = 1", (Param[]){integer("5")}, 1, "5");
    expect_with("SELECT $1::int + id FROM every WHERE id = 1", (Param[]){integer("5")}, 1, "6");
}

static void wrong_values_are_refused_as_postgresql_does(void **state) {
    need_server();
    static const struct {
        const char *sql;
        ParamKind kind;
        const char *value, *sqlstate;
    } wrong[] = {
        {"SELECT id FROM every WHERE id = $1", PARAM_TEXT, "abc", "22P02"},
        {"SELECT id FROM every WHERE id = $1", PARAM_TEXT, "", "22P02"},
        {"SELECT id FROM every WHERE id = $1", PARAM_NUMBER, "1.5", "22P02"},
        {"SELECT id FROM every WHERE id = $1", PARAM_INT, "2147483648", "22003"},
        {"SELECT id FROM every WHERE id = $1", PARAM_BOOL, "true", "22P02"},
        {"SELECT id FROM every WHERE small = $1", PARAM_INT, "-32769", "22003"},
        {"SELECT id FROM every WHERE price = $1", PARAM_TEXT, "1.2.3", "22P02"},
        {"SELECT id FROM every WHERE ratio = $1", PARAM_TEXT, "x", "22P02"},
        {"SELECT id FROM every WHERE ratio = $1", PARAM_TEXT, "1e999", "22003"},
        {"SELECT id FROM every WHERE flag = $1", PARAM_TEXT, "maybe", "22P02"},
        {"SELECT id FROM every WHERE day = $1", PARAM_TEXT, "garbage", "22007"},
        {"SELECT id FROM every WHERE day = $1", PARAM_TEXT, "2023-02-29", "22008"},
        {"SELECT id FROM every WHERE at = $1", PARAM_TEXT, "2023-01-01 24:61:00", "22008"},
        {"SELECT id FROM every WHERE raw = $1", PARAM_TEXT, "\\xabc", "22P02"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_error_with(wrong[i].sql, (Param[]){make_param(wrong[i].kind, wrong[i].value)}, 1,
                          wrong[i].sqlstate);
    expect_error("SELECT id FROM every WHERE id = 'abc'", "22P02");
    expect_error("SELECT nosuch FROM every", "42703");
    expect_error("SELECT every.id FROM every, zero WHERE id = 1", "42702");
    expect_error_with("SELECT id FROM every WHERE id = $1", NULL, 0, "08P01");
    expect_error("SELECT (SELECT n FROM numbers) FROM every", "21000");
}

/* ---- text
 * -------------------------------------------------------------------------------------------------------------
 */

static void text_compares_by_bytes_under_any_collation(void **state) {
    need_server();
    static const char *const columns[] = {"ci", "bin", "exact", "latin"};
    char sql[200];
    for (int i = 0; i < 4; i++) {
#define SAY(format) (snprintf(sql, sizeof sql, format, columns[i]), sql)
        bool latin = i == 3;
        expect(SAY("SELECT id FROM words WHERE %s = 'Ann' ORDER BY id"), "1");
        expect(SAY("SELECT id FROM words WHERE %s = 'Ann ' ORDER BY id"), "3");
        expect(SAY("SELECT id FROM words WHERE %s <> 'Ann' ORDER BY id"), "2\n3\n4\n6");
        expect(SAY("SELECT id FROM words WHERE %s IN ('ann', 'Bob') ORDER BY id"), latin ? "2" : "2\n4");
        expect(SAY("SELECT id FROM words WHERE %s NOT IN ('ann', 'Ann') ORDER BY id"), "3\n4\n6");
        expect(SAY("SELECT id FROM words WHERE %s < 'B' ORDER BY id"), "1\n3");
        expect(SAY("SELECT id FROM words WHERE %s LIKE 'A%%' ORDER BY id"), "1\n3");
        expect(SAY("SELECT id FROM words WHERE %s LIKE 'Ann' ORDER BY id"), "1");
        expect(SAY("SELECT id FROM words WHERE %s ILIKE 'ann' ORDER BY id"), "1\n2");
        expect(SAY("SELECT id FROM words WHERE %s LIKE 'a\\_c' ORDER BY id"), latin ? "6" : "");
        expect(SAY("SELECT id FROM words WHERE %s BETWEEN 'Ann' AND 'Bob' ORDER BY id"),
               latin ? "1\n3" : "1\n3\n4");
        expect(SAY("SELECT id FROM words ORDER BY %s, id"), latin ? "1\n3\n4\n6\n2\n5" : "1\n3\n4\n2\n6\n5");
        expect(SAY("SELECT id FROM words ORDER BY %s DESC, id"),
               latin ? "5\n2\n6\n4\n3\n1" : "5\n6\n2\n4\n3\n1");
        expect(SAY("SELECT CASE %s WHEN 'ann' THEN 1 ELSE 0 END FROM words WHERE id < 3 ORDER BY id"),
               "0\n1");
        expect(SAY("SELECT length(%s) FROM words ORDER BY id"), "3\n3\n4\n3\nNULL\n3");
    }
    expect("SELECT count(*) FROM words a JOIN words b ON a.ci = b.exact", "5");
    expect("SELECT octet_length(latin), upper(latin), latin || ci FROM words WHERE id = 4", "4|BÖB|BöbBob");
    expect_error("SELECT ci, count(*) FROM words GROUP BY ci", "0A000");
    expect_error("SELECT DISTINCT bin FROM words", "0A000");
    expect_error("SELECT max(latin) FROM words", "0A000");
    expect("SELECT exact, count(*) FROM words GROUP BY exact ORDER BY exact",
           "Ann|1\nAnn |1\nBob|1\nann|1\nÄnn|1\nNULL|1");
    expect("SELECT min(exact), max(exact), count(DISTINCT exact) FROM words", "Ann|Änn|5");
}

static void enums_sort_by_their_text(void **state) {
    need_server();
    expect("SELECT mood FROM every ORDER BY mood", "happy\nsad\nNULL");
    expect("SELECT id FROM every WHERE mood < 'm'", "1");
}

/* ---- expressions
 * ------------------------------------------------------------------------------------------------------- */

static void numbers_are_postgresqls(void **state) {
    need_server();
    expect("SELECT n / 2, n % 4, -n FROM numbers WHERE id < 3 ORDER BY id", "3|3|-7\n-3|-3|7");
    expect("SELECT u - 5 FROM numbers WHERE id = 1", "-4");
    expect_error("SELECT n + 1 FROM numbers WHERE id = 4", "22003");
    expect("SELECT n + 1::bigint FROM numbers WHERE id = 4", "2147483648");
    expect("SELECT d * 2, d + n, f * 2 FROM numbers WHERE id = 1", "2.20|8.10|1");
    expect("SELECT sum(n), count(n), min(n), max(n), sum(d), sum(f), avg(f) FROM numbers WHERE id < 4",
           "0|2|-7|7|3.35|2|1");
    expect("SELECT sum(n) FROM numbers WHERE id > 100", "NULL");
    expect("SELECT id FROM numbers WHERE n NOT IN (7, NULL)", "");
    expect("SELECT id FROM numbers WHERE NOT (n = 7) ORDER BY id", "2\n4");
    expect("SELECT id, n IS NULL, n IS DISTINCT FROM 7, n > 0 FROM numbers ORDER BY id",
           "1|f|f|t\n2|f|t|f\n3|t|t|NULL\n4|f|t|t");
    expect("SELECT coalesce(n, 0), nullif(id, 1) FROM numbers WHERE id IN (1, 3) ORDER BY id", "7|NULL\n0|3");
    expect("SELECT id FROM numbers ORDER BY n, id", "2\n1\n4\n3");
    expect("SELECT id FROM numbers ORDER BY n DESC", "3\n4\n1\n2");
    expect("SELECT id FROM numbers ORDER BY n NULLS FIRST", "3\n2\n1\n4");
    expect("SELECT id FROM numbers ORDER BY n DESC NULLS LAST", "4\n1\n2\n3");
    expect("SELECT id FROM numbers ORDER BY id LIMIT 2 OFFSET 1", "2\n3");
    expect("SELECT id FROM numbers ORDER BY id OFFSET 3", "4");
    expect("SELECT id FROM numbers LIMIT 0", "");
    expect("SELECT id % 2, count(*) FROM numbers GROUP BY 1 ORDER BY 1", "0|2\n1|2");
    expect("SELECT id % 2 AS odd, count(*) FROM numbers GROUP BY odd HAVING count(*) > 1 ORDER BY odd DESC",
           "1|2\n0|2");
}

static void dates_are_postgresqls(void **state) {
    need_server();
    /* MySQL would take 24 for 2024 and 1 for 2001. */
    expect("SELECT id, y FROM every WHERE y = 24", "");
    expect("SELECT id, y FROM every WHERE y BETWEEN 1 AND 2000", "2|1901");
    expect("SELECT y, count(*) FROM every WHERE y IN (2024, 1) GROUP BY y", "2024|1");
    expect("SELECT extract(year FROM day), extract(month FROM at), date_trunc('month', at) FROM every WHERE "
           "id = 1",
           "2024|12|944006400000000");
    expect("SELECT at::date, day::timestamp FROM every WHERE id = 1", "10956|1709164800000000");
    expect("SELECT id FROM every WHERE day >= '2000-01-01' AND at < '2000-01-01 00:00:00'", "1");
    expect("SELECT id FROM every WHERE seen < '2024-01-01 00:00:01+00' ORDER BY id", "1\n2");
}

static void queries_of_every_shape(void **state) {
    need_server();
    expect("WITH x AS (SELECT id, n FROM numbers WHERE id < 3), y AS (SELECT id FROM x) SELECT count(*), "
           "max(id) FROM y",
           "2|2");
    expect("SELECT x.total FROM (SELECT count(*) AS total FROM numbers) x WHERE x.total > 3", "4");
    expect("SELECT a.id, b.ci FROM numbers a LEFT JOIN words b ON b.id = a.id AND b.ci = 'ann' ORDER BY a.id",
           "1|NULL\n2|ann\n3|NULL\n4|NULL");
    expect("SELECT count(*) FROM numbers a, words b", "24");
    expect("SELECT b.id FROM numbers a RIGHT JOIN words b ON a.id = b.id WHERE a.id IS NULL ORDER BY b.id",
           "5\n6");
    expect("SELECT id FROM words WHERE id IN (SELECT id FROM numbers WHERE n > 0) ORDER BY id", "1\n4");
    expect("SELECT id FROM words WHERE id NOT IN (SELECT id FROM numbers) ORDER BY id", "5\n6");
    expect("SELECT id FROM words w WHERE EXISTS (SELECT 1 FROM numbers n WHERE n.id = w.id AND n.n < 0)",
           "2");
    expect("SELECT id FROM words w WHERE NOT EXISTS (SELECT 1 FROM numbers n WHERE n.id = w.id) ORDER BY id",
           "5\n6");
    expect("SELECT id, (SELECT max(n) FROM numbers b WHERE b.id < a.id) FROM numbers a ORDER BY id",
           "1|NULL\n2|7\n3|7\n4|7");
    expect("SELECT id FROM numbers WHERE n = (SELECT min(n) FROM numbers)", "2");
    expect_with("SELECT id FROM numbers WHERE id = $1 UNION ALL SELECT id FROM words WHERE id = $2",
                (Param[]){integer("1"), integer("6")}, 2, "1\n6");
    expect_with("SELECT x.id FROM (SELECT id FROM numbers WHERE id > $2) x WHERE x.id < $1",
                (Param[]){integer("3"), integer("1")}, 2, "2");
    expect("SELECT * FROM seen_numbers WHERE id = 1", "1|7");
    expect("SELECT id FROM signalbox_unit.numbers WHERE id = 1", "1");
}

/* ---- writes
 * ------------------------------------------------------------------------------------------------------------
 */

static void writes_count_what_they_touch(void **state) {
    need_server();
    server_do("TRUNCATE signalbox_unit.orders");
    expect_affected("INSERT INTO orders (number_id, label, amount) VALUES (1, 'a', 1.005), (2, 'b', NULL)",
                    NULL, 0, 2, "INSERT");
    expect_affected("INSERT INTO orders (number_id, label, amount) VALUES ($1, $2, $3)",
                    (Param[]){integer("3"), text("it's"), number("2.50")}, 3, 1, "INSERT");
    expect_affected("INSERT INTO orders (number_id, amount) VALUES ($1, $2)",
                    (Param[]){integer("4"), null_param}, 2, 1, "INSERT");
    expect("SELECT number_id, label, amount FROM orders ORDER BY id",
           "1|a|1.01\n2|b|NULL\n3|it's|2.50\n4|none|NULL");
    expect_affected("UPDATE orders SET amount = 1.01 WHERE number_id = 1", NULL, 0, 1,
                    "UPDATE"); /* matched, though unchanged */
    expect_affected("UPDATE orders SET amount = amount + $1 WHERE amount IS NOT NULL",
                    (Param[]){integer("1")}, 1, 2, "UPDATE");
    expect_affected("UPDATE orders SET amount = 0 WHERE id > 1000", NULL, 0, 0, "UPDATE");
    expect("SELECT amount FROM orders WHERE number_id = 3", "3.50");
    expect_affected("INSERT INTO orders (number_id, label) SELECT id, 'copy' FROM numbers WHERE id > 2", NULL,
                    0, 2, "INSERT");
    expect("INSERT INTO orders (number_id, label) VALUES (9, 'r') RETURNING number_id, label", "9|r");
    expect("DELETE FROM orders WHERE label = 'r' RETURNING number_id", "9");
    expect_affected("DELETE FROM orders WHERE label = 'COPY'", NULL, 0, 0, "DELETE");
    expect_affected("DELETE FROM orders WHERE label = 'copy'", NULL, 0, 2, "DELETE");
    expect("SELECT count(*) FROM orders", "4");
}

static void refused_writes_have_postgresqls_codes(void **state) {
    need_server();
    server_do("TRUNCATE signalbox_unit.orders");
    expect_affected("INSERT INTO orders (id, number_id, label) VALUES (1, 1, 'a')", NULL, 0, 1, "INSERT");
    expect_error("INSERT INTO orders (id, label) VALUES (1, 'b')", "23505");
    expect_error("INSERT INTO orders (number_id, label) VALUES (1, 'a')", "23505");
    expect_error("INSERT INTO orders (number_id, label) VALUES (2, NULL)", "23502");
    expect_error("INSERT INTO orders (number_id, label) VALUES (2, 'longer than ten')", "22001");
    expect_error("INSERT INTO orders (number_id, amount) VALUES (2, 12345678.00)", "22003");
    expect_error("INSERT INTO orders (number_id, amount) VALUES (2, -1)", "23514");
    expect_error("INSERT INTO orders (number_id) VALUES ('x')", "22P02");
    expect_error("INSERT INTO orders (nosuch) VALUES (1)", "42703");
    expect_error("UPDATE orders SET id = number_id, number_id = id", "0A000");
    expect("SELECT id, number_id, label FROM orders", "1|1|a");
}

/* ---- connections
 * ---------------------------------------------------------------------------------------------------------
 */

static void kill_connections(void) {
    MYSQL *mysql = dial(NULL);
    assert_int_equal(mysql_query(mysql, "SELECT id FROM information_schema.processlist WHERE db = "
                                        "'signalbox_unit' AND id <> CONNECTION_ID()"),
                     0);
    MYSQL_RES *rows = mysql_store_result(mysql);
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        char sql[64];
        snprintf(sql, sizeof sql, "KILL %s", row[0]);
        (void)mysql_query(mysql, sql);
    }
    mysql_free_result(rows);
    mysql_close(mysql);
}

static void await_no_connection(void) {
    MYSQL *mysql = dial(NULL);
    for (int left = 1;;) {
        assert_int_equal(
            mysql_query(mysql,
                        "SELECT count(*) FROM information_schema.processlist WHERE db = 'signalbox_unit'"),
            0);
        MYSQL_RES *rows = mysql_store_result(mysql);
        left = atoi(mysql_fetch_row(rows)[0]);
        mysql_free_result(rows);
        if (!left) break;
    }
    mysql_close(mysql);
}

static void stale_connections_are_replaced(void **state) {
    need_server();
    expect("SELECT id FROM numbers WHERE id = 1", "1");
    kill_connections();
    await_no_connection();
    expect("SELECT id FROM numbers WHERE id = 1", "1"); /* a read that was prepared before */
    kill_connections();
    await_no_connection();
    server_do("TRUNCATE signalbox_unit.orders");
    expect_affected("INSERT INTO orders (number_id, label) VALUES (77, 'once')", NULL, 0, 1, "INSERT");
    expect("SELECT count(*) FROM orders", "1");
}

static void a_server_that_is_away_is_told(void **state) {
    need_server();
    EngineConfig away = config;
    away.socket = "/nonexistent/mysqld.sock";
    Engine *other;
    Error err = {0};
    assert_int_equal(mysql_engine_ops.open(&away, &other, &err), STATUS_OK);
    EngineHealth health;
    mysql_engine_ops.health(other, &health);
    assert_false(health.up);
    assert_true(strlen(health.message) > 0);
    TableList none;
    assert_int_equal(mysql_engine_ops.describe(other, &arena, &none, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_CANNOT_CONNECT);
    mysql_engine_ops.close(other);
    mysql_engine_ops.health(engine, &health);
    assert_true(health.up);
    assert_non_null(strstr(health.version, "MariaDB"));
}

typedef struct Canceller {
    CancelToken token;
    pthread_t thread;
} Canceller;

/* Cancels once the server says that the statement runs. */
static void *cancel_when_running(void *argument) {
    Canceller *canceller = argument;
    MYSQL *mysql = dial(NULL);
    for (bool running = false; !running;) {
        if (mysql_query(mysql, "SELECT count(*) FROM information_schema.processlist WHERE info LIKE "
                               "'%serial%CROSS JOIN%' AND id <> CONNECTION_ID()"))
            break;
        MYSQL_RES *rows = mysql_store_result(mysql);
        running = atoi(mysql_fetch_row(rows)[0]) > 0;
        mysql_free_result(rows);
    }
    mysql_close(mysql);
    cancel_request(&canceller->token, CANCEL_BY_USER);
    mysql_thread_end();
    return NULL;
}

static void a_long_statement_is_cancelled(void **state) {
    need_server();
    Canceller canceller;
    Answer answer;
    cancel_init(&canceller.token, 0);
    pthread_create(&canceller.thread, NULL, cancel_when_running, &canceller);
    run_with("SELECT count(*) FROM serial a, serial b, serial c WHERE a.pad < b.pad || c.pad", NULL, 0,
             &canceller.token, &answer);
    pthread_join(canceller.thread, NULL);
    assert_int_equal(answer.status, STATUS_ERROR);
    assert_string_equal(answer.error.sqlstate, SQLSTATE_QUERY_CANCELED);
    answer_deinit(&answer);
    expect("SELECT count(*) FROM numbers", "4");
}

static void a_deadline_ends_a_statement(void **state) {
    need_server();
    CancelToken token;
    Answer answer;
    cancel_init(&token, clock_now_ns() + 200000000);
    run_with("SELECT count(*) FROM serial a, serial b, serial c WHERE a.pad < b.pad || c.pad", NULL, 0,
             &token, &answer);
    assert_string_equal(answer.error.sqlstate, SQLSTATE_QUERY_CANCELED);
    answer_deinit(&answer);
}

static void large_results_stream_in_bounded_memory(void **state) {
    need_server();
    struct rusage before, after;
    Query query;
    EngineVerdict verdict;
    EnginePlan *plan;
    Error err = {0};
    query_init(&query, engine, &tables, "SELECT a.id, a.pad, b.id FROM serial a, numbers b");
    assert_int_equal(mysql_engine_ops.plan(engine, &query.statement, &verdict, &plan, &err), STATUS_OK);
    if (!verdict.eligible) fail_msg("%s", verdict.why);
    for (int abandon = 0; abandon < 2; abandon++) {
        ExecutionStats stats = {0};
        Execution execution = {.stats = &stats};
        ArrowArrayStream stream;
        ArrowArray batch;
        int64_t rows = 0;
        getrusage(RUSAGE_SELF, &before);
        assert_int_equal(mysql_engine_ops.execute(engine, plan, &execution, &stream, &err), STATUS_OK);
        while (arrow_stream_next(&stream, &batch, &err) == STATUS_OK && batch.release) {
            rows += batch.length;
            arrow_array_release(&batch);
            if (abandon && rows > 5000) break;
        }
        arrow_stream_release(&stream);
        getrusage(RUSAGE_SELF, &after);
        assert_true(abandon ? rows < 20000 : rows == 400000); /* 160 MB */
#ifndef SIGNALBOX_SANITIZED
        assert_true(after.ru_maxrss - before.ru_maxrss < 32 * 1024);
#endif
    }
    engine_plan_release(plan);
    query_deinit(&query);
    expect("SELECT count(*) FROM numbers", "4");
}

static void *run_many(void *argument) {
    for (int i = 0; i < 50; i++) {
        Answer answer;
        run_with("SELECT id FROM numbers WHERE id = 2", NULL, 0, NULL, &answer);
        if (answer.status != STATUS_OK || strcmp(strbuf_text(&answer.text), "2") != 0) *(int *)argument += 1;
        answer_deinit(&answer);
    }
    mysql_thread_end();
    return NULL;
}

static void more_callers_than_connections(void **state) {
    need_server();
    pthread_t threads[12];
    int wrong[12] = {0};
    for (int i = 0; i < 12; i++)
        pthread_create(&threads[i], NULL, run_many, &wrong[i]);
    for (int i = 0; i < 12; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
    EngineHealth health;
    mysql_engine_ops.health(engine, &health);
    assert_true(health.connections_open <= 4);
    assert_int_equal(health.connections_busy, 0);
}

/* ---- describe and scan
 * ----------------------------------------------------------------------------------------------------- */

static const TableDesc *table(const char *name) {
    for (int i = 0; i < tables.count; i++)
        if (!strcmp(tables.tables[i].name, name) && !strcmp(tables.tables[i].schema, "signalbox_unit"))
            return &tables.tables[i];
    fail_msg("no table %s", name);
    return NULL;
}

static void tables_are_described(void **state) {
    need_server();
    assert_string_equal(tables.default_schema, "signalbox_unit");
    const TableDesc *orders = table("orders");
    assert_string_equal(orders->kind, "table");
    assert_int_equal(orders->column_count, 4);
    assert_string_equal(orders->columns[3].type_name, "numeric");
    assert_false(orders->columns[2].nullable);
    assert_true(orders->columns[1].nullable);
    assert_int_equal(orders->key_count, 3);
    int primary = 0, unique = 0;
    for (int i = 0; i < orders->key_count; i++) {
        primary += orders->keys[i].primary;
        unique += orders->keys[i].unique;
        if (!strcmp(orders->keys[i].name, "by_label")) {
            assert_int_equal(orders->keys[i].column_count, 2);
            assert_int_equal(orders->keys[i].columns[0], 2);
            assert_int_equal(orders->keys[i].columns[1], 1);
        }
    }
    assert_int_equal(primary, 1);
    assert_int_equal(unique, 2);
    assert_string_equal(table("seen_numbers")->kind, "view");
    assert_true(table("serial")->row_estimate > 10000);
    for (int i = 0; i < tables.count; i++)
        assert_string_not_equal(tables.tables[i].schema, "information_schema");
}

static void scan_table(const char *name, const int *columns, int column_count, const ScanFilter *filters,
                       int filter_count, int64_t limit, uint64_t applied, const char *expected) {
    Answer answer = {0};
    ScanRequest request = {.table = table(name),
                           .columns = columns,
                           .column_count = column_count,
                           .filters = filters,
                           .filter_count = filter_count,
                           .row_limit = limit};
    Execution execution = {.stats = &answer.stats};
    ArrowArrayStream stream;
    uint64_t told = 0;
    if (mysql_engine_ops.scan(engine, &request, &execution, &stream, &told, &answer.error) != STATUS_OK)
        fail_msg("%s", answer.error.message);
    answer_read(&answer, &stream);
    assert_int_equal(answer.status, STATUS_OK);
    assert_string_equal(strbuf_text(&answer.text), expected);
    assert_int_equal(told, applied);
    answer_deinit(&answer);
}

static void scans_filter_what_means_the_same(void **state) {
    need_server();
    const int id[] = {0}, id_and_n[] = {1, 0};
    Param one = integer("1"), seven = integer("7"), ann = text("Ann"), both[] = {integer("1"), integer("4")},
          word = text("x");
    scan_table("numbers", id_and_n, 2,
               (ScanFilter[]){{.column = 0, .op = SCAN_EQ, .values = &one, .value_count = 1}}, 1, 0, 1,
               "7|1");
    scan_table("numbers", id, 1,
               (ScanFilter[]){{.column = 0, .op = SCAN_IN, .values = both, .value_count = 2},
                              {.column = 1, .op = SCAN_GT, .values = &seven, .value_count = 1}},
               2, 0, 3, "4");
    scan_table("numbers", id, 1, (ScanFilter[]){{.column = 1, .op = SCAN_IS_NULL}}, 1, 0, 1, "3");
    scan_table("words", id, 1, (ScanFilter[]){{.column = 3, .op = SCAN_EQ, .values = &ann, .value_count = 1}},
               1, 0, 1, "1");
    scan_table("words", id, 1, (ScanFilter[]){{.column = 1, .op = SCAN_EQ, .values = &ann, .value_count = 1}},
               1, 0, 0, "1\n2\n3\n4\n5\n6");
    /* 7 would be 2007 to a YEAR: left to who asks. */
    scan_table("every", id, 1,
               (ScanFilter[]){{.column = 18, .op = SCAN_GT, .values = &seven, .value_count = 1}}, 1, 0, 0,
               "1\n2\n3");
    scan_table("numbers", id, 1, NULL, 0, 2, 0, "1\n2");
    Answer answer = {0};
    ScanRequest count = {.table = table("numbers")};
    Execution execution = {.stats = &answer.stats};
    ArrowArrayStream stream;
    uint64_t told;
    assert_int_equal(mysql_engine_ops.scan(engine, &count, &execution, &stream, &told, &answer.error),
                     STATUS_OK);
    answer_read(&answer, &stream);
    assert_int_equal(answer.rows, 4);
    answer_deinit(&answer);
    ScanFilter wrong = {.column = 0, .op = SCAN_EQ, .values = &word, .value_count = 1};
    count.filters = &wrong;
    count.filter_count = 1;
    assert_int_equal(mysql_engine_ops.scan(engine, &count, &execution, &stream, &told, &answer.error),
                     STATUS_ERROR);
    assert_string_equal(answer.error.sqlstate, "22P02");
}

static void a_changed_table_is_read_as_it_is(void **state) {
    need_server();
    expect("SELECT * FROM zero WHERE id = 9", "");
    server_do("ALTER TABLE signalbox_unit.zero ADD COLUMN more INT");
    describe();
    expect("SELECT * FROM zero WHERE id = 9", "");
    server_do("ALTER TABLE signalbox_unit.zero DROP COLUMN more");
    expect_error("SELECT more FROM zero", "42703");
    describe();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_as_postgresqls),
        cmocka_unit_test(zero_dates_are_told),
        cmocka_unit_test(parameters_of_every_type),
        cmocka_unit_test(wrong_values_are_refused_as_postgresql_does),
        cmocka_unit_test(text_compares_by_bytes_under_any_collation),
        cmocka_unit_test(enums_sort_by_their_text),
        cmocka_unit_test(numbers_are_postgresqls),
        cmocka_unit_test(dates_are_postgresqls),
        cmocka_unit_test(queries_of_every_shape),
        cmocka_unit_test(writes_count_what_they_touch),
        cmocka_unit_test(refused_writes_have_postgresqls_codes),
        cmocka_unit_test(stale_connections_are_replaced),
        cmocka_unit_test(a_server_that_is_away_is_told),
        cmocka_unit_test(a_long_statement_is_cancelled),
        cmocka_unit_test(a_deadline_ends_a_statement),
        cmocka_unit_test(large_results_stream_in_bounded_memory),
        cmocka_unit_test(more_callers_than_connections),
        cmocka_unit_test(tables_are_described),
        cmocka_unit_test(scans_filter_what_means_the_same),
        cmocka_unit_test(a_changed_table_is_read_as_it_is),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
