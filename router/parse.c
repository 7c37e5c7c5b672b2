#include "router/parse.h"

#include <pg_query.h>
#include <pthread.h>
#include <string.h>

#include "engines/base/utf8.h"
#include "router/sqlscan.h"

int parse_depth_of_stack(void) {
    static _Thread_local int depth = 0;
    if (depth == 0) {
        pthread_attr_t attributes;
        size_t stack_bytes = 0;
        void *stack = NULL;
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            pthread_attr_getstack(&attributes, &stack, &stack_bytes);
            pthread_attr_destroy(&attributes);
        }
        size_t levels = stack_bytes / PARSE_STACK_BYTES_PER_LEVEL;
        depth = levels < 64 ? 64 : levels > PARSE_MAX_DEPTH ? PARSE_MAX_DEPTH : (int)levels;
    }
    return depth;
}

static void *allocate_in_arena(void *arena, size_t bytes) {
    return arena_alloc(arena, bytes);
}
static void free_in_arena(void *arena, void *data) {
    (void)arena, (void)data;
}

static Status check_text(const char *sql, size_t sql_length, const ParseLimits *limits, Error *err) {
    if (sql_length > (size_t)limits->max_bytes || sql_length > INT32_MAX)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "the statement has %zu bytes, more than the %lld allowed", sql_length,
                         (long long)limits->max_bytes);
    const char *nul = memchr(sql, 0, sql_length);
    if (nul)
        return error_set_at(err, "22021", (int)utf8_count(sql, (size_t)(nul - sql)) + 1,
                            "the statement contains a NUL character");
    if (!utf8_is_valid(sql, sql_length)) {
        size_t at = 0, step;
        while ((step = utf8_sequence_length(sql + at, sql_length - at)) > 0)
            at += step;
        return error_set_at(err, "22021", (int)utf8_count(sql, at) + 1, "the statement is not valid UTF-8");
    }
    SqlMeasure measure;
    int max_depth = parse_depth_of_stack();
    if (limits->max_depth > 0 && limits->max_depth < max_depth) max_depth = limits->max_depth;
    return sqlscan_measure(sql, sql_length, limits->max_tokens, max_depth, &measure, err);
}

/* libpg_query gives a message and a position in characters, but no SQLSTATE. */
static Status set_parse_error(const PgQueryError *error, Error *err) {
    if (strncmp(error->message, "memory exhausted", 16) == 0)
        return error_set_at(err, SQLSTATE_TOO_COMPLEX, error->cursorpos,
                            "the statement is nested too deeply");
    if (strstr(error->message, "nicode escape"))
        return error_set_at(err, "22025", error->cursorpos, "%s", error->message);
    return error_set_at(err, SQLSTATE_SYNTAX_ERROR, error->cursorpos > 0 ? error->cursorpos : 0, "%s",
                        error->message);
}

Status parse_sql(const char *sql, size_t sql_length, const ParseLimits *limits, Arena *arena,
                 PgQuery__ParseResult **out, Error *err) {
    TRY(check_text(sql, sql_length, limits, err));
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(sql);
    Status status = STATUS_OK;
    if (parsed.error) {
        status = set_parse_error(parsed.error, err);
    } else {
        ProtobufCAllocator allocator = {
            .alloc = allocate_in_arena, .free = free_in_arena, .allocator_data = arena};
        *out = pg_query__parse_result__unpack(&allocator, parsed.parse_tree.len,
                                              (const uint8_t *)parsed.parse_tree.data);
        if (!*out)
            status = error_set(err, SQLSTATE_INTERNAL, "the parse tree could not be read");
        else if ((*out)->n_stmts == 0)
            status = error_set(err, SQLSTATE_SYNTAX_ERROR, "the statement is empty");
    }
    pg_query_free_protobuf_parse_result(parsed);
    return status;
}
