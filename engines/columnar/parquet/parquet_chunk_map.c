/* Finding a chunk's pages. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_file.h"
#include "engines/columnar/parquet/parquet_page.h"

enum {
    HEADER_WINDOW_BYTES = 4096,
    LARGEST_HEADER_BYTES = 16 << 20,
    LARGEST_INDEX_BYTES = 64 << 20,
    MOST_EMPTY_PAGES = 1 << 16 /* of a chunk */
};

typedef struct MapBuilder {
    ParquetFile *file;
    const ParquetChunk *chunk;
    int64_t row_count;
    int64_t entry_count; /* of a repeated leaf, else row_count */
    bool repeated;
    ParquetChunkMap *map;
    int capacity;
    int empty_pages;
    bool any_other_encoding;
} MapBuilder;

/* Reads and parses the page header at `offset`. Headers may hold long statistics, so the window grows. */
static Status read_header(MapBuilder *builder, int64_t offset, ParquetPageHeader *out, Error *err) {
    ParquetFile *file = builder->file;
    int64_t limit = file->data_end - offset;
    if (offset < 4 || limit <= 0)
        return parquet_corrupt(err, file->path, "a page starts outside the file's data");
    for (int64_t window = HEADER_WINDOW_BYTES;; window *= 16) {
        size_t bytes = (size_t)(window < limit ? window : limit);
        uint8_t *data = parquet_scratch(SCRATCH_INPUT, bytes);
        TRY(parquet_file_read(file, offset, data, bytes, err));
        if (parquet_page_header_parse(data, bytes, out)) break;
        if ((int64_t)bytes == limit || window > LARGEST_HEADER_BYTES)
            return parquet_corrupt(err, file->path, "a page header cannot be parsed");
    }
    if (out->type < PAGE_DATA || out->type > PAGE_DATA_V2)
        return parquet_corrupt(err, file->path, "a page has the unknown type %d", out->type);
    if (out->compressed_bytes < 0 || out->uncompressed_bytes < 0 ||
        (int64_t)out->header_bytes + out->compressed_bytes > limit)
        return parquet_corrupt(err, file->path, "a page is longer than the file");
    if ((int64_t)out->header_bytes + out->compressed_bytes > INT32_MAX)
        return parquet_unsupported(err, file->path, "a page is longer than 2 GiB");
    return STATUS_OK;
}

static Status add_page(MapBuilder *builder, ParquetPageLocation location, Error *err) {
    if (location.row_count == 0) return STATUS_OK;
    if (!builder->map || builder->map->page_count == builder->capacity) {
        int capacity = builder->capacity ? builder->capacity * 2 : 8;
        ParquetChunkMap *grown =
            realloc(builder->map, sizeof *grown + (size_t)capacity * sizeof(ParquetPageLocation));
        if (!grown) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        builder->map = grown;
        builder->capacity = capacity;
    }
    builder->map->pages[builder->map->page_count++] = location;
    return STATUS_OK;
}

static int64_t chunk_start(const ParquetChunk *chunk) {
    bool told = chunk->dictionary_page_offset >= 4 && chunk->dictionary_page_offset < chunk->data_page_offset;
    return told ? chunk->dictionary_page_offset : chunk->data_page_offset;
}

static Status walk_page(MapBuilder *builder, int64_t *offset, int64_t *entries, Error *err) {
    ParquetPageHeader header;
    const char *path = builder->file->path;
    TRY(read_header(builder, *offset, &header, err));
    int32_t bytes = (int32_t)header.header_bytes + header.compressed_bytes;
    if (header.type == PAGE_DICTIONARY) {
        if (builder->map->dictionary_offset || *entries > 0)
            return parquet_corrupt(err, path, "a column chunk has a dictionary page out of place");
        builder->map->dictionary_offset = *offset;
        builder->map->dictionary_bytes = bytes;
    } else if (header.type == PAGE_DATA || header.type == PAGE_DATA_V2) {
        if (header.value_count < 0 || header.value_count > builder->entry_count - *entries)
            return parquet_corrupt(err, path,
                                   "the pages of a column chunk hold more values than the row group");
        if (!parquet_encoding_is_dictionary(header.encoding) && header.value_count > 0)
            builder->any_other_encoding = true;
        /* A page of the first version does not tell how many rows a repeated leaf's entries are. */
        ParquetPageLocation location = {.offset = *offset,
                                        .first_row = builder->repeated ? -1 : *entries,
                                        .row_count = builder->repeated ? -1 : header.value_count,
                                        .value_count = header.value_count,
                                        .bytes = bytes};
        if (header.value_count > 0) TRY(add_page(builder, location, err));
        *entries += header.value_count;
    }
    bool empty = header.type == PAGE_INDEX || header.value_count == 0;
    if (empty && ++builder->empty_pages > MOST_EMPTY_PAGES)
        return parquet_corrupt(err, path, "a column chunk has more than %d pages without values",
                               MOST_EMPTY_PAGES);
    *offset += bytes;
    return STATUS_OK;
}

static Status walk_pages(MapBuilder *builder, Error *err) {
    int64_t offset = chunk_start(builder->chunk), entries = 0;
    while (entries < builder->entry_count)
        TRY(walk_page(builder, &offset, &entries, err));
    builder->map->all_dictionary = builder->map->page_count > 0 && !builder->any_other_encoding;
    return STATUS_OK;
}

