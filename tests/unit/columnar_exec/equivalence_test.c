/* docs/sql-equivalence.md: every function, operator, cast and type PostgreSQL 15 has built in
 * (tests/sql/postgres_builtins.tsv), and what the columnar engine does with it. The engine is asked, by
 * planning and running a statement that uses it on columns of its argument types. With
 * SIGNALBOX_WRITE_DOCS=1 the document is written anew, else it must be what the engine says. */
#include <ctype.h>
#include <glob.h>

#include "tests/unit/columnar_exec/exec_harness.h"

#define ROOT     SIGNALBOX_SOURCE_DIR "/"
#define DOCUMENT ROOT "docs/sql-equivalence.md"
#define MARK     "<!-- generated: tests/unit/columnar_exec/equivalence_test.c -->\n"

enum { MAX_ROWS = 6000, MAX_FILES = 2000, MAX_ARGUMENTS = 8, MAX_CHAPTERS = 32 };

typedef enum Standing { SAME, CONSTANT_ONLY, DIFFERS, DECLINED, STANDINGS } Standing;
static const char *const STANDING_TEXT[STANDINGS] = {"same", "same, constant arguments only", "differs",
                                                     "declined"};

typedef struct Builtin {
    const char *kind, *chapter, *name, *result, *why;
    const char *args; /* separated by | */
    bool variadic;
    Standing standing;
    char reason[200];
    const char *proof;
} Builtin;

/* What is answered, though not always as PostgreSQL does. */
static const struct {
    const char *kind, *name, *how;
} DIFFERENCES[] = {
    {"function", "lower", "Unicode's simple mapping in place of the locale's"},
    {"function", "upper", "Unicode's simple mapping in place of the locale's"},
    {"function", "initcap", "Unicode's simple mapping in place of the locale's"},
};

typedef struct TestFile {
    const char *name; /* topic/file.test */
    char *text;
} TestFile;

static Builtin builtins[MAX_ROWS];
static int builtin_count;
static TestFile files[MAX_FILES];
static int file_count;
static char *expressions;

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s cannot be read", path);
    StrBuf text;
    strbuf_init(&text);
    char chunk[65536];
    size_t bytes;
    while ((bytes = fread(chunk, 1, sizeof chunk, file)) > 0)
        strbuf_append(&text, chunk, bytes);
    fclose(file);
    return strbuf_release(&text);
}

static void load_builtins(char *text) {
    char *line_state = NULL;
    for (char *line = strtok_r(text, "\n", &line_state); line; line = strtok_r(NULL, "\n", &line_state)) {
        if (*line == '#') continue;
        const char *fields[7] = {0};
        for (int i = 0; i < 7; i++)
            fields[i] = strsep(&line, "\t");
        assert_non_null(fields[6]);
        assert_true(builtin_count < MAX_ROWS);
        builtins[builtin_count++] = (Builtin){.kind = fields[0],
                                              .chapter = fields[1],
                                              .name = fields[2],
                                              .args = fields[3],
                                              .result = fields[4],
                                              .variadic = strcmp(fields[5], "variadic") == 0,
                                              .why = fields[6]};
    }
}

static bool counts(const Builtin *builtin) {
    return strcmp(builtin->why, "-") == 0;
}

/* ---- asking the engine
 * ------------------------------------------------------------------------------------------- */

/* A type a polymorphic argument may be given. */
static const char *concrete(const char *type) {
    static const char *const PAIRS[][2] = {
        {"anyelement", "integer"},
        {"anynonarray", "integer"},
        {"anycompatible", "integer"},
        {"anyarray", "integer[]"},
        {"anycompatiblearray", "integer[]"},
        {"anycompatiblenonarray", "integer"},
        {"\"any\"", "text"},
        {"any", "text"},
        {"character", "character(3)"},
    };
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++)
        if (strcmp(PAIRS[i][0], type) == 0) return PAIRS[i][1];
    return type;
}

static int split_arguments(const Builtin *builtin, char *copy, const char **types) {
    int count = 0;
    strcpy(copy, builtin->args);
    for (char *part; *copy && (part = strsep(&copy, "|")) && count < MAX_ARGUMENTS;) {
        types[count++] = concrete(part);
        if (!copy) break;
    }
    /* VARIADIC "any" and arrays are called with elements. */
    if (builtin->variadic && count > 0 && strcmp(types[count - 1], "text[]") == 0) types[count - 1] = "text";
    return count;
}

