/* GET /api/v1/tables/{t}/profile: what stands in each column. One statement counts and bounds all columns,
 * one more each finds the distribution: twenty ranges of equal width of numbers and times, else the commonest
 * values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/api/decision_json.h"
#include "fcgi/api/own_statement.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/table_target.h"

enum { MAX_COLUMNS = 200, BUCKETS = 20, COMMONEST = 10, EXACT_ROWS = 100000 };

typedef enum ProfileKind { PROFILE_NUMBER, PROFILE_TIME, PROFILE_VALUE, PROFILE_OPAQUE } ProfileKind;

typedef struct Profile {
    Api *api;
    Exchange *exchange;
    TableTarget target;
    bool sketches; /* the engine counts distinct values approximately */
    const ColumnDesc *columns[MAX_COLUMNS];
    int column_count;
    StrBuf out;
} Profile;

static ProfileKind kind_of(SqlType type) {
    if (sqltype_is_integer(type)) return PROFILE_NUMBER;
    switch (type.id) {
    case SQL_NUMERIC:
    case SQL_FLOAT4:
    case SQL_FLOAT8: return PROFILE_NUMBER;
    case SQL_DATE:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return PROFILE_TIME;
    case SQL_TEXT:
    case SQL_VARCHAR:
    case SQL_BPCHAR:
    case SQL_BOOL:
    case SQL_UUID:
    case SQL_TIME: return PROFILE_VALUE;
    default: return PROFILE_OPAQUE;
    }
}

/* ---- statements ------------------------------------------------------------------------------------------
 */

/* The column as a number: seconds of times, the unit of their histogram. */
static void append_number(StrBuf *sql, const ColumnDesc *column) {
    bool time = kind_of(column->type) == PROFILE_TIME;
    strbuf_append_text(sql, time ? "extract(epoch FROM " : "");
    strbuf_append_identifier(sql, column->name, '"');
    strbuf_append_text(sql, time ? ")::float8" : "::float8");
}

static void append_overview(Profile *profile, StrBuf *sql) {
    strbuf_append_text(sql, "SELECT count(*)");
    for (int i = 0; i < profile->column_count; i++) {
        const ColumnDesc *column = profile->columns[i];
        ProfileKind kind = kind_of(column->type);
        StrBuf name;
        strbuf_init(&name);
        strbuf_append_identifier(&name, column->name, '"');
        strbuf_printf(sql, ", count(%s)", name.data);
        if (kind == PROFILE_OPAQUE)
            strbuf_append_text(sql, ", NULL, NULL, NULL");
        else if (column->type.id == SQL_BOOL || column->type.id == SQL_UUID)
            strbuf_printf(sql, ", count(DISTINCT %s), min(%s::text), max(%s::text)", name.data, name.data,
                          name.data);
        else
            strbuf_printf(sql, ", %s%s), min(%s), max(%s)",
                          profile->sketches ? "approx_count_distinct(" : "count(DISTINCT ", name.data,
                          name.data, name.data);
        if (kind == PROFILE_NUMBER || kind == PROFILE_TIME) {
            strbuf_append_text(sql, ", min(");
            append_number(sql, column);
            strbuf_append_text(sql, "), max(");
            append_number(sql, column);
            strbuf_append_char(sql, ')');
        } else {
            strbuf_append_text(sql, ", NULL, NULL");
        }
        strbuf_deinit(&name);
    }
    strbuf_append_text(sql, " FROM ");
    table_target_append_name(sql, &profile->target);
}

static void append_buckets(Profile *profile, StrBuf *sql, const ColumnDesc *column, const char *low,
                           const char *high) {
    strbuf_append_text(sql, "SELECT width_bucket(");
    append_number(sql, column);
    strbuf_printf(sql, ", '%s'::float8, '%s'::float8, %d), count(*) FROM ", low, high, BUCKETS);
    table_target_append_name(sql, &profile->target);
    strbuf_append_text(sql, " WHERE ");
    strbuf_append_identifier(sql, column->name, '"');
    strbuf_append_text(sql, " IS NOT NULL GROUP BY 1 ORDER BY 1");
}

static void append_commonest(Profile *profile, StrBuf *sql, const ColumnDesc *column) {
    strbuf_append_text(sql, "SELECT ");
    strbuf_append_identifier(sql, column->name, '"');
    strbuf_append_text(sql, "::text, count(*) FROM ");
    table_target_append_name(sql, &profile->target);
    strbuf_append_text(sql, " WHERE ");
    strbuf_append_identifier(sql, column->name, '"');
    strbuf_printf(sql, " IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %d", COMMONEST);
}

