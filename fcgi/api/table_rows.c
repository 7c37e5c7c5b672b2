/* GET /api/v1/tables/{t}/rows: by key, by time range, by words, the most recent. A SELECT made here goes the
 * way of /query, so that formats, limits and streaming are its own. */
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/api_internal.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_answer.h"
#include "fcgi/api/table_target.h"

enum { MAX_PARAMS = 64, DEFAULT_LIMIT = 100, MAX_WORDS = 16 };

typedef struct RowsRequest {
    Exchange *exchange;
    TableTarget target;
    StrBuf sql;
    Param params[MAX_PARAMS];
    int param_count;
    bool has_condition;
} RowsRequest;

static const ColumnDesc *find_column(const TableDesc *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, name)) return &table->columns[i];
    return NULL;
}

static Status named_column(const RowsRequest *request, const char *name, const ColumnDesc **out, Error *err) {
    *out = find_column(request->target.desc, name);
    if (*out) return STATUS_OK;
    return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "table \"%.200s\" has no column \"%.200s\"",
                     request->target.name, name);
}

/* The primary key of one column, else another unique one, else what is called "id". */
static const ColumnDesc *key_column(const TableDesc *table) {
    const ColumnDesc *unique = NULL;
    for (int i = 0; i < table->key_count; i++) {
        const KeyDesc *key = &table->keys[i];
        if (key->column_count != 1 || key->columns[0] < 0) continue;
        if (key->primary) return &table->columns[key->columns[0]];
        if (key->unique && !unique) unique = &table->columns[key->columns[0]];
    }
    return unique ? unique : find_column(table, "id");
}

static bool is_time(SqlType type) {
    return type.id == SQL_TIMESTAMP || type.id == SQL_TIMESTAMPTZ || type.id == SQL_DATE;
}

static const ColumnDesc *time_column(const TableDesc *table) {
    const ColumnDesc *found = NULL;
    for (int i = 0; i < table->column_count; i++) {
        const ColumnDesc *column = &table->columns[i];
        if (is_time(column->type) && (!found || (found->type.id == SQL_DATE && column->type.id != SQL_DATE)))
            found = column;
    }
    return found;
}

/* ---- the statement ---------------------------------------------------------------------------------------
 */

static void append_parameter(RowsRequest *request, const char *text) {
    request->params[request->param_count++] =
        (Param){.kind = PARAM_TEXT, .text = text, .length = strlen(text)};
    strbuf_printf(&request->sql, "$%d", request->param_count);
}

static void begin_condition(RowsRequest *request) {
    strbuf_append_text(&request->sql, request->has_condition ? " AND " : " WHERE ");
    request->has_condition = true;
}

static void append_comparison(RowsRequest *request, const ColumnDesc *column, const char *comparison,
                              const char *value) {
    begin_condition(request);
    strbuf_append_identifier(&request->sql, column->name, '"');
    strbuf_append_text(&request->sql, comparison);
    append_parameter(request, value);
}

static Status append_key(RowsRequest *request, const char *column_name, bool has_range, Error *err) {
    const char *id = exchange_query_value(request->exchange, "id");
    const ColumnDesc *column = NULL;
    if (!id) return STATUS_OK;
    if (column_name && !has_range)
        TRY(named_column(request, column_name, &column, err));
    else
        column = key_column(request->target.desc);
    if (!column)
        return error_set(
            err, SQLSTATE_INVALID_PARAMETER,
            "table \"%.200s\" has no key of one column: name one with column=", request->target.name);
    append_comparison(request, column, " = ", id);
    return STATUS_OK;
}

static Status time_of(const RowsRequest *request, const char *column_name, const ColumnDesc **out,
                      Error *err) {
    if (column_name) return named_column(request, column_name, out, err);
    *out = time_column(request->target.desc);
    if (*out) return STATUS_OK;
    return error_set(
        err, SQLSTATE_INVALID_PARAMETER,
        "table \"%.200s\" has no column of a date or time: name one with column=", request->target.name);
}

static Status append_range(RowsRequest *request, const char *column_name, const char *from, const char *to,
                           Error *err) {
    const ColumnDesc *column;
    if (!from && !to) return STATUS_OK;
    TRY(time_of(request, column_name, &column, err));
    if (from) append_comparison(request, column, " >= ", from);
    if (to) append_comparison(request, column, " < ", to);
    return STATUS_OK;
}

