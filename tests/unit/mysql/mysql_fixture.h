/* What the tests of the MySQL engine share: statements made as the router makes them, results as text. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/strbuf.h"
#include "engines/mysql/mysql_engine.h"

/* One parsed statement, its tables bound to those of `tables` that have their names. */
typedef struct Query {
    Statement statement;
    TableBinding bindings[16];
    PgQueryProtobufParseResult parsed;
    const TableList *tables;
    Engine *engine;
} Query;

typedef struct Answer {
    Status status;
    Error error;
    ExecutionStats stats;
    int64_t rows;
    int batches;
    StrBuf text; /* rows by '\n', columns by '|', NULL as "NULL" */
    StrBuf types;
} Answer;

static void query_bind(Query *query, const PgQuery__RangeVar *relation) {
    for (int i = 0; i < query->tables->count && query->statement.binding_count < 16; i++) {
        const TableDesc *table = &query->tables->tables[i];
        if (strcmp(table->name, relation->relname) != 0 ||
            (relation->schemaname[0] && strcmp(table->schema, relation->schemaname) != 0))
            continue;
        query->bindings[query->statement.binding_count++] =
            (TableBinding){.written_schema = relation->schemaname[0] ? relation->schemaname : NULL,
                           .written_name = relation->relname,
                           .engine = query->engine,
                           .table = table};
        return;
    }
}

static void query_visit(Query *query, const ProtobufCMessage *message);

static void query_visit_field(Query *query, const ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field) {
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return;
    const char *base = (const char *)message + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)(const void *)((const char *)message + field->quantifier_offset);
        ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(const void *)base;
        for (size_t i = 0; i < count; i++)
            query_visit(query, items[i]);
        return;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
        *(const uint32_t *)(const void *)((const char *)message + field->quantifier_offset) != field->id)
        return;
    query_visit(query, *(ProtobufCMessage *const *)(const void *)base);
}

