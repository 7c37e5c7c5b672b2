#include "engines/columnar/exec/scan_words.h"

#include <string.h>

/* ---- what to ask for -------------------------------------------------------------------------------------
 */

/* From varchar or char to text: no word changes by it. */
static const Expr *without_cast(const Expr *expr) {
    bool same =
        expr->kind == EXPR_CAST && sqltype_is(expr->type, SQL_TEXT) && sqltype_is_text(expr->args[0]->type);
    return same ? expr->args[0] : expr;
}

const Expr *scan_words_column(const Expr *expr) {
    if (expr->kind != EXPR_CALL || expr->arg_count != 2 || !expr->function ||
        strcmp(expr->function->name, "search") != 0)
        return NULL;
    const Expr *column = without_cast(expr->args[0]);
    return column->kind == EXPR_COLUMN ? column : NULL;
}

/* Counts the calls, and fills `out` with them unless it is NULL; false where there is anything else. */
static bool collect(Query *query, const Expr *expr, int *count, WordTest *out) {
    if (expr->kind == EXPR_OR) {
        for (int i = 0; i < expr->arg_count; i++)
            if (!collect(query, expr->args[i], count, out)) return false;
        return true;
    }
    const Expr *column = scan_words_column(expr);
    const Vector *words = column ? scan_constant_of(query, expr->args[1]) : NULL;
    if (!words || words->physical != PHYS_STRING) return false;
    if (out) {
        out[*count].column = column->column;
        word_search_compile(words->values, &query->arena, &out[*count].search);
    }
    ++*count;
    return true;
}

void scan_words_add(Query *query, ScanPruner *pruner, const Expr *expr) {
    int count = 0, filled = 0;
    if (!collect(query, expr, &count, NULL) || !count) return;
    WordTest *tests = ARENA_NEW_ARRAY(&query->arena, WordTest, count);
    collect(query, expr, &filled, tests);
    pruner->words[pruner->words_count++] = (WordTests){.any = tests, .count = count};
}

/* ---- a row group -----------------------------------------------------------------------------------------
 */

typedef enum InDictionary { NO_DICTIONARY, IN_DICTIONARY, NOT_IN_DICTIONARY } InDictionary;

static InDictionary ask_dictionary(const WordTest *test, ParquetFile *file, int row_group, int column) {
    ParquetColumnReader *reader = NULL;
    const Vector *dictionary = NULL;
    uint32_t length = 0;
    InDictionary answer = NO_DICTIONARY;
    Error ignored;
    if (parquet_column_open(file, row_group, column, 0, &reader, &ignored) != STATUS_OK) return answer;
    if (parquet_column_dictionary(reader, &dictionary, &length, &ignored) == STATUS_OK && dictionary &&
        dictionary->encoding == VECTOR_FLAT && dictionary->physical == PHYS_STRING) {
        const StringView *values = dictionary->values;
        answer = NOT_IN_DICTIONARY;
        for (uint32_t i = 0; i < length && answer == NOT_IN_DICTIONARY; i++)
            if (word_search_matches(&test->search, &values[i])) answer = IN_DICTIONARY;
    }
    parquet_column_close(reader);
    return answer;
}

static bool ask_filters(const WordTest *test, ParquetFile *file, int row_group, int column,
                        ParquetStretches *out) {
    StringView words[WORD_SEARCH_MOST];
    int count = 0;
    for (int i = 0; i < test->search.count; i++)
        if (test->search.words[i].length <= WORD_SEARCH_LONGEST)
            words[count++] = stringview_make(test->search.words[i].data, test->search.words[i].length);
    return count && parquet_chunk_words(file, row_group, column, word_search_version(), words, count, out);
}

/* Where the rows are that may match; one stretch of all rows where nothing finer is known. */
static ParquetStretches stretches_of(const WordTest *test, ParquetFile *file, int row_group, int column,
                                     int64_t rows) {
    ParquetStretches out = {.rows = rows, .count = 1, .may_hold = 1};
    if (column < 0) return out;
    const ParquetColumn *described = parquet_file_column(file, column);
    if (described->unsupported || !sqltype_is_text(described->type)) return out;
    switch (ask_dictionary(test, file, row_group, column)) {
    case NOT_IN_DICTIONARY: out.may_hold = 0; break;
    case NO_DICTIONARY: (void)ask_filters(test, file, row_group, column, &out); break;
    default: break;
    }
    return out;
}

static void exclude(const WordTests *tests, ParquetFile *file, int row_group, const int *columns,
                    RowRanges *ranges) {
    int64_t rows = parquet_row_group_row_count(file, row_group), gap = 0;
    RangeCutter cutter = {.ranges = ranges};
    Arena arena;
    arena_init(&arena);
    ParquetStretches *any = ARENA_NEW_ARRAY(&arena, ParquetStretches, tests->count);
    for (int i = 0; i < tests->count; i++)
        any[i] = stretches_of(&tests->any[i], file, row_group, columns[tests->any[i].column], rows);
    for (int64_t row = 0, next; row < rows; row = next) {
        bool may = false;
        next = rows;
        for (int i = 0; i < tests->count; i++) {
            int64_t stretch = row / any[i].rows, end = (stretch + 1) * any[i].rows;
            if (end < next) next = end;
            may = may || any[i].may_hold >> stretch & 1;
        }
        bool finer = next - row < rows;
        ranges->pages += finer;
        ranges->pages_skipped += finer && !may;
        gap = may ? 0 : gap + next - row;
        if (gap >= SHORTEST_GAP_ROWS || gap == rows) range_cutter_take_out(&cutter, next - gap, next);
    }
    range_cutter_finish(&cutter);
    arena_deinit(&arena);
}

void scan_words_exclude(const ScanPruner *pruner, ParquetFile *file, int row_group, const int *columns,
                        RowRanges *ranges) {
    if (parquet_row_group_row_count(file, row_group) < 1) return;
    for (int i = 0; i < pruner->words_count && ranges->count; i++)
        exclude(&pruner->words[i], file, row_group, columns, ranges);
    if (!ranges->count) ranges->pages = ranges->pages_skipped = 0;
}