static void parse_location(ThriftReader *reader, const ThriftField *element, ParquetPageLocation *out) {
    ThriftField field = {0};
    memset(out, 0, sizeof *out);
    if (!thrift_begin_struct(reader, element)) return;
    while (thrift_next_field(reader, &field)) {
        switch (field.id) {
        case 1: out->offset = thrift_read_i64(reader, &field); break;
        case 2: out->bytes = thrift_read_i32(reader, &field); break;
        case 3: out->first_row = thrift_read_i64(reader, &field); break;
        default: thrift_skip(reader, &field); break;
        }
    }
    thrift_end_struct(reader);
}

static Status add_indexed(MapBuilder *builder, ParquetPageLocation location, Error *err) {
    location.value_count = builder->repeated ? -1 : location.row_count;
    return add_page(builder, location, err);
}

/* Appends the locations; their row counts follow from the next one's first row. */
static Status parse_offset_index(MapBuilder *builder, const uint8_t *data, size_t bytes, bool *good,
                                 Error *err) {
    ThriftReader reader;
    ThriftField field = {0}, element;
    ParquetPageLocation previous = {0};
    bool any = false;
    thrift_reader_init(&reader, data, bytes);
    while (thrift_next_field(&reader, &field)) {
        if (field.id != 1 || any) {
            thrift_skip(&reader, &field);
            continue;
        }
        uint32_t count = thrift_begin_list(&reader, &field, &element);
        for (uint32_t i = 0; i < count && !reader.failed; i++) {
            ParquetPageLocation location;
            parse_location(&reader, &element, &location);
            if (location.offset < 4 || location.bytes <= 0 || location.offset > builder->file->data_end ||
                location.bytes > builder->file->data_end - location.offset ||
                (any ? location.first_row < previous.first_row : location.first_row != 0) ||
                location.first_row > builder->row_count)
                return STATUS_OK;
            previous.row_count = location.first_row - previous.first_row;
            if (any) TRY(add_indexed(builder, previous, err));
            previous = location;
            any = true;
        }
    }
    if (!any || reader.failed) return STATUS_OK;
    previous.row_count = builder->row_count - previous.first_row;
    TRY(add_indexed(builder, previous, err));
    *good = true;
    return STATUS_OK;
}

/* An index that makes no sense is passed over: the pages themselves are the truth. */
static Status use_offset_index(MapBuilder *builder, bool *good, Error *err) {
    const ParquetChunk *chunk = builder->chunk;
    *good = false;
    if (chunk->offset_index_offset < 4 || chunk->offset_index_bytes <= 0 ||
        chunk->offset_index_bytes > LARGEST_INDEX_BYTES ||
        chunk->offset_index_offset > builder->file->data_end ||
        chunk->offset_index_bytes > builder->file->data_end - chunk->offset_index_offset)
        return STATUS_OK;
    uint8_t *data = parquet_scratch(SCRATCH_BODY, (size_t)chunk->offset_index_bytes);
    TRY(parquet_file_read(builder->file, chunk->offset_index_offset, data, (size_t)chunk->offset_index_bytes,
                          err));
    TRY(parse_offset_index(builder, data, (size_t)chunk->offset_index_bytes, good, err));
    if (!*good) return STATUS_OK;
    int64_t start = chunk_start(chunk);
    if (builder->map->page_count > 0 && start < builder->map->pages[0].offset) {
        ParquetPageHeader header;
        TRY(read_header(builder, start, &header, err));
        if (header.type == PAGE_DICTIONARY) {
            builder->map->dictionary_offset = start;
            builder->map->dictionary_bytes = (int32_t)header.header_bytes + header.compressed_bytes;
        }
    }
    builder->map->all_dictionary = chunk->all_dictionary == 1;
    return STATUS_OK;
}

static Status build_map(MapBuilder *builder, Error *err) {
    bool good;
    builder->capacity = 8;
    builder->map = malloc(sizeof *builder->map + 8 * sizeof(ParquetPageLocation));
    if (!builder->map) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    memset(builder->map, 0, sizeof *builder->map);
    TRY(use_offset_index(builder, &good, err));
    if (good) return STATUS_OK;
    memset(builder->map, 0, sizeof *builder->map);
    return walk_pages(builder, err);
}

Status parquet_file_chunk_map(ParquetFile *file, int row_group, int leaf, const ParquetChunkMap **out,
                              Error *err) {
    _Atomic(ParquetChunkMap *) *slot = &file->maps[row_group * file->metadata.leaf_count + leaf];
    ParquetChunkMap *known = atomic_load_explicit(slot, memory_order_acquire);
    if (!known) {
        const ParquetRowGroup *group = &file->metadata.row_groups[row_group];
        const ParquetChunk *chunk = &group->chunks[leaf];
        bool repeated = file->metadata.leaves[leaf].max_repetition > 0;
        MapBuilder builder = {.file = file,
                              .chunk = chunk,
                              .row_count = group->row_count,
                              .entry_count = repeated ? chunk->value_count : group->row_count,
                              .repeated = repeated};
        if (build_map(&builder, err) != STATUS_OK) {
            free(builder.map);
            return STATUS_ERROR;
        }
        if (atomic_compare_exchange_strong(slot, &known, builder.map)) {
            known = builder.map;
            parquet_file_holds(file, sizeof *known + (size_t)builder.capacity * sizeof *known->pages);
        } else {
            free(builder.map); /* another thread was first */
        }
    }
    *out = known;
    return STATUS_OK;
}