static Status run_sql(Profile *profile, StrBuf *sql, JsonNode **rows, Error *err) {
    OwnStatement statement = {.sql = strbuf_text(sql), .engine = profile->target.engine->name};
    Status status = own_statement_rows(profile->api, profile->exchange, &statement, rows, err);
    strbuf_deinit(sql);
    return status;
}

/* ---- answer ----------------------------------------------------------------------------------------------
 */

static void append_value(StrBuf *out, const char *name, const JsonNode *node) {
    strbuf_printf(out, ",\"%s\":", name);
    if (node->kind == JSON_STRING)
        strbuf_append_json(out, node->text, node->length);
    else if (node->kind == JSON_NUMBER)
        strbuf_append(out, node->text, node->length);
    else
        strbuf_append_text(out, node->kind == JSON_BOOL ? (node->boolean ? "true" : "false") : "null");
}

/* Bounds of bucket `index`; times as they are written. */
static void append_bound(StrBuf *out, const char *name, ProfileKind kind, double value) {
    strbuf_printf(out, ",\"%s\":", name);
    if (kind == PROFILE_NUMBER) {
        strbuf_printf(out, "%.15g", value);
        return;
    }
    char text[64];
    time_t seconds = (time_t)floor(value);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, sizeof text - length, ".%03dZ", (int)((value - floor(value)) * 1000));
    strbuf_append_json(out, text, strlen(text));
}

