#include "unit.h"

#include <unistd.h>

#include "engines/base/config.h"
#include "engines/base/strbuf.h"

static Config config;
static Error err;

static Status load(const char *text) {
    char path[] = "/tmp/signalbox-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    err = (Error){0};
    Status status = config_load(&config, path, true, &err);
    unlink(path);
    return status;
}

static void every_key_is_applied(void **state) {
    assert_int_equal(
        load("[server]\nlisten = '127.0.0.1:9000'\nio_threads = 3\nworker_threads = 5\nmax_body_bytes = "
             "\"1.5MiB\"\nmax_header_bytes = 2048\n"
             "drain_timeout_ms = 7\n[limits]\nmax_sql_bytes = \"2KB\"\nmax_sql_tokens = "
             "11\nmax_runtime_seconds = 12\nmax_rows = 13\n"
             "[log]\nfile = '/x'\nlevel = 'warn'\nformat = 'json'\n[router]\ndecision_cache_bytes = "
             "0\nregistry_refresh_seconds = 14\n"
             "default_engine = 'second'\n[paths]\ndata_directory = '/data'\n"
             "[placements]\n'sales.orders' = ['postgres', 'second']\n"
             "[engines.second]\nkind = 'mysql'\nenabled = false\nconninfo = 'c'\nhost = 'h'\nport = "
             "1\nsocket = 's'\nuser = 'u'\npassword = 'p'\n"
             "database = 'd'\nmax_connections = 2\nlane_connections = 3\nconnect_timeout_ms = 4\ndirectory = "
             "'dir'\ncatalog = 'cat'\nthreads = 5\n"
             "memory_bytes = \"1GiB\"\nquery_memory_bytes = 6\nspill = false\nspill_limit_bytes = "
             "\"1MiB\"\ncache_bytes = 7\nlatency_ms = 0.5\n"),
        STATUS_OK);
    assert_string_equal(config.listen, "127.0.0.1:9000");
    assert_int_equal(config.io_threads, 3);
    assert_int_equal(config.worker_threads, 5);
    assert_int_equal(config.max_body_bytes, 1572864);
    assert_int_equal(config.max_header_bytes, 2048);
    assert_int_equal(config.drain_timeout_ms, 7);
    assert_int_equal(config.max_sql_bytes, 2000);
    assert_int_equal(config.max_sql_tokens, 11);
    assert_int_equal(config.max_runtime_seconds, 12);
    assert_int_equal(config.max_rows, 13);
    assert_string_equal(config.log_file, "/x");
    assert_string_equal(config.log_level, "warn");
    assert_string_equal(config.log_format, "json");
    assert_int_equal(config.decision_cache_bytes, 0);
    assert_int_equal(config.registry_refresh_seconds, 14);
    assert_string_equal(config.default_engine, "second");
    assert_string_equal(config_engine(&config, "columnar")->directory, "/data/warehouse");
    assert_string_equal(config_engine(&config, "columnar")->catalog, "/data/warehouse/catalog.db");
    const EngineConfig *second = config_engine(&config, "second");
    assert_string_equal(second->kind, "mysql");
    assert_false(second->enabled);
    assert_string_equal(second->conninfo, "c");
    assert_string_equal(second->host, "h");
    assert_int_equal(second->port, 1);
    assert_string_equal(second->socket, "s");
    assert_string_equal(second->user, "u");
    assert_string_equal(second->password, "p");
    assert_string_equal(second->database, "d");
    assert_int_equal(second->max_connections, 2);
    assert_int_equal(second->lane_connections, 3);
    assert_int_equal(second->connect_timeout_ms, 4);
    assert_string_equal(second->directory, "dir");
    assert_string_equal(second->catalog, "cat");
    assert_int_equal(second->threads, 5);
    assert_int_equal(second->memory_bytes, 1 << 30);
    assert_int_equal(second->query_memory_bytes, 6);
    assert_int_equal(second->cache_bytes, 7);
    assert_false(second->spill);
    assert_int_equal(second->spill_limit_bytes, 1 << 20);
    assert_true(second->latency_ms == 0.5);
    assert_int_equal(config.placement_count, 1);
    assert_string_equal(config.placements[0].table, "sales.orders");
    assert_string_equal(config.placements[0].engines, "postgres:second");
    config_deinit(&config);
}

