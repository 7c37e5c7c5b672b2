/* One column of one row group as batches: finds the page, takes it from the cache or decodes it, hands out
 * slices. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_decode.h"
#include "engines/columnar/parquet/parquet_nested.h"
#include "engines/columnar/parquet/parquet_page.h"

static Status check_chunk(const ParquetFile *file, const ParquetLeaf *leaf, const ParquetChunk *chunk,
                          int column, Error *err) {
    const char *name = file->metadata.columns[column].name;
    if (chunk->encrypted) return parquet_unsupported(err, file->path, "column %s is encrypted", name);
    if (chunk->external)
        return parquet_unsupported(err, file->path, "column %s is stored in another file", name);
    if (!chunk->present) return parquet_corrupt(err, file->path, "column %s has no metadata", name);
    if (chunk->physical != (int)leaf->physical)
        return parquet_corrupt(err, file->path, "column %s has type %s in the schema and %s in a row group",
                               name, parquet_physical_name((int)leaf->physical),
                               parquet_physical_name(chunk->physical));
    return STATUS_OK;
}

static Status new_reader(ParquetFile *file, int row_group, int64_t first_row, ParquetColumnReader **out,
                         Error *err) {
    ParquetColumnReader *reader = malloc(sizeof *reader);
    if (!reader) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    memset(reader, 0, offsetof(ParquetColumnReader, validity));
    reader->file = parquet_file_retain(file);
    reader->row_count = file->metadata.row_groups[row_group].row_count;
    reader->row = first_row;
    reader->current_index = -1;
    *out = reader;
    return STATUS_OK;
}

Status parquet_leaf_open(ParquetFile *file, int row_group, int column, int leaf, ParquetColumnReader **out,
                         Error *err) {
    const ParquetMetadata *metadata = &file->metadata;
    const ParquetChunk *chunk = &metadata->row_groups[row_group].chunks[leaf];
    TRY(check_chunk(file, &metadata->leaves[leaf], chunk, column, err));
    const ParquetChunkMap *map;
    TRY(parquet_file_chunk_map(file, row_group, leaf, &map, err));
    TRY(new_reader(file, row_group, 0, out, err));
    (*out)->leaf = &metadata->leaves[leaf];
    (*out)->chunk = chunk;
    (*out)->map = map;
    return STATUS_OK;
}

Status parquet_column_open(ParquetFile *file, int row_group, int column, int64_t first_row,
                           ParquetColumnReader **out, Error *err) {
    const ParquetMetadata *metadata = &file->metadata;
    if (column < 0 || column >= metadata->column_count || row_group < 0 ||
        row_group >= metadata->row_group_count || first_row < 0 ||
        first_row > metadata->row_groups[row_group].row_count)
        return error_set(err, SQLSTATE_INTERNAL, "%s has no such column, row group or row", file->path);
    const ParquetColumn *described = &metadata->columns[column];
    if (described->unsupported)
        return parquet_unsupported(err, file->path, "column %s cannot be read: %s", described->name,
                                   described->unsupported);
    if (!metadata->column_trees[column]) {
        TRY(parquet_leaf_open(file, row_group, column, metadata->column_first_leaf[column], out, err));
        (*out)->row = first_row;
        return STATUS_OK;
    }
    NestedReader *nested;
    TRY(nested_reader_open(file, row_group, column, first_row, &nested, err));
    if (new_reader(file, row_group, first_row, out, err) != STATUS_OK) {
        nested_reader_close(nested);
        return STATUS_ERROR;
    }
    (*out)->nested = nested;
    return STATUS_OK;
}

/* ---- pages ---- */

static Status read_page_bytes(ParquetColumnReader *reader, int64_t offset, int32_t bytes,
                              ParquetPageInput *out, Error *err) {
    uint8_t *data = parquet_scratch(SCRATCH_INPUT, (size_t)bytes + PARQUET_PADDING);
    TRY(parquet_file_read(reader->file, offset, data, (size_t)bytes, err));
    memset(data + bytes, 0, PARQUET_PADDING);
    reader->bytes_read += bytes;
    *out =
        (ParquetPageInput){.path = reader->file->path, .leaf = reader->leaf, .codec = reader->chunk->codec};
    if (!parquet_page_header_parse(data, (size_t)bytes, &out->header))
        return parquet_corrupt(err, reader->file->path, "a page header cannot be parsed");
    const ParquetPageHeader *header = &out->header;
    if (header->compressed_bytes < 0 || header->uncompressed_bytes < 0 || header->value_count < 0 ||
        (size_t)header->compressed_bytes > (size_t)bytes - header->header_bytes)
        return parquet_corrupt(err, reader->file->path, "a page header has lengths that cannot be right");
    out->body = data + header->header_bytes;
    return STATUS_OK;
}