static Status append_histogram(Profile *profile, const ColumnDesc *column, const JsonNode *low_node,
                               const JsonNode *high_node, Error *err) {
    StrBuf sql, *out = &profile->out;
    JsonNode *rows;
    ProfileKind kind = kind_of(column->type);
    double low = strtod(low_node->text, NULL), high = strtod(high_node->text, NULL);
    int64_t counts[BUCKETS] = {0};
    if (!(low < high)) return STATUS_OK; /* one value, or infinite: nothing to divide */
    strbuf_init(&sql);
    append_buckets(profile, &sql, column, low_node->text, high_node->text);
    TRY(run_sql(profile, &sql, &rows, err));
    for (JsonNode *row = rows->children; row; row = row->next) {
        const JsonNode *number = row->children;
        if (row->child_count != 2 || number->kind != JSON_NUMBER) continue;
        long bucket = strtol(number->text, NULL, 10); /* the maximum itself is in the one behind the last */
        bucket = bucket < 1 ? 1 : bucket > BUCKETS ? BUCKETS : bucket;
        counts[bucket - 1] += strtoll(number->next->text, NULL, 10);
    }
    strbuf_append_text(out, ",\"histogram\":[");
    for (int i = 0; i < BUCKETS; i++) {
        strbuf_printf(out, "%s{\"count\":%lld", i ? "," : "", (long long)counts[i]);
        append_bound(out, "low", kind, low + (high - low) / BUCKETS * i);
        append_bound(out, "high", kind, i + 1 == BUCKETS ? high : low + (high - low) / BUCKETS * (i + 1));
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
    return STATUS_OK;
}

static Status append_top(Profile *profile, const ColumnDesc *column, Error *err) {
    StrBuf sql, *out = &profile->out;
    JsonNode *rows;
    strbuf_init(&sql);
    append_commonest(profile, &sql, column);
    TRY(run_sql(profile, &sql, &rows, err));
    strbuf_append_text(out, ",\"top\":[");
    for (JsonNode *row = rows->children; row; row = row->next) {
        if (row->child_count != 2) continue;
        strbuf_printf(out, "%s{\"count\":%s", row == rows->children ? "" : ",", row->children->next->text);
        append_value(out, "value", row->children);
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
    return STATUS_OK;
}

/* `cells`: not null, distinct, min, max, low and high as numbers. */
static Status append_column(Profile *profile, const ColumnDesc *column, int64_t rows, JsonNode *cells,
                            Error *err) {
    StrBuf *out = &profile->out;
    char scratch[SQLTYPE_NAME_BYTES];
    const char *type = column->type_name ? column->type_name : sqltype_short_name(column->type, scratch);
    ProfileKind kind = kind_of(column->type);
    JsonNode *distinct = cells->next, *low = distinct->next->next->next;
    strbuf_append_text(out, "{\"name\":");
    strbuf_append_json(out, column->name, strlen(column->name));
    strbuf_append_text(out, ",\"type\":");
    strbuf_append_json(out, type, strlen(type));
    strbuf_printf(out, ",\"nulls\":%lld", (long long)(rows - strtoll(cells->text, NULL, 10)));
    append_value(out, "distinct", distinct);
    append_value(out, "min", distinct->next);
    append_value(out, "max", distinct->next->next);
    bool numbers = low->kind == JSON_NUMBER && low->next->kind == JSON_NUMBER;
    if ((kind == PROFILE_NUMBER || kind == PROFILE_TIME) && numbers)
        TRY(append_histogram(profile, column, low, low->next, err));
    if (kind == PROFILE_VALUE && rows > 0) TRY(append_top(profile, column, err));
    strbuf_append_char(out, '}');
    return STATUS_OK;
}

static Status choose_columns(Profile *profile, Error *err) {
    const TableDesc *table = profile->target.desc;
    const char *wanted = exchange_query_value(profile->exchange, "column");
    for (int i = 0; i < table->column_count; i++) {
        if (wanted && strcmp(wanted, table->columns[i].name) != 0) continue;
        if (profile->column_count == MAX_COLUMNS) break;
        profile->columns[profile->column_count++] = &table->columns[i];
    }
    if (profile->column_count > 0) return STATUS_OK;
    return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "table \"%.200s\" has no column \"%.200s\"", table->name,
                     wanted ? wanted : "");
}

static Status make_profile(Profile *profile, Error *err) {
    StrBuf sql, *out = &profile->out;
    JsonNode *rows;
    int64_t started_ns = clock_now_ns();
    TRY(choose_columns(profile, err));
    strbuf_init(&sql);
    append_overview(profile, &sql);
    TRY(run_sql(profile, &sql, &rows, err));
    if (rows->child_count != 1 || rows->children->child_count != 1 + 6 * profile->column_count)
        return error_set(err, SQLSTATE_INTERNAL, "the overview of the table has another shape");
    JsonNode *cell = rows->children->children;
    int64_t row_count = strtoll(cell->text, NULL, 10);
    strbuf_append_text(out, "{\"table\":");
    strbuf_append_json(out, profile->target.name, strlen(profile->target.name));
    strbuf_printf(out, ",\"row_count\":%lld,\"distinct_is_exact\":%s,\"columns\":[", (long long)row_count,
                  profile->sketches ? "false" : "true");
    cell = cell->next;
    for (int i = 0; i < profile->column_count; i++) {
        strbuf_append_text(out, i ? ",\n" : "\n");
        TRY(append_column(profile, profile->columns[i], row_count, cell, err));
        for (int c = 0; c < 6; c++)
            cell = cell->next;
    }
    strbuf_append_text(out, "\n],\"duration\":");
    json_append_fixed(out, (double)(clock_now_ns() - started_ns) / 1e9, 6);
    strbuf_append_text(out, "}\n");
    return STATUS_OK;
}

void table_profile_handle(Api *api, Exchange *exchange, char *const *arguments) {
    Profile *profile = ARENA_NEW(&exchange->arena, Profile);
    *profile = (Profile){.api = api, .exchange = exchange};
    Error err = {0};
    strbuf_init(&profile->out);
    int64_t allowed_ns = (int64_t)atomic_load(&api->max_runtime_seconds) * 1000000000;
    cancel_lower_deadline(&exchange->cancel, exchange->received_ns + allowed_ns);
    Status status = table_target_find(api, exchange, arguments[0], exchange_query_value(exchange, "engine"),
                                      &profile->target, &err);
    bool missing = status == STATUS_OK && !profile->target.exists;
    if (status == STATUS_OK && !missing) {
        profile->sketches = !strcmp(profile->target.engine->ops->kind, "columnar") &&
                            profile->target.desc->row_estimate > EXACT_ROWS;
        status = make_profile(profile, &err);
    }
    if (status == STATUS_OK && !missing) {
        api_reply_json(exchange, 200, &profile->out);
        return;
    }
    strbuf_deinit(&profile->out);
    if (missing)
        table_target_reply_missing(exchange, arguments[0]);
    else if (atomic_load(&exchange->cancel.reason) == CANCEL_BY_CLIENT_GONE)
        exchange_stream_cut(exchange);
    else
        problem_reply(exchange, 0, &err);
}