static void wrong_files_are_refused_with_their_line(void **state) {
    static const struct {
        const char *text, *said;
    } wrong[] = {
        {"[server]\nlisten = 1", ":2: server.listen must be"},
        {"[server]\n\nlisen = 'x'", ":3: there is no key server.lisen"},
        {"[engines.postgres]\nport = 70000", ":2: engines.postgres.port must be between"},
        {"[engines.postgres]\nnosuch = 1", ":2: there is no key engines.postgres.nosuch"},
        {"[engines]\npostgres = 1", ":2: there is no key engines.postgres"},
        {"[server]\nio_threads = 0", ":2: server.io_threads must be between 1 and 64"},
        {"[server]\nio_threads = 1.5", ":2: server.io_threads must be a whole number"},
        {"[server]\nmax_body_bytes = '5 apples'", ":2: server.max_body_bytes must be a number of bytes"},
        {"[server]\nmax_body_bytes = 'nan'", ":2: server.max_body_bytes must be between"},
        {"[engines.mysql]\nenabled = 1", ":2: engines.mysql.enabled must be true or false"},
        {"[engines.mysql]\nlatency_ms = 'x'", ":2: engines.mysql.latency_ms must be a number"},
        {"[log]\nlevel = 'loud'", "log.level must be debug, info, warn or error"},
        {"[log]\nformat = 'xml'", "log.format must be text or json"},
        {"[engines.other]\nport = 1", "engines.other.kind must be postgres, mysql or columnar"},
        {"[router]\ndefault_engine = 'nosuch'", "router.default_engine names no configured engine"},
        {"[engines]\na.kind='mysql'\nb.kind='mysql'\nc.kind='mysql'\nd.kind='mysql'\ne.kind='mysql'\nf.kind='"
         "mysql'",
         ":7: at most 8 engines"},
        {"[placements]\nt = 'postgres'", ":2: placements.t must be an array of strings"},
        {"[placements]\nt = ['postgres']", ":2: placements.t must name two engines at least"},
        {"[placements]\n\n't.u' = ['postgres', 'x']", ":3: placements.t.u names no configured engine: \"x\""},
        {"x", ":1: "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (load(wrong[i].text) == STATUS_OK) fail_msg("taken: %s", wrong[i].text);
        assert_string_equal(err.sqlstate, SQLSTATE_CONFIG);
        if (!strstr(err.message, wrong[i].said)) fail_msg("%s: %s", wrong[i].text, err.message);
    }
    assert_int_equal(config_load(&config, "/nonexistent/x.toml", true, &err), STATUS_ERROR);
    assert_int_equal(config_load(&config, "/nonexistent/x.toml", false, &err), STATUS_OK);
    assert_string_equal(config_engine(&config, "postgres")->kind, "postgres");
    assert_null(config_engine(&config, "nosuch"));
    config_deinit(&config);
}

/* ---- the documentation
 * ----------------------------------------------------------------------------------------- */

static char *file_text(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", SIGNALBOX_SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    StrBuf text;
    strbuf_init(&text);
    char chunk[4096];
    for (size_t count; (count = fread(chunk, 1, sizeof chunk, file)) > 0;)
        strbuf_append(&text, chunk, count);
    fclose(file);
    return strbuf_release(&text);
}

/* What stands between `before` and `after`, each on a line of its own. */
static void collect(const char *text, const char *before, char after, StrBuf *out) {
    for (const char *at = text; (at = strstr(at, before));) {
        at += strlen(before);
        strbuf_append(out, at, (size_t)(strchr(at, after) - at));
        strbuf_append_char(out, '\n');
    }
}

/* docs/configuration.md lists the keys of config.c's tables, all of them, in their order. */
static void the_documentation_lists_every_key(void **state) {
    char *source = file_text("engines/base/config.c"), *docs = file_text("docs/configuration.md");
    char *tables = strstr(source, "config_keys[] = {"), *end = strstr(source, "static void engine_defaults");
    assert_non_null(tables);
    assert_non_null(end);
    *end = 0;
    StrBuf in_source, in_docs;
    strbuf_init(&in_source);
    strbuf_init(&in_docs);
    collect(tables, "\n    {\"", '"', &in_source);
    collect(docs, "\n| `", '`', &in_docs);
    assert_true(in_source.length > 200);
    assert_string_equal(strbuf_text(&in_docs), strbuf_text(&in_source));
    strbuf_deinit(&in_source);
    strbuf_deinit(&in_docs);
    free(source);
    free(docs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_applied),
        cmocka_unit_test(wrong_files_are_refused_with_their_line),
        cmocka_unit_test(the_documentation_lists_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
