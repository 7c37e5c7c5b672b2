#include "fcgi/api/query_body.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/strbuf.h"
#include "fcgi/api/json_reader.h"

enum { MAX_PARAMS = 65535 }; /* PostgreSQL's protocol counts them in 16 bits */

typedef Status (*FieldReader)(Arena *arena, const JsonNode *node, QueryBody *body, Error *err);

static Status wrong_type(const JsonNode *node, const char *expected, Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must be %s, not %s", node->key, expected,
                     json_kind_name(node->kind));
}

static Status read_bool(const JsonNode *node, bool *out, Error *err) {
    if (node->kind != JSON_BOOL) return wrong_type(node, "true or false", err);
    *out = node->boolean;
    return STATUS_OK;
}

/* ---- parameters ------------------------------------------------------------------------------------------
 */

static void append_array_string(StrBuf *out, const char *text, size_t length) {
    strbuf_append_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') strbuf_append_char(out, '\\');
        strbuf_append_char(out, text[i]);
    }
    strbuf_append_char(out, '"');
}

/* A JSON array as PostgreSQL's array literal: {1,NULL,"a \"b\"",{...}}. The reader bounds the depth. */
static void append_array_literal(StrBuf *out, const JsonNode *array) {
    strbuf_append_char(out, '{');
    for (const JsonNode *item = array->children; item; item = item->next) {
        if (item != array->children) strbuf_append_char(out, ',');
        switch (item->kind) {
        case JSON_NULL: strbuf_append_text(out, "NULL"); break;
        case JSON_BOOL:
        case JSON_NUMBER: strbuf_append(out, item->text, item->length); break;
        case JSON_STRING: append_array_string(out, item->text, item->length); break;
        case JSON_ARRAY: append_array_literal(out, item); break;
        case JSON_OBJECT: append_array_string(out, item->raw, item->raw_length); break;
        }
    }
    strbuf_append_char(out, '}');
}

static bool fits_int64(const char *text) {
    errno = 0;
    (void)strtoll(text, NULL, 10);
    return errno == 0;
}

static Param param_of(Arena *arena, const JsonNode *node) {
    switch (node->kind) {
    case JSON_NULL: return (Param){.kind = PARAM_NULL, .text = ""};
    case JSON_BOOL: return (Param){.kind = PARAM_BOOL, .text = node->text, .length = node->length};
    case JSON_NUMBER:
        return (Param){.kind = node->integer && fits_int64(node->text) ? PARAM_INT : PARAM_NUMBER,
                       .text = node->text,
                       .length = node->length};
    case JSON_STRING: return (Param){.kind = PARAM_TEXT, .text = node->text, .length = node->length};
    case JSON_OBJECT:
        return (Param){.kind = PARAM_TEXT,
                       .text = arena_strndup(arena, node->raw, node->raw_length),
                       .length = node->raw_length};
    case JSON_ARRAY: break;
    }
    StrBuf literal;
    strbuf_init(&literal);
    append_array_literal(&literal, node);
    Param param = {.kind = PARAM_TEXT,
                   .text = arena_strndup(arena, literal.data, literal.length),
                   .length = literal.length};
    strbuf_deinit(&literal);
    return param;
}

static Status read_params(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_ARRAY) return wrong_type(node, "an array", err);
    if (node->child_count > MAX_PARAMS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "\"params\" has %d values, at most %d are possible",
                         node->child_count, MAX_PARAMS);
    body->params = ARENA_NEW_ARRAY(arena, Param, node->child_count + 1);
    for (const JsonNode *item = node->children; item; item = item->next)
        body->params[body->param_count++] = param_of(arena, item);
    return STATUS_OK;
}

/* ---- the other members -----------------------------------------------------------------------------------
 */

static Status read_sql(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind != JSON_STRING) return wrong_type(node, "a string", err);
    body->sql = node->text;
    body->sql_bytes = node->length;
    return STATUS_OK;
}

static Status read_engine(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_STRING) return wrong_type(node, "a string", err);
    if (!node->length)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must name an engine or be \"auto\"",
                         node->key);
    if (!strcmp(node->text, "auto")) return STATUS_OK;
    if (body->engine && strcmp(body->engine, node->text) != 0)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "\"engine\" and \"force_engine\" name different engines");
    body->engine = node->text;
    return STATUS_OK;
}