static ParquetPageKey page_key(const ParquetColumnReader *reader, int64_t offset) {
    ParquetPageKey key = reader->file->identity;
    key.offset = offset;
    return key;
}

static Status load_dictionary(ParquetColumnReader *reader, Error *err) {
    if (reader->dictionary || !reader->map->dictionary_offset) return STATUS_OK;
    ParquetPageKey key = page_key(reader, reader->map->dictionary_offset);
    ParquetPage *page = parquet_cache_get(&key);
    if (!page) {
        ParquetPageInput input;
        TRY(read_page_bytes(reader, key.offset, reader->map->dictionary_bytes, &input, err));
        if (input.header.type != PAGE_DICTIONARY)
            return parquet_corrupt(err, reader->file->path, "a dictionary page is not where it should be");
        page = parquet_page_create();
        page->key = key;
        if (parquet_dictionary_decode(&input, page, err) != STATUS_OK) {
            parquet_page_release(page);
            return STATUS_ERROR;
        }
        parquet_cache_offer(page);
    } else if (!page->is_dictionary) {
        parquet_page_release(page);
        return parquet_corrupt(err, reader->file->path, "a page is used as dictionary and as data");
    }
    reader->dictionary = page;
    reader->dictionary_vector = (Vector){.type = reader->leaf->type,
                                         .physical = (uint8_t)reader->leaf->vector_physical,
                                         .encoding = VECTOR_FLAT,
                                         .values = page->values};
    return STATUS_OK;
}

static Status decode_page(ParquetColumnReader *reader, const ParquetPageLocation *location, ParquetPage *page,
                          Error *err) {
    ParquetPageInput input;
    TRY(read_page_bytes(reader, location->offset, location->bytes, &input, err));
    if (input.header.type != PAGE_DATA && input.header.type != PAGE_DATA_V2)
        return parquet_corrupt(err, reader->file->path, "a data page is not where it should be");
    if (location->value_count >= 0 && input.header.value_count != location->value_count)
        return parquet_corrupt(err, reader->file->path, "a page holds %d rows instead of %lld",
                               input.header.value_count, (long long)location->value_count);
    if (parquet_encoding_is_dictionary(input.header.encoding) && !reader->dictionary) {
        TRY(load_dictionary(reader, err)); /* uses the same scratch, hence read again */
        if (reader->dictionary) TRY(read_page_bytes(reader, location->offset, location->bytes, &input, err));
    }
    return parquet_page_decode(&input, reader->dictionary, page, err);
}

/* The vector of a coded page refers to the dictionary, which a cached page may meet for the first time. */
static Status attach_dictionary(ParquetColumnReader *reader, const ParquetPage *page, Error *err) {
    if (!page->coded) return STATUS_OK;
    TRY(load_dictionary(reader, err));
    if (!reader->dictionary || reader->dictionary->row_count < page->dictionary_length)
        return parquet_corrupt(err, reader->file->path, "the file changed while it was read");
    return STATUS_OK;
}

Status parquet_leaf_page(ParquetColumnReader *reader, int index, ParquetPage **out, Error *err) {
    if (reader->current_index == index) {
        *out = reader->current;
        return STATUS_OK;
    }
    const ParquetPageLocation *location = &reader->map->pages[index];
    ParquetPageKey key = page_key(reader, location->offset);
    ParquetPage *page = parquet_cache_get(&key);
    Status status = STATUS_OK;
    if (!page) {
        page = parquet_page_create();
        page->key = key;
        status = decode_page(reader, location, page, err);
        if (status == STATUS_OK) parquet_cache_offer(page);
    } else if (page->is_dictionary ||
               (location->value_count >= 0 && page->row_count != location->value_count) ||
               (page->definitions != NULL) != reader->leaf->nested) {
        status = parquet_corrupt(err, reader->file->path, "a page is used twice");
    }
    if (status == STATUS_OK) status = attach_dictionary(reader, page, err);
    if (status != STATUS_OK) {
        parquet_page_release(page);
        return STATUS_ERROR;
    }
    parquet_page_release(reader->current);
    reader->current = *out = page;
    reader->current_index = index;
    return STATUS_OK;
}

