/* Whether what a statement reads has changed: by the server's own account of which transactions are done.
 *
 * A row is visible or not by the transactions that wrote it being done, and pg_current_snapshot() says which
 * are: all below xmax but those it lists. Two equal snapshots of one server see the same rows and the same
 * catalogs, in every database. xmax and the list only move on, so when they are equal before and after a run,
 * they were the run's. Any commit in the cluster moves them: on a busy server nothing is kept, never
 * something wrong.
 *
 * What a snapshot does not tell is in the marker beside it: which server, since when, with which settings. A
 * crash may lose transactions that others have seen (synchronous_commit = off) and hand their numbers out
 * again: it ends with a checkpoint, whose place is always a later one. A standby lists no transactions in its
 * snapshots. What neither tells keeps an answer out: foreign, unlogged and temporary tables, other access
 * methods than heap, row security (its policies may look at the clock), functions of somebody's behind
 * operators, casts and names of the system. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "engines/base/strbuf.h"
#include "engines/postgres/pgengine.h"

static const char state_query[] =
    "SELECT pg_catalog.concat_ws(' ', (SELECT system_identifier FROM pg_catalog.pg_control_system()), "
    "(SELECT checkpoint_lsn FROM pg_catalog.pg_control_checkpoint()), "
    "pg_catalog.pg_postmaster_start_time(), pg_catalog.pg_conf_load_time(), "
    "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()), "
    "pg_catalog.pg_current_snapshot(), current_user, pg_catalog.current_setting('search_path')), "
    "NOT pg_catalog.pg_is_in_recovery() AND pg_catalog.current_setting('search_path') !~ 'pg_catalog'";

#define SYSTEM_NAMES "(SELECT b.proname FROM pg_catalog.pg_proc b WHERE b.oid < 16384)"

/* Then ARRAY[schema || '.' || name, ...] of the tables: each is there, and so are their partitions and heirs.
 */
static const char fixed_query[] =
    "WITH RECURSIVE named (oid) AS (SELECT c.oid FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE (n.nspname, c.relname) IN (%s)), "
    "read (oid) AS (SELECT oid FROM named UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i "
    "JOIN read ON i.inhparent = read.oid) "
    "SELECT (SELECT pg_catalog.count(*) FROM named) = %d AND pg_catalog.bool_and(c.relkind IN ('r', 'p', "
    "'m') "
    "AND c.relpersistence = 'p' AND NOT c.relrowsecurity AND c.relam IN (0, 2)) "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode "
    "WHERE o.oid >= 16384 AND p.provolatile <> 'i') "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast k JOIN pg_catalog.pg_proc p ON p.oid = k.castfunc "
    "WHERE k.oid >= 16384 AND p.provolatile <> 'i') "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid >= 16384 AND p.prokind <> 'p' "
    "AND (p.provolatile <> 'i' OR p.prokind = 'a') AND p.proname IN " SYSTEM_NAMES ") "
    "FROM pg_catalog.pg_class c JOIN read ON read.oid = c.oid";

/* Behind several hosts the next connection may be another server's. */
static bool has_one_host(const PgEngine *engine) {
    PQconninfoOption *options = PQconninfoParse(engine->conninfo, NULL);
    bool one = options != NULL;
    for (PQconninfoOption *option = options; option && option->keyword; option++) {
        bool is_host = strcmp(option->keyword, "host") == 0 || strcmp(option->keyword, "hostaddr") == 0;
        if (is_host && option->val && strchr(option->val, ',')) one = false;
    }
    PQconninfoFree(options);
    return one;
}

/* As rows of literals; the number of different tables. */
static int append_tables(const MarkerRequest *request, const Engine *self, StrBuf *out) {
    int count = 0;
    for (int i = 0; i < request->binding_count; i++) {
        const TableBinding *binding = &request->bindings[i];
        bool seen = binding->engine != self;
        for (int before = 0; before < i && !seen; before++)
            seen =
                request->bindings[before].engine == self && request->bindings[before].table == binding->table;
        if (seen) continue;
        strbuf_append_text(out, count++ ? ", (" : "(");
        strbuf_append_literal(out, binding->table->schema, strlen(binding->table->schema));
        strbuf_append_char(out, ',');
        strbuf_append_literal(out, binding->table->name, strlen(binding->table->name));
        strbuf_append_char(out, ')');
    }
    return count;
}

static bool is_true(const PGresult *result, int column) {
    return PQntuples(result) == 1 && PQgetvalue(result, 0, column)[0] == 't';
}

static bool tables_are_fixed(PgConn *conn, const MarkerRequest *request, const StrBuf *tables,
                             int table_count) {
    StrBuf sql;
    PGresult *result = NULL;
    Error ignored = {0};
    strbuf_init(&sql);
    strbuf_printf(&sql, fixed_query, strbuf_text(tables), table_count);
    bool fixed =
        pgconn_exec(conn, strbuf_text(&sql), NULL, 0, request->cancel, &result, &ignored) == STATUS_OK &&
        is_true(result, 0);
    PQclear(result);
    strbuf_deinit(&sql);
    return fixed;
}

static bool append_state(PgConn *conn, const MarkerRequest *request, StrBuf *out) {
    PGresult *result = NULL;
    Error ignored = {0};
    bool known = pgconn_exec(conn, state_query, NULL, 0, request->cancel, &result, &ignored) == STATUS_OK &&
                 is_true(result, 1);
    if (known) strbuf_append_text(out, PQgetvalue(result, 0, 0));
    PQclear(result);
    return known;
}

MarkerAnswer pgmarker_read(Engine *base, const MarkerRequest *request, StrBuf *out) {
    PgEngine *engine = pgengine_of(base);
    if (!request->may_wait) return MARKER_WAITS;
    StrBuf tables;
    strbuf_init(&tables);
    int table_count = append_tables(request, base, &tables);
    PgConn *conn = NULL;
    Error ignored = {0};
    bool known = table_count > 0 && has_one_host(engine) &&
                 pgengine_acquire(engine, true, request->cancel, &conn, &ignored) == STATUS_OK;
    if (known) {
        /* The tables first: what they are is looked at between two equal states. */
        known = (!request->to_keep || tables_are_fixed(conn, request, &tables, table_count)) &&
                append_state(conn, request, out);
        pgengine_give_back(engine, conn);
    }
    strbuf_append(out, strbuf_text(&tables), tables.length + 1);
    uint64_t settings = hash64_bytes(engine->conninfo, strlen(engine->conninfo), 0); /* its options, too */
    strbuf_append(out, &settings, sizeof settings);
    strbuf_deinit(&tables);
    return known ? MARKER_KNOWN : MARKER_NONE;
}