static bool is_word_byte(unsigned char c) {
    return c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* One word stands whole in some text column. */
static void append_word(RowsRequest *request, const char *word, size_t length) {
    const TableDesc *table = request->target.desc;
    bool columnar = !strcmp(request->target.engine->ops->kind, "columnar");
    const char *pattern = columnar ? arena_strndup(&request->exchange->arena, word, length)
                                   : arena_printf(&request->exchange->arena,
                                                  "(^|[^[:alnum:]])%.*s($|[^[:alnum:]])", (int)length, word);
    request->params[request->param_count++] =
        (Param){.kind = PARAM_TEXT, .text = pattern, .length = strlen(pattern)};
    begin_condition(request);
    for (int i = 0, shown = 0; i < table->column_count; i++) {
        if (!sqltype_is_text(table->columns[i].type)) continue;
        strbuf_append_text(&request->sql, shown++ ? " OR " : "(");
        strbuf_append_text(&request->sql, columnar ? "search(" : "");
        strbuf_append_identifier(&request->sql, table->columns[i].name, '"');
        strbuf_printf(&request->sql, columnar ? ", $%d)" : " ~* $%d", request->param_count);
    }
    strbuf_append_char(&request->sql, ')');
}

static Status append_words(RowsRequest *request, Error *err) {
    const char *q = exchange_query_value(request->exchange, "q");
    const TableDesc *table = request->target.desc;
    int words = 0, texts = 0;
    if (!q) return STATUS_OK;
    for (int i = 0; i < table->column_count; i++)
        texts += sqltype_is_text(table->columns[i].type);
    if (!texts)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "table \"%.200s\" has no text columns to search",
                         request->target.name);
    for (size_t length; *q; q += length ? length : 1) {
        for (length = 0; is_word_byte((unsigned char)q[length]);)
            length++;
        if (!length) continue;
        if (++words > MAX_WORDS)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "\"q\" has more than %d words", MAX_WORDS);
        append_word(request, q, length);
    }
    return words ? STATUS_OK : error_set(err, SQLSTATE_INVALID_PARAMETER, "\"q\" has no word");
}

/* "recent", or a column with an optional ".asc" or ".desc". */
static Status append_order(RowsRequest *request, const char *range_column, Error *err) {
    const char *order = exchange_query_value(request->exchange, "order");
    const ColumnDesc *column = NULL;
    bool descending = false;
    if (!order) return STATUS_OK;
    if (!strcmp(order, "recent")) {
        TRY(time_of(request, range_column, &column, err));
        descending = true;
    } else {
        size_t length = strlen(order);
        char *name = arena_strdup(&request->exchange->arena, order);
        descending = length > 5 && !strcmp(order + length - 5, ".desc");
        if (descending) name[length - 5] = 0;
        if (length > 4 && !strcmp(order + length - 4, ".asc")) name[length - 4] = 0;
        TRY(named_column(request, name, &column, err));
    }
    strbuf_append_text(&request->sql, " ORDER BY ");
    strbuf_append_identifier(&request->sql, column->name, '"');
    strbuf_append_text(&request->sql, descending ? " DESC NULLS LAST" : "");
    return STATUS_OK;
}

static Status read_count(Exchange *exchange, const char *name, int64_t missing, int64_t *out, Error *err) {
    const char *text = exchange_query_value(exchange, name);
    char *end;
    *out = missing;
    if (!text) return STATUS_OK;
    size_t length = strlen(text);
    *out = strtoll(text, &end, 10);
    if (length > 0 && length <= 15 && !*end && text[0] >= '0' && text[0] <= '9') return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must be a number of rows", name);
}

static Status make_statement(RowsRequest *request, int64_t *limit, Error *err) {
    Exchange *exchange = request->exchange;
    const char *column = exchange_query_value(exchange, "column");
    const char *from = exchange_query_value(exchange, "from"), *to = exchange_query_value(exchange, "to");
    bool by_key = exchange_query_value(exchange, "id") != NULL, has_range = from || to;
    int64_t offset;
    strbuf_append_text(&request->sql, "SELECT * FROM ");
    table_target_append_name(&request->sql, &request->target);
    TRY(append_key(request, column, has_range, err));
    TRY(append_range(request, column, from, to, err));
    TRY(append_words(request, err));
    TRY(append_order(request, by_key && !has_range ? NULL : column, err));
    TRY(read_count(exchange, "limit", DEFAULT_LIMIT, limit, err));
    TRY(read_count(exchange, "offset", 0, &offset, err));
    strbuf_printf(&request->sql, " LIMIT %lld OFFSET %lld", (long long)*limit, (long long)offset);
    return STATUS_OK;
}

void table_rows_handle(Api *api, Exchange *exchange, char *const *arguments) {
    RowsRequest *request = ARENA_NEW(&exchange->arena, RowsRequest);
    *request = (RowsRequest){.exchange = exchange};
    Error err = {0};
    int64_t limit = 0;
    strbuf_init(&request->sql);
    Status status = table_target_find(api, exchange, arguments[0], exchange_query_value(exchange, "engine"),
                                      &request->target, &err);
    bool missing = status == STATUS_OK && !request->target.exists;
    if (status == STATUS_OK && !missing) status = make_statement(request, &limit, &err);
    const char *sql = arena_strdup(&exchange->arena, strbuf_text(&request->sql));
    strbuf_deinit(&request->sql);
    if (missing) {
        table_target_reply_missing(exchange, arguments[0]);
    } else if (status != STATUS_OK) {
        problem_reply(exchange, 0, &err);
    } else {
        QueryBody body = {.sql = sql,
                          .sql_bytes = strlen(sql),
                          .engine = request->target.engine->name,
                          .params = request->params,
                          .param_count = request->param_count,
                          .max_rows = limit > 0 ? limit : 1};
        query_run_on_worker(api, exchange, &body);
    }
}