/* ---- a batch ---- */

static void release_parts(ParquetColumnReader *reader) {
    for (int i = 0; i < reader->part_count; i++)
        parquet_page_release(reader->parts[i].page);
    reader->part_count = 0;
}

static void seek_page(ParquetColumnReader *reader) {
    const ParquetChunkMap *map = reader->map;
    while (reader->page_index + 1 < map->page_count &&
           map->pages[reader->page_index + 1].first_row <= reader->row)
        reader->page_index++;
}

/* Splits the next `rows` rows by page, loading the pages that have a selected row. */
static Status collect_parts(ParquetColumnReader *reader, int rows, const uint16_t *selection, int selected,
                            Error *err) {
    int done = 0, at = 0;
    release_parts(reader);
    while (done < rows) {
        if (reader->part_count == reader->part_capacity) {
            int capacity = reader->part_capacity ? reader->part_capacity * 2 : 4;
            BatchPart *grown = realloc(reader->parts, (size_t)capacity * sizeof *grown);
            if (!grown) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
            reader->parts = grown;
            reader->part_capacity = capacity;
        }
        seek_page(reader);
        const ParquetPageLocation *location = &reader->map->pages[reader->page_index];
        int64_t from = reader->row - location->first_row, left = location->row_count - from;
        BatchPart part = {.from = from, .rows = left < rows - done ? (int)left : rows - done};
        if (selection)
            while (at < selected && selection[at] < done)
                at++;
        if (!selection || (at < selected && selection[at] < done + part.rows)) {
            TRY(parquet_leaf_page(reader, reader->page_index, &part.page, err));
            atomic_fetch_add_explicit(&part.page->references, 1, memory_order_relaxed);
        }
        reader->parts[reader->part_count++] = part;
        reader->row += part.rows;
        done += part.rows;
    }
    return STATUS_OK;
}

/* `count` bits from bit `from`, to bit 0 of `out`. */
static void copy_bits(uint64_t *out, const uint64_t *in, int64_t from, int64_t count) {
    int shift = (int)(from & 63);
    const uint64_t *word = in + (from >> 6);
    int64_t words = (count + 63) / 64;
    for (int64_t i = 0; i < words; i++)
        out[i] = shift ? word[i] >> shift | (i * 64 + 64 - shift < count ? word[i + 1] << (64 - shift) : 0)
                       : word[i];
    if (count & 63) out[words - 1] &= ((uint64_t)1 << (count & 63)) - 1;
}

static bool all_set(const uint64_t *words, int64_t count) {
    for (int64_t i = 0; i < count / 64; i++)
        if (words[i] != UINT64_MAX) return false;
    uint64_t mask = ((uint64_t)1 << (count & 63)) - 1;
    return (count & 63) == 0 || (words[count / 64] & mask) == mask;
}

static void set_dictionary(ParquetColumnReader *reader, Vector *out) {
    out->encoding = VECTOR_DICTIONARY;
    out->dictionary = &reader->dictionary_vector;
    out->dictionary_length = (uint32_t)reader->dictionary->row_count;
    out->dictionary_id = reader->dictionary->dictionary_id;
}

/* The common case: the page's own memory is the vector. */
static void slice_page(ParquetColumnReader *reader, const BatchPart *part, Vector *out) {
    ParquetPage *page = part->page;
    if (page->coded) {
        set_dictionary(reader, out);
        out->codes = page->codes + part->from;
    } else {
        out->values = (char *)page->values + (size_t)part->from * physical_width(out->physical);
    }
    if (!page->validity) return;
    if (part->from % 64 == 0 && part->rows % 64 == 0) {
        out->validity = page->validity + part->from / 64;
    } else {
        copy_bits(reader->validity, page->validity, part->from, part->rows);
        out->validity = reader->validity;
    }
    if (all_set(out->validity, part->rows)) out->validity = NULL;
}

static void append_validity(uint64_t *out, int64_t at, const BatchPart *part) {
    if (!part->page || !part->page->validity) {
        bitmap_set_range(out, (size_t)at, (size_t)part->rows);
        return;
    }
    for (int64_t i = 0; i < part->rows; i += 64) {
        uint64_t word;
        int64_t take = part->rows - i < 64 ? part->rows - i : 64;
        copy_bits(&word, part->page->validity, part->from + i, take);
        out[(at + i) >> 6] |= word << ((at + i) & 63);
        if ((at + i) & 63) out[((at + i) >> 6) + 1] |= word >> (64 - ((at + i) & 63));
    }
}

