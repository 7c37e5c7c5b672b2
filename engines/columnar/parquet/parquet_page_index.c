/* The column index: bounds of each page, so that a scan leaves out pages whose bounds exclude its filter.
 * What does not fit together is passed over: without an index every page is read. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_file.h"

enum { LARGEST_INDEX_BYTES = 64 << 20 };

typedef struct IndexParser {
    ThriftReader reader;
    int page_count;
    bool *null_pages;
    ThriftBytes *min, *max;
    int64_t *null_counts;
    int parsed; /* bit per field */
} IndexParser;

static void parse_list(IndexParser *parser, const ThriftField *field) {
    ThriftReader *reader = &parser->reader;
    ThriftField element;
    uint32_t count = thrift_begin_list(reader, field, &element);
    if (reader->failed || count != (uint32_t)parser->page_count || parser->parsed >> field->id & 1) {
        reader->failed = true;
        return;
    }
    parser->parsed |= 1 << field->id;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        switch (field->id) {
        case 1: parser->null_pages[i] = thrift_read_bool_element(reader); break;
        case 2: parser->min[i] = thrift_read_bytes(reader, &element); break;
        case 3: parser->max[i] = thrift_read_bytes(reader, &element); break;
        default: parser->null_counts[i] = thrift_read_i64(reader, &element); break;
        }
    }
}

static bool parse_index(IndexParser *parser, const uint8_t *data, size_t bytes) {
    ThriftField field = {0};
    thrift_reader_init(&parser->reader, data, bytes);
    while (thrift_next_field(&parser->reader, &field)) {
        if ((field.id >= 1 && field.id <= 3) || field.id == 5)
            parse_list(parser, &field);
        else
            thrift_skip(&parser->reader, &field);
    }
    return !parser->reader.failed && (parser->parsed & 0xe) == 0xe;
}

/* There are writers that call every page one of NULLs, with counts that say otherwise, and required columns.
 */
static bool contradicts_itself(const IndexParser *parser, const ParquetLeaf *leaf,
                               const ParquetChunkMap *map) {
    for (int i = 0; i < parser->page_count; i++) {
        if (!parser->null_pages[i]) continue;
        if (!leaf->optional || (parser->parsed >> 5 & 1 && parser->null_counts[i] != map->pages[i].row_count))
            return true;
    }
    return false;
}

static void resolve_pages(const IndexParser *parser, const ParquetLeaf *leaf, const ParquetChunk *chunk,
                          const ParquetChunkMap *map, ParquetPageIndex *out) {
    out->page_count = parser->page_count;
    for (int i = 0; i < parser->page_count; i++) {
        ParquetPageStats *page = &out->pages[i];
        bool only_nulls = parser->null_pages[i];
        /* Where the whole chunk has no NaN no page has one; the index itself does not say. */
        ParquetStatistics statistics = {.null_count = parser->parsed >> 5 & 1 ? parser->null_counts[i] : -1,
                                        .distinct_count = -1,
                                        .nan_count = chunk->statistics.nan_count == 0 ? 0 : -1,
                                        .min_exact = 0,
                                        .max_exact = 0};
        if (!only_nulls) {
            statistics.min_value = parser->min[i];
            statistics.max_value = parser->max[i];
        }
        page->first_row = map->pages[i].first_row;
        page->row_count = map->pages[i].row_count;
        parquet_statistics_resolve(leaf, &statistics, &page->stats);
        if (only_nulls)
            page->stats.null_count = page->row_count;
        else if (!leaf->optional)
            page->stats.null_count = 0;
        else if (page->stats.null_count >= page->row_count)
            page->stats.null_count = -1;
    }
}

/* Result and the bytes its strings point into are one allocation. */
static ParquetPageIndex *read_index(ParquetFile *file, const ParquetLeaf *leaf, const ParquetChunk *chunk,
                                    const ParquetChunkMap *map, size_t *held) {
    size_t bytes = (size_t)chunk->column_index_bytes, pages = (size_t)map->page_count;
    Error ignored;
    *held = sizeof(ParquetPageIndex) + pages * sizeof(ParquetPageStats) + bytes;
    ParquetPageIndex *out = calloc(1, *held);
    uint8_t *data = out ? (uint8_t *)(out->pages + pages) : NULL;
    IndexParser parser = {.page_count = map->page_count,
                          .null_pages = calloc(pages, sizeof(bool)),
                          .min = calloc(pages, sizeof(ThriftBytes)),
                          .max = calloc(pages, sizeof(ThriftBytes)),
                          .null_counts = calloc(pages, sizeof(int64_t))};
    if (out && parser.null_pages && parser.min && parser.max && parser.null_counts &&
        parquet_file_read(file, chunk->column_index_offset, data, bytes, &ignored) == STATUS_OK &&
        parse_index(&parser, data, bytes) && !contradicts_itself(&parser, leaf, map))
        resolve_pages(&parser, leaf, chunk, map, out);
    free(parser.null_pages);
    free(parser.min);
    free(parser.max);
    free(parser.null_counts);
    return out;
}

static bool worth_reading(const ParquetFile *file, const ParquetLeaf *leaf, const ParquetChunk *chunk) {
    return !leaf->nested && !chunk->encrypted && !chunk->external && chunk->present &&
           chunk->physical == (int)leaf->physical && chunk->column_index_offset >= 4 &&
           chunk->column_index_bytes > 0 && chunk->column_index_bytes <= LARGEST_INDEX_BYTES &&
           chunk->column_index_offset <= file->data_end &&
           chunk->column_index_bytes <= file->data_end - chunk->column_index_offset;
}

static ParquetPageIndex *load_index(ParquetFile *file, int row_group, int leaf_number, size_t *held) {
    const ParquetLeaf *leaf = &file->metadata.leaves[leaf_number];
    const ParquetChunk *chunk = &file->metadata.row_groups[row_group].chunks[leaf_number];
    const ParquetChunkMap *map = NULL;
    Error ignored;
    if (worth_reading(file, leaf, chunk) &&
        parquet_file_chunk_map(file, row_group, leaf_number, &map, &ignored) == STATUS_OK &&
        map->page_count > 0)
        return read_index(file, leaf, chunk, map, held);
    *held = sizeof(ParquetPageIndex);
    return calloc(1, sizeof(ParquetPageIndex));
}

const ParquetPageIndex *parquet_chunk_page_index(ParquetFile *file, int row_group, int column) {
    const ParquetMetadata *metadata = &file->metadata;
    if (metadata->columns[column].unsupported || metadata->column_trees[column]) return NULL;
    int leaf = metadata->column_first_leaf[column];
    _Atomic(ParquetPageIndex *) *slot = &file->indexes[row_group * metadata->leaf_count + leaf];
    ParquetPageIndex *known = atomic_load_explicit(slot, memory_order_acquire);
    if (!known) {
        size_t held;
        ParquetPageIndex *read = load_index(file, row_group, leaf, &held);
        if (!read) return NULL;
        if (atomic_compare_exchange_strong(slot, &known, read)) {
            known = read;
            parquet_file_holds(file, held);
        } else {
            free(read); /* another thread was first */
        }
    }
    return known->page_count > 0 ? known : NULL;
}
