/* A columnar table's rows as text, for tests: every cell the way PostgreSQL would print it (near enough),
 * NULL as
 * "<null>". Also a scratch warehouse. */
#pragma once

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/columnar/types/array_value.h"
#include "tests/unit/columnar_ingest/scratch_postgres.h"

typedef struct TableText {
    Arena arena;
    int64_t row_count;
    int column_count;
    const TableVersion *version; /* retained */
    char ***cells;               /* [row][column] */
} TableText;

static inline char *table_text_decimal(Arena *arena, __int128 value, int scale) {
    char digits[64];
    int at = sizeof digits;
    bool negative = value < 0;
    digits[--at] = 0;
    for (int i = 0; i <= scale || value != 0; i++) {
        if (i == scale && scale > 0) digits[--at] = '.';
        int digit = (int)(value % 10);
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
        if (value == 0 && i >= scale) break;
    }
    if (negative) digits[--at] = '-';
    return arena_strdup(arena, digits + at);
}

static inline char *table_text_value(Arena *arena, const Vector *vector, int row);

/* "[1 2 <null>]" */
static inline char *table_text_array(Arena *arena, SqlType type, const StringView *blob) {
    ArrayValue array;
    Vector elements;
    Error err;
    char *text = arena_strdup(arena, "[");
    if (array_open(blob, &array, &err) != STATUS_OK) return arena_strdup(arena, err.message);
    array_elements(&array, array_element_type(type), arena, &elements);
    for (int i = 0; i < array.count; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? " " : "", table_text_value(arena, &elements, i));
    return arena_printf(arena, "%s]", text);
}

static inline char *table_text_value(Arena *arena, const Vector *vector, int row) {
    const Vector *values = vector;
    if (vector_is_null(vector, row)) return arena_strdup(arena, "<null>");
    if (vector->encoding == VECTOR_CONSTANT) row = 0;
    if (vector->encoding == VECTOR_DICTIONARY) {
        row = (int)vector->codes[row];
        values = vector->dictionary;
    }
    const void *data = values->values;
    switch (values->physical) {
    case PHYS_BOOL: return arena_strdup(arena, ((const uint8_t *)data)[row] ? "true" : "false");
    case PHYS_I16: return arena_printf(arena, "%d", ((const int16_t *)data)[row]);
    case PHYS_I32: return arena_printf(arena, "%d", ((const int32_t *)data)[row]);
    case PHYS_I64:
        if (vector->type.id == SQL_NUMERIC)
            return table_text_decimal(arena, ((const int64_t *)data)[row], vector->type.scale);
        return arena_printf(arena, "%" PRId64, ((const int64_t *)data)[row]);
    case PHYS_I128: return table_text_decimal(arena, ((const __int128 *)data)[row], vector->type.scale);
    case PHYS_F32: return arena_printf(arena, "%.9g", (double)((const float *)data)[row]);
    case PHYS_F64: return arena_printf(arena, "%.17g", ((const double *)data)[row]);
    case PHYS_STRING: {
        const StringView *view = &((const StringView *)data)[row];
        if (vector->type.is_array) return table_text_array(arena, vector->type, view);
        return arena_strndup(arena, stringview_data(view), view->length);
    }
    default: return arena_strdup(arena, "?");
    }
}

static inline Status table_text_file(TableText *text, const DataFile *file, int64_t first_row, Error *err) {
    ParquetFile *parquet;
    TRY(parquet_file_open(file->path, &parquet, err));
    Status status = STATUS_OK;
    for (int group = 0; group < parquet_file_row_group_count(parquet) && status == STATUS_OK; group++) {
        int64_t rows = parquet_row_group_row_count(parquet, group);
        for (int column = 0; column < text->column_count && status == STATUS_OK; column++) {
            int found = -1;
            for (int i = 0; i < parquet_file_column_count(parquet); i++)
                if (parquet_file_column(parquet, i)->field_id == text->version->columns[column].field_id)
                    found = i;
            ParquetColumnReader *reader = NULL;
            if (found >= 0) status = parquet_column_open(parquet, group, found, 0, &reader, err);
            for (int64_t row = 0; row < rows && status == STATUS_OK;) {
                int step = rows - row < BATCH_ROWS ? (int)(rows - row) : BATCH_ROWS;
                Vector vector = {0};
                if (reader) status = parquet_column_read(reader, step, &vector, err);
                vector.type = text->version->columns[column].type;
                for (int i = 0; i < step && status == STATUS_OK; i++)
                    text->cells[first_row + row + i][column] =
                        reader ? table_text_value(&text->arena, &vector, i)
                               : arena_strdup(&text->arena, "<null>");
                row += step;
            }
            if (reader) parquet_column_close(reader);
        }
        first_row += rows;
    }
    parquet_file_release(parquet);
    return status;
}

/* Takes the reference to the version. */
static inline Status table_text_read_version(TableVersion *version, TableText *text, Error *err) {
    memset(text, 0, sizeof *text);
    arena_init(&text->arena);
    text->version = version;
    text->row_count = version->row_count;
    text->column_count = version->column_count;
    text->cells = ARENA_NEW_ARRAY(&text->arena, char **, version->row_count + 1);
    for (int64_t row = 0; row < version->row_count; row++)
        text->cells[row] = ARENA_NEW_ARRAY(&text->arena, char *, version->column_count);
    int64_t first_row = 0;
    for (int i = 0; i < version->file_count; i++) {
        TRY(table_text_file(text, &version->files[i], first_row, err));
        first_row += version->files[i].row_count;
    }
    return STATUS_OK;
}

static inline Status table_text_read(TableCatalog *catalog, const char *name, TableText *text, Error *err) {
    TableVersion *version;
    TRY(table_catalog_load(catalog, NULL, name, &version, err));
    return table_text_read_version(version, text, err);
}

static inline void table_text_free(TableText *text) {
    table_version_release((TableVersion *)text->version);
    arena_deinit(&text->arena);
}

static inline int scratch_remove_entry(const char *path, const struct stat *info, int kind,
                                       struct FTW *walk) {
    return remove(path);
}
/* A new empty directory; path in `directory`. */
static inline void scratch_make(char directory[64]) {
    strcpy(directory, "/tmp/storage-test-XXXXXX");
    if (!mkdtemp(directory)) abort();
    if (scratch_on_postgres) scratch_schema_make(directory);
}
static inline void scratch_remove(const char *directory) {
    if (scratch_on_postgres) scratch_schema_drop(directory);
    nftw(directory, scratch_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline TableCatalog *scratch_catalog(const char *directory) {
    char path[512], warehouse[128];
    Error err;
    TableCatalog *catalog;
    if (scratch_on_postgres)
        scratch_conninfo(directory, path);
    else
        snprintf(path, sizeof path, "%s/catalog.db", directory);
    snprintf(warehouse, sizeof warehouse, "%s/warehouse", directory);
    if (table_catalog_open(path, warehouse, &catalog, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return catalog;
}

/* The same tests with the catalog in a file and in PostgreSQL. */
#define run_on_both_catalogs(tests)                                                                          \
    (cmocka_run_group_tests_name("sqlite", tests, NULL, NULL) +                                              \
     (scratch_use_postgres() ? cmocka_run_group_tests_name("postgres", tests, NULL, NULL) : 0))
