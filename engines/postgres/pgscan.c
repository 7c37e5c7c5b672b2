#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "engines/base/strbuf.h"
#include "engines/postgres/pgstream.h"

enum { MAX_SCAN_PARAMS = 2048 };

typedef struct ScanText {
    StrBuf sql;
    const Param *params[MAX_SCAN_PARAMS];
    int param_count;
    int condition_count;
} ScanText;

/* Columns whose values compare here as they do in every engine. Not float4: whether 0.1 is rounded to it
 * before it is compared depends on the statement, which is not seen here. */
static bool comparable(const ColumnDesc *column) {
    return !column->type.is_array && column->type.id != SQL_OTHER && column->type.id != SQL_JSON &&
           column->type.id != SQL_JSONB && column->type.id != SQL_OID && column->type.id != SQL_FLOAT4 &&
           column->type.id != SQL_RECORD && column->type.id != SQL_INVALID;
}

static const char *operator_text(ScanOp op) {
    switch (op) {
    case SCAN_EQ: return "=";
    case SCAN_NE: return "<>";
    case SCAN_LT: return "<";
    case SCAN_LE: return "<=";
    case SCAN_GT: return ">";
    case SCAN_GE: return ">=";
    default: return NULL;
    }
}

/* The parameter with the column's type, but never with its length or scale: a cast to varchar(3) would cut.
 */
static void append_param(ScanText *text, const ColumnDesc *column, const Param *param) {
    SqlType type = column->type;
    type.precision = type.scale = 0;
    char name[SQLTYPE_NAME_BYTES];
    const char *type_name = sqltype_short_name(type, name);
    /* A number of another kind than the column's (int4 = 1.5, int2 = 100000) must compare, not fail to be
     * read. */
    bool whole =
        strspn(param->text ? param->text : "", "-0123456789") == param->length && param->length <= 18;
    if (sqltype_is_integer(type))
        type_name = param->kind == PARAM_NULL || whole ? "int8" : "numeric";
    else if (type.id == SQL_VARCHAR || type.id == SQL_NAME)
        type_name = "text";
    text->params[text->param_count++] = param;
    strbuf_printf(&text->sql, "$%d::%s", text->param_count, type_name);
}

static void append_column(ScanText *text, const ColumnDesc *column, ScanOp op) {
    strbuf_append_identifier(&text->sql, column->name, '"');
    if (sqltype_is_text(column->type) && op != SCAN_IS_NULL && op != SCAN_IS_NOT_NULL && op != SCAN_EQ &&
        op != SCAN_NE && op != SCAN_IN)
        strbuf_append_text(&text->sql, " COLLATE \"C\"");
}

/* Equality under a nondeterministic collation could differ from byte equality; ordering under "C" cannot. */
static bool append_filter(ScanText *text, const TableDesc *table, const ScanFilter *filter) {
    const ColumnDesc *column = &table->columns[filter->column];
    bool null_test = filter->op == SCAN_IS_NULL || filter->op == SCAN_IS_NOT_NULL;
    if (!null_test && (!comparable(column) || filter->value_count < 1)) return false;
    if (text->param_count + filter->value_count > MAX_SCAN_PARAMS) return false;
    for (int i = 0; i < filter->value_count; i++)
        if (filter->values[i].kind != PARAM_NULL &&
            memchr(filter->values[i].text, 0, filter->values[i].length))
            return false;
    strbuf_append_text(&text->sql, text->condition_count++ ? " AND " : " WHERE ");
    append_column(text, column, filter->op);
    if (null_test) {
        strbuf_append_text(&text->sql, filter->op == SCAN_IS_NULL ? " IS NULL" : " IS NOT NULL");
        return true;
    }
    if (filter->op != SCAN_IN) {
        strbuf_printf(&text->sql, " %s ", operator_text(filter->op));
        append_param(text, column, &filter->values[0]);
        return true;
    }
    strbuf_append_text(&text->sql, " IN (");
    for (int i = 0; i < filter->value_count; i++) {
        if (i) strbuf_append_char(&text->sql, ',');
        append_param(text, column, &filter->values[i]);
    }
    strbuf_append_char(&text->sql, ')');
    return true;
}

static uint64_t write_query(ScanText *text, const ScanRequest *request) {
    uint64_t applied = 0;
    const TableDesc *table = request->table;
    strbuf_append_text(&text->sql, "SELECT ");
    for (int i = 0; i < request->column_count; i++) {
        if (i) strbuf_append_char(&text->sql, ',');
        strbuf_append_identifier(&text->sql, table->columns[request->columns[i]].name, '"');
    }
    strbuf_append_text(&text->sql, " FROM ");
    strbuf_append_identifier(&text->sql, table->schema, '"');
    strbuf_append_char(&text->sql, '.');
    strbuf_append_identifier(&text->sql, table->name, '"');
    for (int i = 0; i < request->filter_count && i < 64; i++)
        if (append_filter(text, table, &request->filters[i])) applied |= (uint64_t)1 << i;
    bool all_applied =
        applied == (request->filter_count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << request->filter_count) - 1);
    if (request->row_limit > 0 && all_applied) /* a limit before the caller's own filters would lose rows */
        strbuf_printf(&text->sql, " LIMIT %lld", (long long)request->row_limit);
    return applied;
}

Status pgscan_scan(Engine *base, const ScanRequest *request, Execution *execution, ArrowArrayStream *out,
                   uint64_t *applied, Error *err) {
    ScanText *text = calloc(1, sizeof *text);
    if (!text) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "no memory for a scan");
    strbuf_init(&text->sql);
    *applied = write_query(text, request);
    const char *sql = strbuf_text(&text->sql);
    PgRun run = {.text = {.sql = sql, .hash = hash64_bytes(sql, text->sql.length, 0)},
                 .params = text->params,
                 .param_count = text->param_count,
                 .read_only = true,
                 .session = request->table->is_volatile,
                 .part_of_another = true};
    Status status = pgstream_start(pgengine_of(base), &run, execution, out, err);
    strbuf_deinit(&text->sql);
    free(text);
    return status;
}
