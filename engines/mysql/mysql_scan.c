#include <string.h>

#include "engines/base/strbuf.h"
#include "engines/mysql/mysql_engine.h"

static const char *operator_of(ScanOp op) {
    static const char *const texts[] = {"=", "<>", "<", "<=", ">", ">="};
    return op <= SCAN_GE ? texts[op] : "";
}

/* Types whose comparison with a parameter means the same there and here. */
static bool can_apply(MysqlEngine *engine, const ScanRequest *request, const ScanFilter *filter) {
    const ColumnDesc *column = &request->table->columns[filter->column];
    if (filter->op == SCAN_IS_NULL || filter->op == SCAN_IS_NOT_NULL) return true;
    if (sqltype_is_text(column->type))
        return mysql_catalog_is_exact(&engine->catalog, request->table->schema, request->table->name,
                                      column->name);
    if (mysql_catalog_is_year(&engine->catalog, request->table->schema, request->table->name, column->name))
        return false;
    return sqltype_is_integer(column->type) || sqltype_is(column->type, SQL_NUMERIC) ||
           sqltype_is(column->type, SQL_DATE) || sqltype_is(column->type, SQL_TIMESTAMP);
}

static void append_filter(StrBuf *sql, const ScanRequest *request, const ScanFilter *filter) {
    strbuf_append_identifier(sql, request->table->columns[filter->column].name, '`');
    if (filter->op == SCAN_IS_NULL || filter->op == SCAN_IS_NOT_NULL) {
        strbuf_append_text(sql, filter->op == SCAN_IS_NULL ? " IS NULL" : " IS NOT NULL");
        return;
    }
    if (filter->op != SCAN_IN) {
        strbuf_printf(sql, " %s ?", operator_of(filter->op));
        return;
    }
    strbuf_append_text(sql, " IN (");
    for (int i = 0; i < filter->value_count; i++)
        strbuf_append_text(sql, i ? ", ?" : "?");
    strbuf_append_char(sql, ')');
}

static void append_columns(StrBuf *sql, const ScanRequest *request) {
    for (int i = 0; i < request->column_count; i++) {
        if (i) strbuf_append_text(sql, ", ");
        strbuf_append_identifier(sql, request->table->columns[request->columns[i]].name, '`');
    }
    if (!request->column_count) strbuf_append_text(sql, "1");
}

Status mysql_scan(Engine *base, const ScanRequest *request, Execution *execution, ArrowArrayStream *out,
                  uint64_t *applied, Error *err) {
    MysqlEngine *engine = (MysqlEngine *)base;
    Arena arena;
    StrBuf sql;
    arena_init(&arena);
    strbuf_init(&sql);
    int value_count = 0, param_count = 0;
    for (int i = 0; i < request->filter_count; i++)
        value_count += request->filters[i].value_count;
    Param *params = ARENA_NEW_ARRAY(&arena, Param, value_count + 1);
    SqlType *types = ARENA_NEW_ARRAY(&arena, SqlType, value_count + 1);
    SqlType *wanted = ARENA_NEW_ARRAY(&arena, SqlType, request->column_count + 1);
    for (int i = 0; i < request->column_count; i++)
        wanted[i] = request->table->columns[request->columns[i]].type;

    strbuf_append_text(&sql, "SELECT ");
    append_columns(&sql, request);
    strbuf_append_text(&sql, " FROM ");
    strbuf_append_identifier(&sql, request->table->schema, '`');
    strbuf_append_char(&sql, '.');
    strbuf_append_identifier(&sql, request->table->name, '`');
    *applied = 0;
    for (int i = 0; i < request->filter_count && i < 64; i++) {
        const ScanFilter *filter = &request->filters[i];
        if (!can_apply(engine, request, filter)) continue;
        strbuf_append_text(&sql, *applied ? " AND " : " WHERE ");
        append_filter(&sql, request, filter);
        for (int j = 0; j < filter->value_count; j++) {
            params[param_count] = filter->values[j];
            types[param_count++] = request->table->columns[filter->column].type;
        }
        *applied |= UINT64_C(1) << i;
    }
    bool all_applied =
        *applied == (request->filter_count >= 64 ? UINT64_MAX : (UINT64_C(1) << request->filter_count) - 1);
    if (request->row_limit && all_applied) strbuf_printf(&sql, " LIMIT %lld", (long long)request->row_limit);
    Status status = mysql_run(engine, strbuf_text(&sql), params, types, NULL, param_count, wanted,
                              request->column_count, "SELECT", true, execution, out, err);
    strbuf_deinit(&sql);
    arena_deinit(&arena);
    return status;
}