/* Arguments from `from` on: as columns a0, a1 ... or as typed NULLs. */
static void put_arguments(StrBuf *out, const char **types, int from, int to, bool constants) {
    for (int i = from; i < to; i++) {
        if (i > from) strbuf_append_text(out, ", ");
        if (strcmp(types[i], "record") == 0)
            strbuf_append_text(out, "ROW(1, 'a'::text)");
        else if (constants)
            strbuf_printf(out, "NULL::%s", types[i]);
        else
            strbuf_printf(out, "a%d", i);
    }
}

static void put_source(StrBuf *out, const char **types, int count) {
    strbuf_append_text(out, " FROM (VALUES (1");
    for (int i = 0; i < count; i++)
        strbuf_printf(out, ", NULL::%s", strcmp(types[i], "record") == 0 ? "text" : types[i]);
    strbuf_append_text(out, ")) v(id");
    for (int i = 0; i < count; i++)
        strbuf_printf(out, ", a%d", i);
    strbuf_append_text(out, ")");
}

static void put_call(StrBuf *out, const Builtin *b, const char **types, int count, bool constants) {
    if (strcmp(b->kind, "operator") == 0) {
        if (count == 2) put_arguments(out, types, 0, 1, constants);
        strbuf_printf(out, " %s ", b->name);
        put_arguments(out, types, count - 1, count, constants);
        return;
    }
    if (strcmp(b->kind, "cast") == 0) {
        put_arguments(out, types, 0, 1, constants);
        strbuf_printf(out, "::%s", b->result);
        return;
    }
    int direct = strcmp(b->kind, "ordered") == 0        ? (strcmp(b->name, "mode") == 0 ? 0 : 1)
                 : strcmp(b->kind, "hypothetical") == 0 ? count
                                                        : -1;
    strbuf_printf(out, "pg_catalog.\"%s\"(", b->name);
    if (strcmp(b->name, "count") == 0 && count == 0)
        strbuf_append_char(out, '*');
    else if (direct == 1 && strcmp(b->kind, "ordered") == 0) /* a fraction per group is a constant */
        strbuf_append_text(out, strstr(types[0], "[]") ? "ARRAY[0.5]::double precision[]" : "0.5");
    else if (direct < 0 || direct == count)
        put_arguments(out, types, 0, count, constants || direct == count);
    strbuf_append_char(out, ')');
    if (direct >= 0) {
        strbuf_append_text(out, " WITHIN GROUP (ORDER BY ");
        if (direct == count)
            strbuf_append_text(out, "'a'::text");
        else
            put_arguments(out, types, direct, count, false);
        strbuf_append_char(out, ')');
    }
    if (strcmp(b->kind, "window") == 0) strbuf_append_text(out, " OVER (ORDER BY id)");
}

static bool answers(Harness *harness, const Builtin *b, bool constants) {
    char copy[1024];
    const char *types[MAX_ARGUMENTS];
    int count = split_arguments(b, copy, types);
    StrBuf sql;
    strbuf_init(&sql);
    if (strcmp(b->kind, "type") == 0) {
        bool compared = strcmp(b->name, "json") != 0 && strcmp(b->name, "jsonpath") != 0;
        strbuf_printf(&sql, "SELECT a0%s FROM (VALUES (NULL::%s), (NULL)) v(a0)%s",
                      compared ? ", count(*)" : "", concrete(b->result), compared ? " GROUP BY a0" : "");
    } else if (strcmp(b->kind, "set") == 0) {
        bool record = strstr(b->name, "to_record") != NULL, row = strstr(b->name, "populate") != NULL;
        strbuf_append_text(&sql, "SELECT x.* FROM ");
        if (!row) strbuf_printf(&sql, "pg_catalog.\"%s\"(", b->name);
        if (row) strbuf_printf(&sql, "pg_catalog.\"%s\"(NULL::record, ", b->name);
        put_arguments(&sql, types, row, count, true);
        strbuf_append_text(&sql, record || row ? ") AS x(a integer)" : ") AS x");
    } else {
        strbuf_append_text(&sql, "SELECT ");
        put_call(&sql, b, types, count, constants);
        put_source(&sql, types, count);
    }
    char *rows = harness_query(harness, 1, strbuf_text(&sql));
    bool good = harness->sqlstate[0] == 0;
    if (!good && getenv("SIGNALBOX_SHOW_DECLINED"))
        printf("%s  ->  %s %s\n", strbuf_text(&sql), harness->sqlstate, harness->message);
    free(rows);
    strbuf_deinit(&sql);
    return good;
}

