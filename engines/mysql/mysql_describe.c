#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/mysql/mysql_engine.h"

/* Three questions to information_schema, each one sorted by table, merged as they come. */
static const char tables_sql[] = "SELECT table_schema, table_name, table_type, COALESCE(table_rows, -1), "
                                 "COALESCE(data_length + index_length, -1)"
                                 " FROM information_schema.tables WHERE table_schema NOT IN ('mysql', "
                                 "'information_schema', 'performance_schema', 'sys')"
                                 " ORDER BY BINARY table_schema, BINARY table_name";
static const char columns_sql[] =
    "SELECT table_schema, table_name, column_name, data_type, column_type, is_nullable, "
    "COALESCE(character_maximum_length, 0),"
    " COALESCE(numeric_precision, 0), COALESCE(numeric_scale, 0), COALESCE(collation_name, '')"
    " FROM information_schema.columns WHERE table_schema NOT IN ('mysql', 'information_schema', "
    "'performance_schema', 'sys')"
    " ORDER BY BINARY table_schema, BINARY table_name, ordinal_position";
static const char keys_sql[] =
    "SELECT table_schema, table_name, index_name, non_unique, column_name, COALESCE(cardinality, -1)"
    " FROM information_schema.statistics WHERE table_schema NOT IN ('mysql', 'information_schema', "
    "'performance_schema', 'sys')"
    " ORDER BY BINARY table_schema, BINARY table_name, BINARY index_name, seq_in_index";

typedef struct Description {
    Arena *arena;
    TableDesc *tables;
    int table_count, table_capacity;
    ColumnDesc *columns; /* of the table being filled */
    int column_capacity;
    char **noted;
    int noted_count, noted_capacity;
    int at; /* table that the current row belongs to, at or after this */
} Description;

static void *grow(Arena *arena, void *old, int count, int *capacity, size_t bytes) {
    if (count < *capacity) return old;
    *capacity = *capacity ? *capacity * 2 : 16;
    void *grown = arena_zalloc(arena, bytes * (size_t)*capacity);
    if (count) memcpy(grown, old, bytes * (size_t)count);
    return grown;
}

static void read_table(Description *d, MYSQL_ROW row) {
    d->tables = grow(d->arena, d->tables, d->table_count, &d->table_capacity, sizeof *d->tables);
    TableDesc *table = &d->tables[d->table_count++];
    table->schema = arena_strdup(d->arena, row[0]);
    table->name = arena_strdup(d->arena, row[1]);
    table->kind = strstr(row[2], "VIEW") ? "view" : "table";
    table->row_estimate = atof(row[3]);
    table->bytes = atoll(row[4]);
}

static TableDesc *table_of(Description *d, const char *schema, const char *name) {
    for (; d->at < d->table_count; d->at++)
        if (!strcmp(d->tables[d->at].schema, schema) && !strcmp(d->tables[d->at].name, name))
            return &d->tables[d->at];
    d->at = 0; /* an object that came between the questions */
    for (int i = 0; i < d->table_count; i++)
        if (!strcmp(d->tables[i].schema, schema) && !strcmp(d->tables[i].name, name)) return &d->tables[i];
    return NULL;
}

SqlType mysql_column_type(const char *data_type, const char *full_type, int length, int precision,
                          int scale) {
    bool is_unsigned = strstr(full_type, "unsigned") != NULL;
    static const struct {
        const char *name;
        SqlTypeId id, unsigned_id;
    } plain[] = {
        {"tinyint", SQL_INT2, SQL_INT2},
        {"smallint", SQL_INT2, SQL_INT4},
        {"mediumint", SQL_INT4, SQL_INT4},
        {"int", SQL_INT4, SQL_INT8},
        {"bigint", SQL_INT8, SQL_NUMERIC},
        {"float", SQL_FLOAT4, SQL_FLOAT4},
        {"double", SQL_FLOAT8, SQL_FLOAT8},
        {"date", SQL_DATE, SQL_DATE},
        {"datetime", SQL_TIMESTAMP, SQL_TIMESTAMP},
        {"timestamp", SQL_TIMESTAMPTZ, SQL_TIMESTAMPTZ},
        {"time", SQL_INTERVAL, SQL_INTERVAL},
        {"year", SQL_INT2, SQL_INT2},
        {"json", SQL_JSON, SQL_JSON},
        {"enum", SQL_TEXT, SQL_TEXT},
        {"set", SQL_TEXT, SQL_TEXT},
        {"uuid", SQL_TEXT, SQL_TEXT},
    };
    if (!strcmp(full_type, "tinyint(1)")) return sqltype_of(SQL_BOOL);
    if (!strcmp(data_type, "decimal"))
        return precision <= NUMERIC_MAX_PRECISION ? sqltype_numeric(precision, scale)
                                                  : sqltype_of(SQL_NUMERIC);
    if (!strcmp(data_type, "bigint") && is_unsigned) return sqltype_numeric(20, 0);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (!strcmp(data_type, plain[i].name))
            return sqltype_of(is_unsigned ? plain[i].unsigned_id : plain[i].id);
    bool is_char = !strcmp(data_type, "char") || !strcmp(data_type, "varchar");
    if (is_char && length > 0 &&
        length <= INT16_MAX) /* CHAR too: MySQL drops its padding, as varchar never had any */
        return (SqlType){.id = SQL_VARCHAR, .precision = (int16_t)length};
    if (is_char || strstr(data_type, "text") || !strncmp(data_type, "inet", 4)) return sqltype_of(SQL_TEXT);
    return sqltype_of(SQL_BYTEA);
}

