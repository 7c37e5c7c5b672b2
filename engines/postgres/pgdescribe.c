#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/postgres/pgengine.h"
#include "engines/postgres/pgstatistics.h"

#define USER_RELATIONS                                                                                       \
    "c.relkind IN ('r','v','m','p','f') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', "    \
    "'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%' "

/* A view's rule names the functions it calls by OID, and those of its operators. */
#define VOLATILE_VIEWS                                                                                       \
    "WITH RECURSIVE volatile_views (oid) AS (SELECT r.ev_class FROM pg_catalog.pg_rewrite r "                \
    "JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind = 'v' AND v.oid >= 16384 "               \
    "WHERE EXISTS (SELECT FROM pg_catalog.regexp_matches(r.ev_action::text, "                                \
    "':(?:func|opfunc)id (\\d+)', 'g') f "                                                                   \
    "JOIN pg_catalog.pg_proc p ON p.oid = f[1]::pg_catalog.oid WHERE p.provolatile = 'v') "                  \
    "UNION SELECT r.ev_class FROM volatile_views w JOIN pg_catalog.pg_depend d ON d.refobjid = w.oid "       \
    "AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "                                         \
    "AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass "                                          \
    "JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid "                                                       \
    "JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind = 'v') "

/* Tables with triggers or rules of the user's, and what leads a write on to them: partitions and heirs,
 * foreign keys that cascade, views. */
#define TRIGGERED                                                                                            \
    ", triggered (oid) AS (SELECT t.tgrelid FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal "          \
    "UNION SELECT r.ev_class FROM pg_catalog.pg_rewrite r WHERE r.ev_type <> '1' AND r.ev_class >= 16384 "   \
    "UNION SELECT e.source FROM triggered w JOIN (SELECT i.inhparent AS source, i.inhrelid AS target "       \
    "FROM pg_catalog.pg_inherits i UNION ALL SELECT k.confrelid, k.conrelid FROM pg_catalog.pg_constraint "  \
    "k WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd')) "    \
    "UNION ALL SELECT r.ev_class, d.refobjid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r "      \
    "ON r.oid = d.objid WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass "                     \
    "AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class "            \
    "AND r.ev_class >= 16384) e ON e.target = w.oid) "

static const char tables_query[] = VOLATILE_VIEWS TRIGGERED
    "SELECT c.oid, n.nspname, c.relname, c.relkind, CASE WHEN c.relkind = 'p' THEN (SELECT "
    "CASE WHEN count(*) = 0 THEN 0 WHEN bool_or(l.reltuples < 0) THEN -1 ELSE sum(l.reltuples) END "
    "FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE "
    "t.isleaf) "
    "ELSE c.reltuples END, CASE WHEN c.relkind IN ('r','m') THEN pg_catalog.pg_relation_size(c.oid) WHEN "
    "c.relkind = 'p' "
    "THEN (SELECT COALESCE(sum(pg_catalog.pg_relation_size(t.relid)), 0) FROM "
    "pg_catalog.pg_partition_tree(c.oid) t "
    "WHERE t.isleaf) ELSE -1 END, "
    "c.oid IN (SELECT oid FROM volatile_views), "
    "c.oid IN (SELECT oid FROM triggered) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE " USER_RELATIONS " AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') ORDER BY c.oid";

static const char columns_query[] =
    "SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attnotnull OR t.typnotnull, a.attnum, "
    "s.n_distinct "
    "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = "
    "a.atttypid "
    "LEFT JOIN (SELECT DISTINCT ON (schemaname, tablename, attname) schemaname, tablename, attname, "
    "n_distinct "
    "FROM pg_catalog.pg_stats ORDER BY schemaname, tablename, attname, inherited DESC) s "
    "ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname "
    "WHERE a.attnum > 0 AND NOT a.attisdropped AND " USER_RELATIONS " ORDER BY a.attrelid, a.attnum";

/* Partial indexes prove nothing about whole tables and are left out; expressions appear as column 0. */
static const char keys_query[] =
    "SELECT i.indrelid, x.relname, i.indisunique AND i.indimmediate, i.indisprimary, "
    "(SELECT string_agg(k::text, ' ' ORDER BY o) FROM unnest(i.indkey) WITH ORDINALITY u(k, o) WHERE o <= "
    "i.indnkeyatts) "
    "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid "
    "JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = "
    "c.relnamespace "
    "WHERE i.indisvalid AND i.indpred IS NULL AND " USER_RELATIONS
    " ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid";

static const char functions_query[] =
    "SELECT CASE WHEN n.nspname <> 'pg_catalog' THEN n.nspname END, p.proname, "
    "max(p.provolatile) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
    "WHERE p.prokind IN ('f', 'a', 'w') AND n.nspname <> 'information_schema' "
    "AND n.nspname NOT LIKE 'pg\\_temp%' GROUP BY 1, 2 ORDER BY p.proname COLLATE \"C\", 1";

typedef struct Describer {
    PgEngine *engine;
    PgConn *conn;
    Arena *arena;
    CancelToken limit;
    PGresult *tables, *columns, *keys, *functions, *statistics;
    int statistics_at;
} Describer;

