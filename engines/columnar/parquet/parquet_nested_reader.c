/* A nested column's reader: collects the entries of the next rows from every leaf's pages, then has each row
 * put together. Rows nobody asked for are passed over without that. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_decode.h"
#include "engines/columnar/parquet/parquet_nested.h"

/* What the rows of one batch may come to: a few bytes of a file can stand for very much text. */
static const size_t LARGEST_BATCH_BYTES = (size_t)512 << 20;

/* Where one leaf's reading stands. */
typedef struct LeafCursor {
    ParquetColumnReader *pages;
    NestedLeaf batch;
    int page_index;       /* of `page`, or the next to load */
    ParquetPage *page;    /* NULL before the first and after the last */
    int64_t entry, value; /* next in the page */
    ParquetPage **held;   /* the batch's strings point into these */
    int held_count, held_capacity;
} LeafCursor;

struct NestedReader {
    const char *path;
    const NestedNode *tree;
    SqlType type;
    LeafCursor *cursors;
    NestedLeaf **leaves; /* of the cursors */
    int leaf_count;
    Arena arena; /* the batch's blobs */
    StrBuf text;
    StringView values[BATCH_ROWS];
    uint64_t validity[BATCH_ROWS / 64];
};

/* ---- one leaf ---- */

static void release_held(LeafCursor *cursor) {
    for (int i = 0; i < cursor->held_count; i++)
        parquet_page_release(cursor->held[i]);
    cursor->held_count = 0;
}

static Status hold(LeafCursor *cursor, ParquetPage *page, Error *err) {
    if (cursor->held_count == cursor->held_capacity) {
        int capacity = cursor->held_capacity ? cursor->held_capacity * 2 : 4;
        ParquetPage **grown = realloc(cursor->held, (size_t)capacity * sizeof *grown);
        if (!grown) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        cursor->held = grown;
        cursor->held_capacity = capacity;
    }
    atomic_fetch_add_explicit(&page->references, 1, memory_order_relaxed);
    cursor->held[cursor->held_count++] = page;
    return STATUS_OK;
}

static Status load_next(LeafCursor *cursor, Error *err) {
    cursor->page = NULL;
    TRY(parquet_leaf_page(cursor->pages, cursor->page_index, &cursor->page, err));
    cursor->page_index++;
    cursor->entry = cursor->value = 0;
    return hold(cursor, cursor->page, err);
}

static Status reserve(LeafCursor *cursor, int64_t entries, int64_t values, Error *err) {
    NestedLeaf *batch = &cursor->batch;
    size_t width = physical_width(batch->leaf->vector_physical);
    int64_t wanted = batch->entry_count + entries;
    if ((size_t)wanted > LARGEST_BATCH_BYTES / (2 + width))
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "%s: the lists of %d rows are too long to be read",
                         cursor->pages->file->path, BATCH_ROWS);
    if (wanted > batch->entry_capacity) {
        int64_t capacity = wanted + wanted / 2 + 1024;
        uint8_t *definitions = realloc(batch->definitions, (size_t)capacity);
        if (definitions) batch->definitions = definitions;
        uint8_t *repetitions = realloc(batch->repetitions, (size_t)capacity);
        if (repetitions) batch->repetitions = repetitions;
        if (!definitions || !repetitions) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        batch->entry_capacity = capacity;
    }
    wanted = batch->value_count + values;
    if (wanted > batch->value_capacity) {
        int64_t capacity = wanted + wanted / 2 + 1024;
        char *grown = realloc(batch->values, (size_t)capacity * width);
        if (!grown) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        batch->values = grown;
        batch->value_capacity = capacity;
    }
    return STATUS_OK;
}

static void copy_values(LeafCursor *cursor, int64_t count, size_t width) {
    const ParquetPage *page = cursor->page;
    char *to = cursor->batch.values + (size_t)cursor->batch.value_count * width;
    if (page->coded)
        parquet_gather(cursor->pages->dictionary->values, page->codes + cursor->value, count, width, to);
    else
        memcpy(to, (const char *)page->values + (size_t)cursor->value * width, (size_t)count * width);
}