static void read_column(Description *d, MYSQL_ROW row) {
    TableDesc *table = table_of(d, row[0], row[1]);
    if (!table) return;
    int count = table->column_count;
    if ((count & (count - 1)) == 0 || count == 0) {
        ColumnDesc *grown = ARENA_NEW_ARRAY(d->arena, ColumnDesc, count ? count * 2 : 1);
        if (count) memcpy(grown, table->columns, sizeof *grown * (size_t)count);
        table->columns = grown;
    }
    ColumnDesc *column = &((ColumnDesc *)table->columns)[table->column_count++];
    char name[SQLTYPE_NAME_BYTES];
    column->name = arena_strdup(d->arena, row[2]);
    column->type = mysql_column_type(row[3], row[4], atoi(row[6]), atoi(row[7]), atoi(row[8]));
    column->type_name = arena_strdup(d->arena, sqltype_short_name(column->type, name));
    column->nullable = !strcmp(row[5], "YES");
    column->distinct = -1;
    bool is_listed = !strcmp(row[3], "enum") || !strcmp(row[3], "set"); /* sorted by position, not by text */
    bool exact = !is_listed && (strstr(row[9], "nopad_bin") || !strcmp(row[9], "utf8mb4_0900_bin"));
    bool is_year = !strcmp(row[3], "year");
    if (!exact && !is_year) return;
    d->noted = grow(d->arena, d->noted, d->noted_count, &d->noted_capacity, sizeof *d->noted);
    d->noted[d->noted_count++] = is_year
                                     ? arena_printf(d->arena, MYSQL_CATALOG_YEAR, row[0], row[1], row[2])
                                     : arena_printf(d->arena, MYSQL_CATALOG_EXACT, row[0], row[1], row[2]);
}

static void read_key(Description *d, MYSQL_ROW row) {
    TableDesc *table = table_of(d, row[0], row[1]);
    if (!table) return;
    enum { MOST_KEYS = 64, MOST_COLUMNS = 16 };
    KeyDesc *keys = (KeyDesc *)table->keys;
    if (!keys) table->keys = keys = ARENA_NEW_ARRAY(d->arena, KeyDesc, MOST_KEYS);
    KeyDesc *key = table->key_count ? &keys[table->key_count - 1] : NULL;
    if (!key || strcmp(key->name, row[2]) != 0) {
        if (table->key_count == MOST_KEYS) return;
        key = &keys[table->key_count++];
        key->name = arena_strdup(d->arena, row[2]);
        key->unique = row[3][0] == '0';
        key->primary = !strcmp(row[2], "PRIMARY");
        key->columns = ARENA_NEW_ARRAY(d->arena, int, MOST_COLUMNS);
    }
    if (key->column_count == MOST_COLUMNS) return;
    int found = -1;
    for (int i = 0; row[4] && i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, row[4])) found = i;
    ColumnDesc *column = found < 0 ? NULL : &((ColumnDesc *)table->columns)[found];
    double distinct = atof(row[5]); /* of the key up to here: of the column itself when it is the first */
    if (column && key->column_count == 0 && distinct > 0) column->distinct = distinct;
    ((int *)key->columns)[key->column_count++] = found;
}

static Status ask(MysqlCall *call, const char *sql, void (*read)(Description *, MYSQL_ROW), Description *d,
                  Error *err) {
    TRY(mysql_call_query(call, sql, err));
    MYSQL_RES *rows = mysql_store_result(call->connection->mysql);
    if (!rows) return mysql_call_error(call, NULL, err);
    d->at = 0;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
        read(d, row);
    mysql_free_result(rows);
    return STATUS_OK;
}

static Status describe_once(MysqlCall *call, Description *d, Error *err) {
    TRY(ask(call, tables_sql, read_table, d, err));
    TRY(ask(call, columns_sql, read_column, d, err));
    return ask(call, keys_sql, read_key, d, err);
}

Status mysql_describe(Engine *base, Arena *arena, TableList *out, Error *err) {
    enum { DESCRIBE_LIMIT_SECONDS = 60 };
    MysqlEngine *engine = (MysqlEngine *)base;
    CancelToken limit;
    cancel_init(&limit, clock_now_ns() + (int64_t)DESCRIBE_LIMIT_SECONDS * 1000000000);
    for (int attempt = 0;; attempt++) {
        MysqlCall call = {.pool = &engine->pool, .cancel = &limit};
        Description description = {.arena = arena};
        TRY(mysql_pool_take(&engine->pool, &limit, &call.connection, err));
        Status status = describe_once(&call, &description, err);
        bool stale = call.connection->broken && !call.connection->fresh;
        mysql_pool_give(&engine->pool, call.connection);
        if (status != STATUS_OK && stale && attempt <= engine->config.max_connections &&
            !cancel_is_requested(&limit))
            continue;
        TRY(status);
        mysql_catalog_replace(&engine->catalog, description.noted, description.noted_count);
        *out = (TableList){.tables = description.tables,
                           .count = description.table_count,
                           .default_schema = arena_strdup(arena, engine->config.database)};
        return STATUS_OK;
    }
}
