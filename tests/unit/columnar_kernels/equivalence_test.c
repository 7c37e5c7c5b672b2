/* docs/sql-equivalence.md lists what the tables have. With SIGNALBOX_WRITE_DOCS=1 the list is written anew
 * instead. */
#include "engines/base/strbuf.h"
#include "tests/unit/columnar_kernels/kernel_harness.h"

#define DOCUMENT SIGNALBOX_SOURCE_DIR "/docs/sql-equivalence.md"
#define MARK     "<!-- generated: tests/unit/columnar_kernels/equivalence_test.c -->\n"

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *type_text(SqlType type, char name[SQLTYPE_NAME_BYTES]) {
    return type.id == SQL_UNKNOWN ? "any" : sqltype_short_name(type, name);
}

static bool binds_with(const ScalarFunction *function, const char *constant, Arena *arena) {
    Vector vector = harness_text_constant(constant, sqltype_of(SQL_TEXT), arena);
    const Vector *constants[FUNCTION_MAX_ARGS];
    for (int i = 0; i < FUNCTION_MAX_ARGS; i++)
        constants[i] = &vector;
    const void *data = NULL;
    Error err = {0};
    return function->bind(constants, function->arg_count, arena, &data, &err) == STATUS_OK;
}

/* What bind says: everything, only some constants, or nothing. */
static const char *standing(const ScalarFunction *function, Arena *arena) {
    const Vector *none[FUNCTION_MAX_ARGS] = {0};
    const void *data = NULL;
    Error err = {0};
    if (!function->bind || function->bind(none, function->arg_count, arena, &data, &err) == STATUS_OK)
        return "same";
    return binds_with(function, NULL, arena) || binds_with(function, "utc", arena) ||
                   binds_with(function, "i", arena)
               ? "same, constant pattern or zone only"
               : "declined";
}

static void write_row(StrBuf *out, const char *name, const SqlType *args, int arg_count, bool variadic,
                      SqlType result, const char *how) {
    char type_name[SQLTYPE_NAME_BYTES];
    strbuf_append_text(out, "| `");
    for (const char *c = name; *c; c++)
        strbuf_printf(out, *c == '|' ? "\\|" : "%c", *c);
    strbuf_append_text(out, "` | ");
    for (int i = 0; i < arg_count; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "", type_text(args[i], type_name));
    strbuf_printf(out, "%s | %s | %s |\n", variadic ? " ..." : "", type_text(result, type_name), how);
}

static void write_functions(StrBuf *out, Arena *arena) {
    const char *names[1024];
    int count = function_names(names, 1024);
    qsort(names, (size_t)count, sizeof names[0], by_name);
    strbuf_append_text(out,
                       "## Operators and functions\n\n| name | arguments | result | |\n|---|---|---|---|\n");
    for (int n = 0; n < count; n++) {
        const ScalarFunction *candidates[256];
        int found = function_candidates(names[n], candidates, 256);
        for (int i = 0; i < found; i++) {
            const ScalarFunction *f = candidates[i];
            write_row(out, f->name, f->args, f->arg_count, f->variadic,
                      function_result(f, f->args, f->arg_count), standing(f, arena));
        }
    }
    strbuf_append_text(out, "\n## Aggregates\n\n| name | arguments | result | |\n|---|---|---|---|\n");
    for (int n = 0; n < count; n++) {
        const AggregateFunction *candidates[64];
        int found = aggregate_candidates(names[n], candidates, 64);
        for (int i = 0; i < found; i++) {
            const AggregateFunction *f = candidates[i];
            SqlType result = f->result_type ? f->result_type(f->args, f->arg_count) : f->result;
            write_row(out, f->name, f->args, f->arg_count, false, result, "same");
        }
    }
}

static void write_casts(StrBuf *out) {
    static const char *const contexts[] = {"implicit", "assignment", "explicit"};
    char from_name[SQLTYPE_NAME_BYTES], to_name[SQLTYPE_NAME_BYTES];
    strbuf_append_text(out, "\n## Casts\n\n| from | to (weakest context) |\n|---|---|\n");
    for (int from = SQL_BOOL; from < SQL_OTHER; from++) {
        StrBuf row;
        strbuf_init(&row);
        for (int to = SQL_BOOL; to < SQL_OTHER; to++) {
            int context = CAST_IMPLICIT;
            while (
                context <= CAST_EXPLICIT &&
                !cast_function(sqltype_of((SqlTypeId)from), sqltype_of((SqlTypeId)to), (CastContext)context))
                context++;
            if (context <= CAST_EXPLICIT)
                strbuf_printf(&row, "%s%s (%s)", row.length ? ", " : "",
                              sqltype_short_name(sqltype_of((SqlTypeId)to), to_name), contexts[context]);
        }
        if (row.length)
            strbuf_printf(out, "| %s | %s |\n", sqltype_short_name(sqltype_of((SqlTypeId)from), from_name),
                          strbuf_text(&row));
        strbuf_deinit(&row);
    }
}

static char *read_document(void) {
    FILE *file = fopen(DOCUMENT, "r");
    assert_non_null(file);
    StrBuf text;
    strbuf_init(&text);
    char chunk[4096];
    size_t bytes;
    while ((bytes = fread(chunk, 1, sizeof chunk, file)) > 0)
        strbuf_append(&text, chunk, bytes);
    fclose(file);
    return strbuf_release(&text);
}

static void the_document_lists_the_tables(void **state) {
    Arena arena;
    StrBuf list;
    arena_init(&arena);
    strbuf_init(&list);
    write_functions(&list, &arena);
    write_casts(&list);
    char *document = read_document(), *mark = strstr(document, MARK);
    assert_non_null(mark);
    char *generated = mark + strlen(MARK);
    if (getenv("SIGNALBOX_WRITE_DOCS")) {
        FILE *file = fopen(DOCUMENT, "w");
        assert_non_null(file);
        fwrite(document, 1, (size_t)(generated - document), file);
        fwrite(strbuf_text(&list), 1, list.length, file);
        assert_int_equal(fclose(file), 0);
    } else if (strcmp(generated, strbuf_text(&list)) != 0) {
        fail_msg(
            "docs/sql-equivalence.md is not what the tables say: run this test with SIGNALBOX_WRITE_DOCS=1");
    }
    free(document);
    strbuf_deinit(&list);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_document_lists_the_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