/* Entries up to `end` of the page go into the batch, or are passed over. */
static Status take_entries(LeafCursor *cursor, int64_t end, bool copy, Error *err) {
    NestedLeaf *batch = &cursor->batch;
    const ParquetPage *page = cursor->page;
    size_t width = physical_width(batch->leaf->vector_physical);
    int64_t entries = end - cursor->entry, values = 0;
    for (int64_t i = cursor->entry; i < end; i++)
        values += page->definitions[i] == batch->leaf->max_definition;
    if (copy) {
        TRY(reserve(cursor, entries, values, err));
        memcpy(batch->definitions + batch->entry_count, page->definitions + cursor->entry, (size_t)entries);
        memcpy(batch->repetitions + batch->entry_count, page->repetitions + cursor->entry, (size_t)entries);
        if (values) copy_values(cursor, values, width);
        batch->entry_count += entries;
        batch->value_count += values;
    }
    cursor->entry = end;
    cursor->value += values;
    return STATUS_OK;
}

static bool at_page_end(const LeafCursor *cursor) {
    return !cursor->page || cursor->entry == cursor->page->row_count;
}

/* The next row's entries. It may go on in the next page, unless that is known to begin with a row. */
static Status take_row(LeafCursor *cursor, bool copy, Error *err) {
    const ParquetChunkMap *map = cursor->pages->map;
    for (bool begun = false;;) {
        if (at_page_end(cursor)) {
            bool more = cursor->page_index < map->page_count;
            if (begun && (!more || map->pages[cursor->page_index].row_count >= 0)) return STATUS_OK;
            if (!more)
                return parquet_corrupt(err, cursor->pages->file->path,
                                       "a column chunk has fewer rows than its row group");
            TRY(load_next(cursor, err));
            continue;
        }
        const uint8_t *repetitions = cursor->page->repetitions;
        int64_t end = cursor->entry, count = cursor->page->row_count;
        if (!begun && repetitions[end++] != 0)
            return parquet_corrupt(err, cursor->pages->file->path, "a page begins within a row");
        begun = true;
        while (end < count && repetitions[end] != 0)
            end++;
        TRY(take_entries(cursor, end, copy, err));
        if (end < count) return STATUS_OK;
    }
}

static Status skip_rows(LeafCursor *cursor, int64_t rows, Error *err) {
    const ParquetChunkMap *map = cursor->pages->map;
    while (rows > 0) {
        int64_t known = at_page_end(cursor) && cursor->page_index < map->page_count
                            ? map->pages[cursor->page_index].row_count
                            : -1;
        if (known >= 0 && known <= rows) {
            cursor->page = NULL;
            cursor->page_index++;
            rows -= known;
            continue;
        }
        TRY(take_row(cursor, false, err));
        rows--;
    }
    return STATUS_OK;
}

/* The entries of the selected rows; those of others are none. */
static Status collect_rows(LeafCursor *cursor, int rows, const uint16_t *selection, int selected,
                           Error *err) {
    NestedLeaf *batch = &cursor->batch;
    ParquetPage *going_on = cursor->page;
    int at = 0;
    batch->entry_count = batch->value_count = 0;
    if (going_on) atomic_fetch_add_explicit(&going_on->references, 1, memory_order_relaxed);
    release_held(cursor);
    if (going_on) {
        Status status = hold(cursor, going_on, err);
        parquet_page_release(going_on);
        TRY(status);
    }
    for (int row = 0; row < rows; row++) {
        batch->row_entry[row] = (uint32_t)batch->entry_count;
        batch->row_value[row] = (uint32_t)batch->value_count;
        if (!selection || (at < selected && selection[at] == row)) {
            TRY(take_row(cursor, true, err));
            at++;
        } else {
            TRY(skip_rows(cursor, 1, err));
        }
    }
    batch->row_entry[rows] = (uint32_t)batch->entry_count;
    batch->row_value[rows] = (uint32_t)batch->value_count;
    return STATUS_OK;
}

/* ---- the column ---- */

void nested_reader_close(NestedReader *reader) {
    if (!reader) return;
    for (int i = 0; i < reader->leaf_count; i++) {
        LeafCursor *cursor = &reader->cursors[i];
        release_held(cursor);
        free(cursor->held);
        free(cursor->batch.definitions);
        free(cursor->batch.repetitions);
        free(cursor->batch.values);
        parquet_column_close(cursor->pages);
    }
    free(reader->cursors);
    free(reader->leaves);
    strbuf_deinit(&reader->text);
    arena_deinit(&reader->arena);
    free(reader);
}

static Status open_leaves(NestedReader *reader, ParquetFile *file, int row_group, int column,
                          int64_t first_row, Error *err) {
    int first_leaf = file->metadata.column_first_leaf[column];
    for (int i = 0; i < reader->leaf_count; i++) {
        LeafCursor *cursor = &reader->cursors[i];
        TRY(parquet_leaf_open(file, row_group, column, first_leaf + i, &cursor->pages, err));
        cursor->batch.leaf = cursor->pages->leaf;
        reader->leaves[i] = &cursor->batch;
        TRY(skip_rows(cursor, first_row, err));
    }
    return STATUS_OK;
}