static void ask(Harness *harness, Builtin *b) {
    b->standing = answers(harness, b, false) ? SAME : answers(harness, b, true) ? CONSTANT_ONLY : DECLINED;
    if (b->standing == DECLINED) {
        snprintf(b->reason, sizeof b->reason, "%s", harness->message);
        return;
    }
    for (size_t i = 0; i < sizeof DIFFERENCES / sizeof DIFFERENCES[0]; i++)
        if (strcmp(DIFFERENCES[i].name, b->name) == 0 && strcmp(DIFFERENCES[i].kind, b->kind) == 0) {
            b->standing = DIFFERS;
            snprintf(b->reason, sizeof b->reason, "%s", DIFFERENCES[i].how);
        }
}

/* ---- proofs
 * ----------------------------------------------------------------------------------------------------- */

static void load_tests(void) {
    glob_t found;
    if (glob(ROOT "tests/sql/*/*.test", 0, NULL, &found) != 0) fail_msg("no tests in tests/sql");
    for (size_t i = 0; i < found.gl_pathc && file_count < MAX_FILES; i++)
        files[file_count++] = (TestFile){.name = strdup(found.gl_pathv[i] + strlen(ROOT "tests/sql/")),
                                         .text = read_file(found.gl_pathv[i])};
    globfree(&found);
    expressions = read_file(ROOT "tests/unit/columnar_kernels/expressions.tsv");
}

static bool has_call(const char *text, const char *name) {
    size_t length = strlen(name);
    for (const char *at = text; (at = strcasestr(at, name)); at += length) {
        bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (begins && at[length] == '(') return true;
    }
    return false;
}

/* A line of expressions.tsv: kind, name, type=literal|type=literal ... */
static bool has_expression(const Builtin *b) {
    char copy[1024], want[1200];
    const char *types[MAX_ARGUMENTS];
    int count = split_arguments(b, copy, types);
    for (const char *line = expressions; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
        const char *name = strchr(line, '\t');
        snprintf(want, sizeof want, "\t%s\t", strcmp(b->kind, "cast") == 0 ? b->result : b->name);
        if (!name || strncmp(name, want, strlen(want)) != 0) continue;
        const char *at = name + strlen(want);
        int matched = 0;
        while (matched < count) {
            size_t length = strlen(types[matched]);
            if (strncmp(at, types[matched], length) != 0 || at[length] != '=') break;
            if (++matched == count) break;
            at += strcspn(at, "|\t\n");
            if (*at++ != '|') break;
        }
        if (matched == count) {
            at += strcspn(at, "|\t\n");
            if (*at != '|') return true;
        }
    }
    return false;
}

static const char *find_proof(const Builtin *b) {
    char marker[600];
    snprintf(marker, sizeof marker, "# proves %s %s(%s)%s\n", b->kind, b->name, b->args,
             strcmp(b->kind, "cast") == 0 ? "" : "");
    for (int i = 0; i < file_count; i++)
        if (strstr(files[i].text, marker)) return files[i].name;
    if (has_expression(b)) return "expressions.tsv";
    if (strcmp(b->kind, "operator") == 0 || strcmp(b->kind, "cast") == 0 || strcmp(b->kind, "type") == 0)
        return NULL;
    for (int i = 0; i < file_count; i++)
        if (has_call(files[i].text, b->name)) return files[i].name;
    return NULL;
}

/* ---- the document
 * ---------------------------------------------------------------------------------------------- */

static void put_cell(StrBuf *out, const char *text) {
    for (const char *c = text; *c; c++)
        strbuf_printf(out, *c == '|' ? "\\|" : "%c", *c);
}

static void put_shown_arguments(StrBuf *out, const Builtin *b) {
    for (const char *c = b->args; *c; c++)
        strbuf_printf(out, *c == '|' ? ", " : "%c", *c);
    if (b->variadic) strbuf_append_text(out, " ...");
}

static void write_row(StrBuf *out, const Builtin *b) {
    strbuf_printf(out, "| %s | `", b->kind);
    put_cell(out, b->name);
    strbuf_append_text(out, "` | ");
    put_shown_arguments(out, b);
    strbuf_printf(out, " | %s", STANDING_TEXT[b->standing]);
    if (b->standing == DIFFERS) strbuf_printf(out, ": %s", b->reason);
    strbuf_append_text(out, " | ");
    if (b->standing != DECLINED && b->proof) put_cell(out, b->proof);
    strbuf_append_text(out, " |\n");
}

static int count_where(const char *chapter, Standing standing) {
    int count = 0;
    for (int i = 0; i < builtin_count; i++)
        count += counts(&builtins[i]) && builtins[i].standing == standing &&
                 (!chapter || strcmp(builtins[i].chapter, chapter) == 0);
    return count;
}