static void query_visit(Query *query, const ProtobufCMessage *message) {
    if (!message) return;
    if (message->descriptor == &pg_query__range_var__descriptor)
        query_bind(query, (const PgQuery__RangeVar *)message);
    if (message->descriptor == &pg_query__param_ref__descriptor) {
        int number = ((const PgQuery__ParamRef *)message)->number;
        if (number > query->statement.param_count) query->statement.param_count = number;
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        query_visit_field(query, message, &message->descriptor->fields[i]);
}

static StatementKind query_kind(const PgQuery__ParseResult *tree) {
    if (tree->n_stmts != 1) return STATEMENT_SESSION;
    switch (tree->stmts[0]->stmt->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT: return STATEMENT_READ;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT: return STATEMENT_WRITE;
    default: return STATEMENT_DDL;
    }
}

static inline void query_init(Query *query, Engine *engine, const TableList *tables, const char *sql) {
    memset(query, 0, sizeof *query);
    query->tables = tables;
    query->engine = engine;
    query->parsed = pg_query_parse_protobuf(sql);
    if (query->parsed.error) fail_msg("%s: %s", sql, query->parsed.error->message);
    PgQuery__ParseResult *tree = pg_query__parse_result__unpack(
        NULL, query->parsed.parse_tree.len, (const uint8_t *)query->parsed.parse_tree.data);
    query->statement.sql = sql;
    query->statement.sql_length = strlen(sql);
    query->statement.tree = tree;
    query->statement.statement_count = (int)tree->n_stmts;
    query->statement.bindings = query->bindings;
    query->statement.kind = query_kind(tree);
    query_visit(query, &tree->base);
}

static inline void query_deinit(Query *query) {
    pg_query__parse_result__free_unpacked((PgQuery__ParseResult *)query->statement.tree, NULL);
    pg_query_free_protobuf_parse_result(query->parsed);
}

/* ---- answers as text
 * ------------------------------------------------------------------------------------------------ */

static inline void append_unscaled(StrBuf *out, __int128 value, int scale) {
    char digits[64];
    int count = 0;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    while (rest || count <= scale) {
        digits[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (value < 0) strbuf_append_char(out, '-');
    while (count--) {
        strbuf_append_char(out, digits[count]);
        if (count == scale && scale) strbuf_append_char(out, '.');
    }
}

static inline void append_interval_value(StrBuf *out, const char *at) {
    int32_t parts[2];
    int64_t nanoseconds;
    memcpy(parts, at, 8);
    memcpy(&nanoseconds, at + 8, 8);
    strbuf_printf(out, "%d/%d/%" PRId64, parts[0], parts[1], nanoseconds);
}

static inline void append_cell(StrBuf *out, const char *format, const ArrowArray *array, int64_t row) {
    if (array->buffers[0] && !(((const unsigned char *)array->buffers[0])[row >> 3] >> (row & 7) & 1)) {
        strbuf_append_text(out, "NULL");
        return;
    }
    const void *values = array->buffers[1];
    const int32_t *offsets = values;
    switch (format[0]) {
    case 'b':
        strbuf_append_text(out, (((const unsigned char *)values)[row >> 3] >> (row & 7) & 1) ? "t" : "f");
        return;
    case 's': strbuf_append_i64(out, ((const int16_t *)values)[row]); return;
    case 'i': strbuf_append_i64(out, ((const int32_t *)values)[row]); return;
    case 'l': strbuf_append_i64(out, ((const int64_t *)values)[row]); return;
    case 'f': strbuf_printf(out, "%.9g", (double)((const float *)values)[row]); return;
    case 'g': strbuf_printf(out, "%.17g", ((const double *)values)[row]); return;
    case 'd': {
        __int128 unscaled;
        int precision, scale;
        memcpy(&unscaled, (const char *)values + 16 * row, 16);
        assert_int_equal(sscanf(format, "d:%d,%d", &precision, &scale), 2);
        append_unscaled(out, unscaled, scale);
        return;
    }
    case 't':
        if (!strcmp(format, "tdD"))
            strbuf_append_i64(out, ((const int32_t *)values)[row]);
        else if (!strcmp(format, "tin"))
            append_interval_value(out, (const char *)values + 16 * row);
        else
            strbuf_append_i64(out, ((const int64_t *)values)[row]);
        return;
    case 'z':
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++)
            strbuf_printf(out, "%02x", ((const unsigned char *)array->buffers[2])[i]);
        return;
    default:
        assert_string_equal(format, "u");
        strbuf_append(out, (const char *)array->buffers[2] + offsets[row],
                      (size_t)(offsets[row + 1] - offsets[row]));
    }
}

/* Reads the stream to its end and releases it. */
static inline void answer_read(Answer *answer, ArrowArrayStream *stream) {
    ArrowSchema schema;
    ArrowArray batch;
    assert_int_equal(arrow_stream_schema(stream, &schema, &answer->error), STATUS_OK);
    for (int64_t c = 0; c < schema.n_children; c++) {
        char name[SQLTYPE_NAME_BYTES];
        strbuf_printf(&answer->types, "%s%s %s", c ? ", " : "", schema.children[c]->name,
                      sqltype_name(arrow_schema_sqltype(schema.children[c], NULL), true, name));
    }
    while ((answer->status = arrow_stream_next(stream, &batch, &answer->error)) == STATUS_OK &&
           batch.release) {
        answer->batches++;
        for (int64_t row = 0; row < batch.length; row++, answer->rows++) {
            if (answer->rows) strbuf_append_char(&answer->text, '\n');
            for (int64_t c = 0; c < schema.n_children; c++) {
                if (c) strbuf_append_char(&answer->text, '|');
                append_cell(&answer->text, schema.children[c]->format, batch.children[c], row);
            }
        }
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(stream);
}

static inline void answer_deinit(Answer *answer) {
    strbuf_deinit(&answer->text);
    strbuf_deinit(&answer->types);
}