Status nested_reader_open(ParquetFile *file, int row_group, int column, int64_t first_row, NestedReader **out,
                          Error *err) {
    int leaves = file->metadata.column_leaf_count[column];
    NestedReader *reader = calloc(1, sizeof *reader);
    if (!reader) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    arena_init(&reader->arena);
    strbuf_init(&reader->text);
    reader->path = file->path;
    reader->tree = file->metadata.column_trees[column];
    reader->type = file->metadata.columns[column].type;
    reader->cursors = calloc((size_t)leaves, sizeof *reader->cursors);
    reader->leaves = calloc((size_t)leaves, sizeof *reader->leaves);
    Status status = STATUS_OK;
    if (!reader->cursors || !reader->leaves) {
        status = error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    } else {
        reader->leaf_count = leaves;
        status = open_leaves(reader, file, row_group, column, first_row, err);
    }
    if (status != STATUS_OK) {
        nested_reader_close(reader);
        return STATUS_ERROR;
    }
    *out = reader;
    return STATUS_OK;
}

Status nested_reader_skip(NestedReader *reader, int64_t rows, Error *err) {
    for (int i = 0; i < reader->leaf_count; i++)
        TRY(skip_rows(&reader->cursors[i], rows, err));
    return STATUS_OK;
}

static Status build_json(NestedReader *reader, int row, bool *null, Error *err) {
    StrBuf *text = &reader->text;
    strbuf_reset(text);
    TRY(nested_row_json(reader->tree, reader->leaves, row, reader->path, text, null, err));
    if (*null) return STATUS_OK;
    const char *kept =
        text->length > 12 ? arena_memdup(&reader->arena, text->data, text->length) : text->data;
    reader->values[row] = stringview_make(kept, (uint32_t)text->length);
    return STATUS_OK;
}

static Status build_array(NestedReader *reader, ArrayBuilder *builder, int row, bool *null, Error *err) {
    array_builder_reset(builder);
    TRY(nested_row_array(reader->tree, reader->leaves, row, reader->path, builder, null, err));
    if (*null) return STATUS_OK;
    return array_builder_finish(builder, &reader->arena, &reader->values[row], err);
}

static Status build_rows(NestedReader *reader, ArrayBuilder *builder, int count, const uint16_t *selection,
                         Error *err) {
    for (int i = 0; i < count; i++) {
        int row = selection ? selection[i] : i;
        bool null = false;
        TRY(builder ? build_array(reader, builder, row, &null, err) : build_json(reader, row, &null, err));
        if (!null) bitmap_set(reader->validity, (size_t)row);
        if (reader->arena.used_bytes > LARGEST_BATCH_BYTES || reader->text.length > LARGEST_BATCH_BYTES)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "%s: %d rows of a nested column are too large",
                             reader->path, BATCH_ROWS);
    }
    return STATUS_OK;
}

Status nested_reader_read(NestedReader *reader, int rows, const uint16_t *selection, int selected,
                          Vector *out, Error *err) {
    for (int i = 0; i < reader->leaf_count; i++)
        TRY(collect_rows(&reader->cursors[i], rows, selection, selected, err));
    arena_reset(&reader->arena);
    memset(reader->values, 0, sizeof reader->values);
    memset(reader->validity, 0, sizeof reader->validity);
    ArrayBuilder builder;
    if (reader->type.is_array) array_builder_init(&builder, array_element_type(reader->type), NULL);
    Status status = build_rows(reader, reader->type.is_array ? &builder : NULL, selection ? selected : rows,
                               selection, err);
    if (reader->type.is_array) array_builder_deinit(&builder);
    TRY(status);
    *out = (Vector){.type = reader->type,
                    .physical = PHYS_STRING,
                    .encoding = VECTOR_FLAT,
                    .values = reader->values,
                    .validity = reader->validity};
    if (bitmap_count(reader->validity, (size_t)rows) == (size_t)rows) out->validity = NULL;
    return STATUS_OK;
}

int64_t nested_reader_bytes_read(const NestedReader *reader) {
    int64_t bytes = 0;
    for (int i = 0; i < reader->leaf_count; i++)
        bytes += parquet_column_bytes_read(reader->cursors[i].pages);
    return bytes;
}