static Status read_max_runtime(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_NUMBER) return wrong_type(node, "a number", err);
    double seconds = strtod(node->text, NULL);
    if (!isfinite(seconds) || seconds <= 0)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"max_runtime_seconds\" must be greater than 0");
    body->max_runtime_seconds = seconds;
    return STATUS_OK;
}

static Status read_max_rows(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_NUMBER) return wrong_type(node, "a number", err);
    if (!node->integer || !fits_int64(node->text) || strtoll(node->text, NULL, 10) < 1)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "\"max_rows\" must be a whole number of at least 1");
    body->max_rows = strtoll(node->text, NULL, 10);
    return STATUS_OK;
}

static Status read_cache(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    return read_bool(node, &body->cache, err);
}

static Status read_dry_run(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    return read_bool(node, &body->dry_run, err);
}

static Status read_as_of(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_STRING && node->kind != JSON_NUMBER)
        return wrong_type(node, "a timestamp or a snapshot", err);
    body->as_of = node->text;
    return STATUS_OK;
}

/* Every table is read where it is written, so any staleness allowed, any token given, is already satisfied.
 */
static Status read_max_staleness(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_NUMBER) return wrong_type(node, "a number or null", err);
    if (node->text[0] == '-')
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"max_staleness_seconds\" must not be negative");
    return STATUS_OK;
}

static Status read_fresh_as_of(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    return node->kind == JSON_NULL || node->kind == JSON_STRING ? STATUS_OK
                                                                : wrong_type(node, "a token", err);
}

static Status read_tag(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_STRING) return wrong_type(node, "a string", err);
    body->tag = node->text;
    return STATUS_OK;
}

static Status read_big_numbers(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind != JSON_STRING) return wrong_type(node, "a string", err);
    if (strcmp(node->text, "string") != 0 && strcmp(node->text, "number") != 0)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"big_numbers\" must be \"number\" or \"string\"");
    body->big_numbers_as_strings = node->text[0] == 's';
    return STATUS_OK;
}

static Status read_engines(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_ARRAY) return wrong_type(node, "an array of names", err);
    if (node->child_count < 1 || node->child_count > CONFIG_MAX_ENGINES)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"engines\" must name 1 to %d engines",
                         CONFIG_MAX_ENGINES);
    body->engines = ARENA_NEW_ARRAY(arena, const char *, node->child_count);
    for (const JsonNode *item = node->children; item; item = item->next) {
        if (item->kind != JSON_STRING) return wrong_type(node, "an array of names", err);
        body->engines[body->engine_count++] = item->text;
    }
    return STATUS_OK;
}

static Status read_runs(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind != JSON_NUMBER) return wrong_type(node, "a number", err);
    long long runs = node->integer && fits_int64(node->text) ? strtoll(node->text, NULL, 10) : 0;
    if (runs < 1 || runs > 20)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"runs\" must be a whole number from 1 to 20");
    body->runs = (int)runs;
    return STATUS_OK;
}

static Status read_priority(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_NUMBER) return wrong_type(node, "a number", err);
    bool known = node->integer && node->length == 1 && node->text[0] >= '1' && node->text[0] <= '5';
    if (!known)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"priority\" must be a whole number from 1 to 5");
    body->priority = node->text[0] - '0';
    return STATUS_OK;
}

static Status read_max_queue(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_NUMBER) return wrong_type(node, "a number", err);
    double seconds = strtod(node->text, NULL);
    if (!isfinite(seconds) || seconds <= 0)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"max_queue_seconds\" must be greater than 0");
    body->max_queue_seconds = seconds;
    return STATUS_OK;
}

static Status read_text(const JsonNode *node, const char **out, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_STRING) return wrong_type(node, "a string", err);
    if (!node->length) return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" is empty", node->key);
    *out = node->text;
    return STATUS_OK;
}

static Status read_name(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    return read_text(node, &body->name, err);
}

static Status read_cron(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    return read_text(node, &body->cron, err);
}

