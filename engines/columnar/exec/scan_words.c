#include "engines/columnar/exec/scan_words.h"

#include "engines/columnar/kernels/word_search.h"

bool words_excluded(const PruneTest *test, ParquetFile *file, int row_group, int column) {
    const ParquetColumn *described = parquet_file_column(file, column);
    ParquetColumnReader *reader = NULL;
    const Vector *dictionary = NULL;
    uint32_t length = 0;
    Error ignored;
    if (test->op != PRUNE_WORDS || described->unsupported || !sqltype_is_text(described->type)) return false;
    if (parquet_column_open(file, row_group, column, 0, &reader, &ignored) != STATUS_OK) return false;
    bool known = parquet_column_dictionary(reader, &dictionary, &length, &ignored) == STATUS_OK &&
                 dictionary && dictionary->encoding == VECTOR_FLAT && dictionary->physical == PHYS_STRING;
    bool found = !known;
    if (known) {
        Arena arena;
        WordSearch search;
        arena_init(&arena);
        word_search_compile(test->values->values, &arena, &search);
        const StringView *values = dictionary->values;
        for (uint32_t i = 0; i < length && !found; i++)
            found = word_search_matches(&search, &values[i]);
        arena_deinit(&arena);
    }
    parquet_column_close(reader);
    return !found;
}