static uint32_t oid_at(const PGresult *result, int row, int column) {
    return (uint32_t)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

static bool is_true(const PGresult *result, int row, int column) {
    return PQgetvalue(result, row, column)[0] == 't';
}

static const char *kind_name(char relkind) {
    switch (relkind) {
    case 'v': return "view";
    case 'm': return "materialized view";
    case 'p': return "partitioned table";
    case 'f': return "foreign table";
    default: return "table";
    }
}

static Status load_types(Describer *d, Error *err) {
    PGresult *rows;
    TRY(pgconn_exec(d->conn, pgtypes_query_all, NULL, 0, &d->limit, &rows, err));
    for (int i = 0; i < PQntuples(rows); i++) {
        PgType type = pgtypes_from_row(rows, i);
        pgtypes_put(&d->engine->types, &type);
    }
    PQclear(rows);
    return STATUS_OK;
}

/* Those of search_path that exist, "$user" by its name, without the catalogs that are always searched. */
static Status read_search_path(Describer *d, TableList *out, Error *err) {
    PGresult *path;
    TRY(pgconn_exec(
        d->conn,
        "SELECT name FROM unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, at)"
        " ORDER BY at",
        NULL, 0, &d->limit, &path, err));
    int count = PQntuples(path);
    out->default_schema = count ? arena_strdup(d->arena, PQgetvalue(path, 0, 0)) : "public";
    out->next_schema_count = count ? count - 1 : 0;
    const char **next = ARENA_NEW_ARRAY(d->arena, const char *, count + 1);
    for (int i = 1; i < count; i++)
        next[i - 1] = arena_strdup(d->arena, PQgetvalue(path, i, 0));
    out->next_schemas = next;
    PQclear(path);
    return STATUS_OK;
}

static Status read_catalog(Describer *d, TableList *out, Error *err) {
    TRY(load_types(d, err));
    TRY(read_search_path(d, out, err));
    TRY(pgconn_exec(d->conn, tables_query, NULL, 0, &d->limit, &d->tables, err));
    TRY(pgconn_exec(d->conn, columns_query, NULL, 0, &d->limit, &d->columns, err));
    TRY(pgconn_exec(d->conn, keys_query, NULL, 0, &d->limit, &d->keys, err));
    TRY(pgconn_exec(d->conn, pgstatistics_query, NULL, 0, &d->limit, &d->statistics, err));
    return pgconn_exec(d->conn, functions_query, NULL, 0, &d->limit, &d->functions, err);
}

/* Rows [*at, return) of `result` belong to the table; *at is moved to the first of them. Both ascend by OID.
 */
static int rows_of(const PGresult *result, uint32_t oid, int *at) {
    while (*at < PQntuples(result) && oid_at(result, *at, 0) < oid)
        ++*at;
    int end = *at;
    while (end < PQntuples(result) && oid_at(result, end, 0) == oid)
        end++;
    return end;
}

/* Columns come in the order of the statistics, some of which are missing. */
static const ColumnValues *values_of(Describer *d, int row, SqlType type) {
    uint32_t oid = oid_at(d->columns, row, 0);
    int number = atoi(PQgetvalue(d->columns, row, 5));
    for (; d->statistics_at < PQntuples(d->statistics); d->statistics_at++) {
        uint32_t at = oid_at(d->statistics, d->statistics_at, 0);
        int column = atoi(PQgetvalue(d->statistics, d->statistics_at, 1));
        if (at == oid && column == number)
            return pgstatistics_read(d->statistics, d->statistics_at, type, d->arena);
        if (at > oid || (at == oid && column > number)) break;
    }
    return NULL;
}

static void fill_column(Describer *d, ColumnDesc *column, int row, double row_estimate) {
    char name[SQLTYPE_NAME_BYTES];
    column->name = arena_strdup(d->arena, PQgetvalue(d->columns, row, 1));
    uint32_t oid = oid_at(d->columns, row, 2);
    pgtypes_resolve(&d->engine->types, oid, atoi(PQgetvalue(d->columns, row, 3)), &column->type, name);
    column->type_name = arena_strdup(d->arena, name);
    column->nullable = !is_true(d->columns, row, 4);
    column->distinct = -1;
    column->values = values_of(d, row, column->type);
    if (PQgetisnull(d->columns, row, 6)) return;
    double distinct = strtod(PQgetvalue(d->columns, row, 6), NULL);
    if (distinct > 0)
        column->distinct = distinct;
    else if (distinct < 0 && row_estimate >= 0)
        column->distinct = -distinct * row_estimate; /* a share of the rows */
}

static void fill_key(Describer *d, KeyDesc *key, int row, int first_column, int end_column) {
    key->name = arena_strdup(d->arena, PQgetvalue(d->keys, row, 1));
    key->unique = is_true(d->keys, row, 2);
    key->primary = is_true(d->keys, row, 3);
    const char *numbers = PQgetvalue(d->keys, row, 4);
    int *columns = ARENA_NEW_ARRAY(d->arena, int, 33);
    for (char *end; key->column_count < 32; numbers = end) {
        long number = strtol(numbers, &end, 10);
        if (end == numbers) break;
        int index = -1;
        for (int c = first_column; c < end_column; c++)
            if (number > 0 && atol(PQgetvalue(d->columns, c, 5)) == number) index = c - first_column;
        columns[key->column_count++] = index;
    }
    key->columns = columns;
}

static void fill_table(Describer *d, TableDesc *table, int row, int *column_at, int *key_at) {
    uint32_t oid = oid_at(d->tables, row, 0);
    int column_end = rows_of(d->columns, oid, column_at);
    int key_end = rows_of(d->keys, oid, key_at);
    table->schema = arena_strdup(d->arena, PQgetvalue(d->tables, row, 1));
    table->name = arena_strdup(d->arena, PQgetvalue(d->tables, row, 2));
    char relkind = PQgetvalue(d->tables, row, 3)[0];
    table->kind = kind_name(relkind);
    table->row_estimate = relkind == 'v' ? -1 : strtod(PQgetvalue(d->tables, row, 4), NULL);
    table->bytes = strtoll(PQgetvalue(d->tables, row, 5), NULL, 10);
    table->is_volatile = is_true(d->tables, row, 6);
    table->has_triggers = is_true(d->tables, row, 7);
    if (table->row_estimate < 0 && relkind == 'r') /* never analysed: as the planner guesses, from the size */
        table->row_estimate = (double)(table->bytes / 64);
    ColumnDesc *columns = ARENA_NEW_ARRAY(d->arena, ColumnDesc, column_end - *column_at + 1);
    for (int c = *column_at; c < column_end; c++)
        fill_column(d, &columns[table->column_count++], c, table->row_estimate);
    table->columns = columns;
    KeyDesc *keys = ARENA_NEW_ARRAY(d->arena, KeyDesc, key_end - *key_at + 1);
    for (int k = *key_at; k < key_end; k++)
        fill_key(d, &keys[table->key_count++], k, *column_at, column_end);
    table->keys = keys;
    *column_at = column_end;
    *key_at = key_end;
}

static const FunctionDesc *fill_functions(Describer *d, int *count) {
    *count = PQntuples(d->functions);
    FunctionDesc *functions = ARENA_NEW_ARRAY(d->arena, FunctionDesc, *count + 1);
    for (int i = 0; i < *count; i++) {
        bool built_in = PQgetisnull(d->functions, i, 0);
        functions[i] =
            (FunctionDesc){.schema = built_in ? NULL : arena_strdup(d->arena, PQgetvalue(d->functions, i, 0)),
                           .name = arena_strdup(d->arena, PQgetvalue(d->functions, i, 1)),
                           .volatility = PQgetvalue(d->functions, i, 2)[0]};
    }
    return functions;
}

Status pgengine_describe(Engine *base, Arena *arena, TableList *out, Error *err) {
    enum { DESCRIBE_LIMIT_SECONDS = 60 };
    Describer d = {.engine = pgengine_of(base), .arena = arena};
    memset(out, 0, sizeof *out);
    cancel_init(&d.limit, clock_now_ns() + (int64_t)DESCRIBE_LIMIT_SECONDS * 1000000000);
    TRY(pgengine_acquire(d.engine, true, &d.limit, &d.conn, err));
    Status status = read_catalog(&d, out, err);
    pgengine_give_back(d.engine, d.conn);
    if (status == STATUS_OK) {
        out->count = PQntuples(d.tables);
        out->tables = ARENA_NEW_ARRAY(arena, TableDesc, out->count + 1);
        int column_at = 0, key_at = 0;
        for (int i = 0; i < out->count; i++)
            fill_table(&d, &out->tables[i], i, &column_at, &key_at);
        out->functions = fill_functions(&d, &out->function_count);
    }
    PQclear(d.tables);
    PQclear(d.columns);
    PQclear(d.keys);
    PQclear(d.functions);
    PQclear(d.statistics);
    return status;
}

Status pgengine_schemas(Engine *base, Arena *arena, const char ***names, int *count, Error *err) {
    enum { SCHEMAS_LIMIT_SECONDS = 10 }; /* of a server that hangs */
    PgEngine *engine = pgengine_of(base);
    PgConn *conn;
    PGresult *rows = NULL;
    CancelToken limit;
    cancel_init(&limit, clock_now_ns() + (int64_t)SCHEMAS_LIMIT_SECONDS * 1000000000);
    TRY(pgengine_acquire(engine, true, &limit, &conn, err));
    Status status = pgconn_exec(conn,
                                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> "
                                "'information_schema' ORDER BY nspname COLLATE \"C\"",
                                NULL, 0, &limit, &rows, err);
    *count = status == STATUS_OK ? PQntuples(rows) : 0;
    *names = ARENA_NEW_ARRAY(arena, const char *, *count + 1);
    for (int i = 0; i < *count; i++)
        (*names)[i] = arena_strdup(arena, PQgetvalue(rows, i, 0));
    PQclear(rows);
    pgengine_give_back(engine, conn);
    return status;
}