static void write_line(StrBuf *out, const char *chapter) {
    int of[STANDINGS], all = 0, proven = 0;
    for (int s = 0; s < STANDINGS; s++)
        all += of[s] = count_where(chapter, (Standing)s);
    for (int i = 0; i < builtin_count; i++)
        proven += counts(&builtins[i]) && builtins[i].standing != DECLINED && builtins[i].proof &&
                  (!chapter || strcmp(builtins[i].chapter, chapter) == 0);
    strbuf_printf(out, "| %s | %d | %d | %d | %d | %d | %.1f %% | %d |\n", chapter ? chapter : "**all**", all,
                  of[SAME], of[CONSTANT_ONLY], of[DIFFERS], of[DECLINED],
                  all ? 100.0 * (of[SAME] + of[CONSTANT_ONLY]) / all : 0.0, proven);
}

static int chapters_of(const char **chapters) {
    int count = 0;
    for (int i = 0; i < builtin_count; i++) {
        bool known = !counts(&builtins[i]);
        for (int c = 0; c < count && !known; c++)
            known = strcmp(chapters[c], builtins[i].chapter) == 0;
        if (!known) chapters[count++] = builtins[i].chapter;
    }
    return count;
}

static void write_exclusions(StrBuf *out) {
    const char *reasons[MAX_CHAPTERS];
    int counted[MAX_CHAPTERS] = {0}, count = 0, all = 0;
    for (int i = 0; i < builtin_count; i++) {
        if (counts(&builtins[i])) continue;
        int r = 0;
        while (r < count && strcmp(reasons[r], builtins[i].why) != 0)
            r++;
        if (r == count) reasons[count++] = builtins[i].why;
        counted[r]++;
        all++;
    }
    strbuf_printf(out,
                  "\n## What an analytical statement has no use for\n\nNot counted above, %d of %d; the "
                  "columnar engine declines what it lacks of them.\n\n| why | how many |\n|---|---|\n",
                  all, builtin_count);
    for (int r = 0; r < count; r++)
        strbuf_printf(out, "| %s | %d |\n", reasons[r], counted[r]);
}

static void write_document(StrBuf *out) {
    const char *chapters[MAX_CHAPTERS];
    int count = chapters_of(chapters);
    strbuf_append_text(
        out, "## In figures\n\n| chapter | counted | same | same, constant arguments only | "
             "differs | declined | same in all | with a test |\n|---|---|---|---|---|---|---|---|\n");
    for (int c = 0; c < count; c++)
        write_line(out, chapters[c]);
    write_line(out, NULL);
    write_exclusions(out);
    for (int c = 0; c < count; c++) {
        strbuf_printf(out, "\n## %s\n\n| | name | arguments | here | test |\n|---|---|---|---|---|\n",
                      chapters[c]);
        for (int i = 0; i < builtin_count; i++)
            if (counts(&builtins[i]) && strcmp(builtins[i].chapter, chapters[c]) == 0)
                write_row(out, &builtins[i]);
    }
}

static void the_document_is_what_the_engine_says(void **state) {
    char *list = read_file(ROOT "tests/sql/postgres_builtins.tsv");
    Harness harness;
    StrBuf generated;
    harness_init(&harness);
    strbuf_init(&generated);
    load_builtins(list);
    load_tests();
    for (int i = 0; i < builtin_count; i++) {
        if (!counts(&builtins[i])) continue;
        ask(&harness, &builtins[i]);
        builtins[i].proof = find_proof(&builtins[i]);
    }
    write_document(&generated);
    char *document = read_file(DOCUMENT), *mark = strstr(document, MARK);
    assert_non_null(mark);
    char *old = mark + strlen(MARK);
    StrBuf summary;
    strbuf_init(&summary);
    write_line(&summary, NULL);
    printf("%s", strbuf_text(&summary));
    strbuf_deinit(&summary);
    if (getenv("SIGNALBOX_WRITE_DOCS")) {
        FILE *file = fopen(DOCUMENT, "w");
        assert_non_null(file);
        fwrite(document, 1, (size_t)(old - document), file);
        fwrite(strbuf_text(&generated), 1, generated.length, file);
        assert_int_equal(fclose(file), 0);
    } else if (strcmp(old, strbuf_text(&generated)) != 0) {
        fail_msg(
            "docs/sql-equivalence.md is not what the engine says: run this test with SIGNALBOX_WRITE_DOCS=1");
    }
    harness_deinit(&harness);
    strbuf_deinit(&generated);
    free(document);
    free(list);
    for (int i = 0; i < file_count; i++) {
        free((char *)files[i].name);
        free(files[i].text);
    }
    free(expressions);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_document_is_what_the_engine_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
