/* Apache's own test files (parquet-testing) and hyparquet's against what pyarrow reads from them: one line
 * per column in expected/NAME.tsv, made by expected/make.py; and what must be refused, by what the message
 * says (expected/overrides.tsv, with the reasons). The files are found through SIGNALBOX_CORPORA or
 * ../shared/data; without them the test skips.
 *
 * PARQUET_SHOW=file prints every value of one file, PARQUET_ACTUAL=directory writes all lines as they are. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/columnar_parquet/column_digest.h"

static char corpora[1024];

static bool find_corpora(void) {
    const char *told = getenv("SIGNALBOX_CORPORA");
    snprintf(corpora, sizeof corpora, "%s", told ? told : "../shared/data");
    return access(corpora, R_OK) == 0;
}

/* `file<TAB>line` for every column; refusals as `file<TAB>column<TAB>error<TAB>SQLSTATE<TAB>message`. */
static void describe_file(const char *directory, const char *name, FILE *out) {
    char path[2048];
    Error err;
    ParquetFile *file;
    StrBuf line;
    strbuf_init(&line);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    const char *shown = getenv("PARQUET_SHOW");
    FILE *show = shown && strstr(path, shown) ? stderr : NULL;
    if (parquet_file_open(path, &file, &err) != STATUS_OK) {
        fprintf(out, "%s\t*\terror\t%.5s\t%s\n", name, err.sqlstate, err.message + strcspn(err.message, ":"));
        return;
    }
    for (int column = 0; column < parquet_file_column_count(file); column++) {
        strbuf_reset(&line);
        if (digest_column(file, column, show, &line, &err) == STATUS_OK) {
            fprintf(out, "%s\t%s\n", name, strbuf_text(&line));
            continue;
        }
        const char *after = strstr(err.message, name);
        fprintf(out, "%s\t%s\terror\t%.5s\t%s\n", name, parquet_file_column(file, column)->name, err.sqlstate,
                after ? after + strlen(name) : err.message);
    }
    strbuf_deinit(&line);
    parquet_file_release(file);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int describe_directory(const char *below, FILE *out) {
    char directory[1200], *names[512];
    int count = 0;
    snprintf(directory, sizeof directory, "%s/%s", corpora, below);
    DIR *dir = opendir(directory);
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir)) && count < 512;)
        if (strstr(entry->d_name, ".parquet") && !strstr(entry->d_name, ".json"))
            names[count++] = strdup(entry->d_name);
    closedir(dir);
    qsort(names, (size_t)count, sizeof *names, by_name);
    for (int i = 0; i < count; i++) {
        describe_file(directory, names[i], out);
        free(names[i]);
    }
    return count;
}

static void compare_lines(const char *what, FILE *actual, FILE *expected) {
    static char mine[4096], theirs[4096];
    int line = 0, different = 0, refused = 0;
    for (;;) {
        char *a = fgets(mine, sizeof mine, actual), *b = fgets(theirs, sizeof theirs, expected);
        if (!a && !b) break;
        line++;
        const char *error = a ? strstr(a, "\terror\t") : NULL;
        if (error) {
            printf("refused: %.*s %s", (int)(error - a), a, error + strlen("\terror\t"));
            refused++;
        }
        if (a && b && strcmp(a, b) == 0) continue;
        different++;
        fprintf(stderr, "line %d\n  read     %s  expected %s", line, a ? a : "nothing\n",
                b ? b : "nothing\n");
        if (!a || !b) break;
    }
    printf("%s: %d columns equal, %d columns and files refused\n", what, line - refused - different, refused);
    assert_int_equal(different, 0);
}

static void compare_corpus(const char *const *directories, const char *expected_name, int fewest_files) {
    if (!find_corpora()) {
        printf("no corpora (SIGNALBOX_CORPORA): skipped\n");
        skip();
    }
    char path[2048];
    const char *kept = getenv("PARQUET_ACTUAL");
    snprintf(path, sizeof path, "%s/%s", kept ? kept : "", expected_name);
    FILE *actual = kept ? fopen(path, "w+") : tmpfile();
    snprintf(path, sizeof path, SIGNALBOX_SOURCE_DIR "/tests/unit/columnar_parquet/expected/%s",
             expected_name);
    FILE *expected = fopen(path, "r");
    assert_non_null(actual);
    assert_non_null(expected);
    int files = 0;
    for (; *directories; directories++)
        files += describe_directory(*directories, actual);
    rewind(actual);
    if (files > 0) compare_lines(expected_name, actual, expected);
    fclose(actual);
    fclose(expected);
    if (files == 0) skip();
    assert_true(files >= fewest_files);
}

static void test_parquet_testing(void **state) {
    const char *const directories[] = {"parquet-testing/data", "parquet-testing/data/geospatial", NULL};
    compare_corpus(directories, "parquet-testing.tsv", 80);
}

static void test_hyparquet(void **state) {
    const char *const directories[] = {"hyparquet", NULL};
    compare_corpus(directories, "hyparquet.tsv", 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parquet_testing),
                                       cmocka_unit_test(test_hyparquet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
