/* Any statement with its literals lifted must still be a statement, with one parameter more for each. */
#include <pg_query.h>
#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pglift.h"

enum { MAX_INPUT_BYTES = 2048 };

static void check(const char *sql, const PgQuery__ParseResult *tree) {
    static const ColumnDesc columns[] = {{.name = "id", .type = {.id = SQL_INT4}},
                                         {.name = "name", .type = {.id = SQL_TEXT}},
                                         {.name = "day", .type = {.id = SQL_DATE}}};
    static const TableDesc table = {.schema = "public", .name = "t", .columns = columns, .column_count = 3};
    TableBinding binding = {.written_name = "t", .table = &table};
    Statement statement = {
        .sql = sql, .sql_length = strlen(sql), .tree = tree, .bindings = &binding, .binding_count = 1};
    Arena arena;
    PgLifted lifted;
    arena_init(&arena);
    pglift_literals(&statement, tree->stmts[0]->stmt, &arena, &lifted);
    const char *text = pgsplice_apply(&arena, sql, 0, strlen(sql), lifted.splices, lifted.count);
    PgQueryProtobufParseResult again = pg_query_parse_protobuf(text);
    if (again.error) abort();
    for (int position = 0; position <= (int)strlen(text) + 1; position += 7)
        (void)pgsplice_position(sql, strlen(sql), 0, text, lifted.splices, lifted.count, position);
    pg_query_free_protobuf_parse_result(again);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > MAX_INPUT_BYTES || memchr(data, 0, size)) return 0;
    char *sql = strndup((const char *)data, size);
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(sql);
    if (!parsed.error) {
        PgQuery__ParseResult *tree = pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
                                                                    (const uint8_t *)parsed.parse_tree.data);
        if (tree && tree->n_stmts == 1) check(sql, tree);
        if (tree) pg_query__parse_result__free_unpacked(tree, NULL);
    }
    pg_query_free_protobuf_parse_result(parsed);
    free(sql);
    return 0;
}