static void append_values(ParquetColumnReader *reader, const BatchPart *part, bool coded, size_t width,
                          int64_t at) {
    char *out = (char *)reader->values + (size_t)at * width;
    const ParquetPage *page = part->page;
    if (!page)
        memset(out, 0, (size_t)part->rows * width);
    else if (coded)
        memcpy(out, page->codes + part->from, (size_t)part->rows * width);
    else if (page->coded)
        parquet_gather(reader->dictionary->values, page->codes + part->from, part->rows, width, out);
    else
        memcpy(out, (const char *)page->values + (size_t)part->from * width, (size_t)part->rows * width);
}

static void join_parts(ParquetColumnReader *reader, int rows, Vector *out) {
    bool coded = true, any_page = false, any_null = false;
    for (int i = 0; i < reader->part_count; i++) {
        const ParquetPage *page = reader->parts[i].page;
        coded &= !page || page->coded;
        any_page |= page != NULL;
        any_null |= page && page->validity;
    }
    coded &= any_page;
    size_t width = coded ? sizeof *out->codes : physical_width(out->physical);
    if (!reader->values) reader->values = parquet_memory_take(BATCH_ROWS * 16, &reader->value_bytes);
    if (any_null) memset(reader->validity, 0, sizeof reader->validity);
    int64_t at = 0;
    for (int i = 0; i < reader->part_count; i++) {
        append_values(reader, &reader->parts[i], coded, width, at);
        if (any_null) append_validity(reader->validity, at, &reader->parts[i]);
        at += reader->parts[i].rows;
    }
    if (coded) {
        set_dictionary(reader, out);
        out->codes = reader->values;
    } else {
        out->values = reader->values;
    }
    if (any_null && !all_set(reader->validity, rows)) out->validity = reader->validity;
}

Status parquet_column_read_selected(ParquetColumnReader *reader, int rows, const uint16_t *selection,
                                    int selected, Vector *out, Error *err) {
    if (rows < 0 || rows > BATCH_ROWS || rows > reader->row_count - reader->row)
        return error_set(err, SQLSTATE_INTERNAL, "%s: read beyond the row group's end", reader->file->path);
    if (reader->nested) {
        TRY(nested_reader_read(reader->nested, rows, selection, selected, out, err));
        reader->row += rows;
        return STATUS_OK;
    }
    memset(out, 0, sizeof *out);
    out->type = reader->leaf->type;
    out->physical = (uint8_t)reader->leaf->vector_physical;
    out->encoding = VECTOR_FLAT;
    TRY(collect_parts(reader, rows, selection, selected, err));
    if (reader->part_count == 1 && reader->parts[0].page)
        slice_page(reader, &reader->parts[0], out);
    else
        join_parts(reader, rows, out);
    return STATUS_OK;
}

Status parquet_column_read(ParquetColumnReader *reader, int rows, Vector *out, Error *err) {
    return parquet_column_read_selected(reader, rows, NULL, 0, out, err);
}

Status parquet_column_skip(ParquetColumnReader *reader, int64_t rows, Error *err) {
    if (rows < 0 || rows > reader->row_count - reader->row)
        return error_set(err, SQLSTATE_INTERNAL, "%s: skip beyond the row group's end", reader->file->path);
    if (reader->nested) TRY(nested_reader_skip(reader->nested, rows, err));
    reader->row += rows;
    return STATUS_OK;
}

Status parquet_column_dictionary(ParquetColumnReader *reader, const Vector **out, uint32_t *length,
                                 Error *err) {
    *out = NULL;
    *length = 0;
    if (reader->nested || !reader->map->all_dictionary || !reader->map->dictionary_offset) return STATUS_OK;
    TRY(load_dictionary(reader, err));
    *out = &reader->dictionary_vector;
    *length = (uint32_t)reader->dictionary->row_count;
    return STATUS_OK;
}

int64_t parquet_column_bytes_read(const ParquetColumnReader *reader) {
    return reader->nested ? nested_reader_bytes_read(reader->nested) : reader->bytes_read;
}

void parquet_column_close(ParquetColumnReader *reader) {
    if (!reader) return;
    nested_reader_close(reader->nested);
    release_parts(reader);
    parquet_page_release(reader->current);
    parquet_page_release(reader->dictionary);
    parquet_memory_give(reader->values, reader->value_bytes);
    free(reader->parts);
    parquet_file_release(reader->file);
    free(reader);
}