static Status read_timezone(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    return read_text(node, &body->timezone, err);
}

static Status read_table(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    return read_text(node, &body->table, err);
}

static Status read_mode(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    if (node->kind == JSON_NULL) return STATUS_OK;
    if (node->kind != JSON_STRING) return wrong_type(node, "a string", err);
    body->replaces = !strcmp(node->text, "replace");
    if (body->replaces || !strcmp(node->text, "append")) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"mode\" must be append or replace");
}

static Status read_enabled(Arena *arena, const JsonNode *node, QueryBody *body, Error *err) {
    bool enabled = true;
    TRY(read_bool(node, &enabled, err));
    body->disabled = !enabled;
    return STATUS_OK;
}

/* What a body is for; a field belongs to some of them. */
enum { BODY_QUERY = 1, BODY_COMPARISON = 2, BODY_JOB = 4, BODY_SCHEDULE = 8, BODY_ANY = 15 };

static const struct {
    const char *name;
    FieldReader read;
    unsigned purposes;
} fields[] = {
    {"sql", read_sql, BODY_ANY},
    {"params", read_params, BODY_ANY},
    {"engine", read_engine, BODY_ANY},
    {"force_engine", read_engine, BODY_ANY},
    {"max_runtime_seconds", read_max_runtime, BODY_ANY},
    {"max_rows", read_max_rows, BODY_ANY},
    {"cache", read_cache, BODY_ANY},
    {"dry_run", read_dry_run, BODY_ANY},
    {"as_of", read_as_of, BODY_ANY},
    {"max_staleness_seconds", read_max_staleness, BODY_ANY},
    {"fresh_as_of", read_fresh_as_of, BODY_ANY},
    {"big_numbers", read_big_numbers, BODY_ANY},
    {"tag", read_tag, BODY_ANY},
    {"engines", read_engines, BODY_COMPARISON},
    {"runs", read_runs, BODY_COMPARISON},
    {"priority", read_priority, BODY_JOB | BODY_SCHEDULE},
    {"max_queue_seconds", read_max_queue, BODY_JOB | BODY_SCHEDULE},
    {"name", read_name, BODY_SCHEDULE},
    {"cron", read_cron, BODY_SCHEDULE},
    {"timezone", read_timezone, BODY_SCHEDULE},
    {"table", read_table, BODY_SCHEDULE},
    {"mode", read_mode, BODY_SCHEDULE},
    {"enabled", read_enabled, BODY_SCHEDULE},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

static Status read_field(Arena *arena, const JsonNode *node, unsigned purpose, QueryBody *body,
                         uint32_t *seen, Error *err) {
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!(fields[i].purposes & purpose)) continue;
        if (node->key_length != strlen(fields[i].name) || strcmp(node->key, fields[i].name)) continue;
        if (*seen & 1u << i)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" is given twice", fields[i].name);
        *seen |= 1u << i;
        return fields[i].read(arena, node, body, err);
    }
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%.100s\" is not a member of this request",
                     node->key);
}

static Status read_body(Arena *arena, const char *text, size_t length, unsigned purpose, QueryBody *out,
                        Error *err) {
    *out = (QueryBody){.cache = true};
    JsonNode *root;
    TRY(json_read(arena, text, length, &root, err));
    if (root->kind != JSON_OBJECT)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "the request body must be a JSON object, not %s",
                         json_kind_name(root->kind));
    uint32_t seen = 0;
    for (const JsonNode *node = root->children; node; node = node->next)
        TRY(read_field(arena, node, purpose, out, &seen, err));
    if (!out->sql) return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"sql\" is missing");
    return STATUS_OK;
}

Status query_body_read(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err) {
    return read_body(arena, text, length, BODY_QUERY, out, err);
}

Status query_body_read_comparison(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err) {
    return read_body(arena, text, length, BODY_COMPARISON, out, err);
}

Status query_body_read_job(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err) {
    return read_body(arena, text, length, BODY_JOB, out, err);
}

Status query_body_read_schedule(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err) {
    TRY(read_body(arena, text, length, BODY_SCHEDULE, out, err));
    if (!out->cron) return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"cron\" is missing");
    return STATUS_OK;
}
