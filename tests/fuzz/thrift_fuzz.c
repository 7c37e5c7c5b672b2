/* Every structure that the Parquet reader decodes from Thrift, without a file around it that most mutations
 * would break. The first byte says which: f footer, h page header, o offset index, c column index (the second
 * byte: of how many pages), b bloom filter (the second byte: the kind of value), else any struct, field by
 * field. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/columnar/parquet/parquet_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INDEXED_ROWS = 100000, MOST_PAGES = 64, MAGIC_BYTES = 4 };

static volatile uint64_t sink;

static void touch(const void *data, size_t length) {
    for (size_t i = 0; i < length; i++)
        sink += ((const uint8_t *)data)[i];
}

/* ---- footers ---- */

static void footer(const uint8_t *data, size_t size) {
    Arena arena;
    Error err = {0};
    ParquetMetadata metadata;
    arena_init(&arena);
    if (parquet_metadata_parse("fuzz", data, size, &arena, &metadata, &err) != STATUS_OK) {
        if (!error_is_set(&err)) abort();
        arena_deinit(&arena);
        return;
    }
    for (int i = 0; i < metadata.key_value_count; i++)
        touch(metadata.key_values[i].value, strlen(metadata.key_values[i].value));
    for (int group = 0; group < metadata.row_group_count; group++)
        for (int leaf = 0; leaf < metadata.leaf_count; leaf++) {
            ParquetColumnStats stats;
            const ParquetChunk *chunk = &metadata.row_groups[group].chunks[leaf];
            parquet_statistics_resolve(&metadata.leaves[leaf], &chunk->statistics, &stats);
            bool strings = metadata.leaves[leaf].vector_physical == PHYS_STRING;
            if (stats.has_min_max && strings)
                touch(stringview_data(&stats.max.string), stats.max.string.length);
        }
    arena_deinit(&arena);
}

/* ---- what the footer points to: a file of those bytes and one column ---- */

typedef struct OneColumn {
    ParquetFile file;
    ParquetChunk chunk;
    ParquetRowGroup group;
    ParquetLeaf leaf;
    ParquetColumn column;
    NestedNode *tree;
    int first_leaf, leaf_count;
    _Atomic(ParquetChunkMap *) map;
    _Atomic(ParquetPageIndex *) index;
} OneColumn;

static void one_column_init(OneColumn *one, uint8_t kind, const uint8_t *data, size_t size) {
    static const struct {
        ParquetPhysical physical;
        int length;
        ParquetConversion conversion;
        SqlTypeId type;
    } KINDS[] = {
        {PARQUET_BYTE_ARRAY, 0, CONVERT_STRING, SQL_TEXT},   {PARQUET_INT32, 4, CONVERT_SAME, SQL_INT4},
        {PARQUET_INT64, 8, CONVERT_SAME, SQL_INT8},          {PARQUET_DOUBLE, 8, CONVERT_SAME, SQL_FLOAT8},
        {PARQUET_FIXED, 16, CONVERT_FIXED_STRING, SQL_UUID}, {PARQUET_BOOLEAN, 0, CONVERT_BOOL, SQL_BOOL}};
    size_t at = kind % (sizeof KINDS / sizeof *KINDS);
    SqlType type = sqltype_of(KINDS[at].type);
    memset(one, 0, sizeof *one);
    one->leaf = (ParquetLeaf){.physical = KINDS[at].physical,
                              .type_length = KINDS[at].length,
                              .optional = kind & 64,
                              .conversion = KINDS[at].conversion,
                              .type = type,
                              .vector_physical = physical_type_of(type),
                              .order = ORDER_TYPE_DEFINED};
    one->chunk = (ParquetChunk){.physical = (int)KINDS[at].physical, .present = true};
    one->group = (ParquetRowGroup){.row_count = INDEXED_ROWS, .chunks = &one->chunk};
    one->column = (ParquetColumn){.name = "column", .type = type, .field_id = -1};
    one->leaf_count = 1;
    one->file.metadata = (ParquetMetadata){.columns = &one->column,
                                           .column_first_leaf = &one->first_leaf,
                                           .column_leaf_count = &one->leaf_count,
                                           .column_trees = &one->tree,
                                           .column_count = 1,
                                           .leaves = &one->leaf,
                                           .leaf_count = 1,
                                           .row_groups = &one->group,
                                           .row_group_count = 1};
    one->file.path = "fuzz";
    one->file.maps = &one->map;
    one->file.indexes = &one->index;
    one->file.data_end = MAGIC_BYTES + (int64_t)size;
    one->file.fd = memfd_create("thrift", 0);
    if (one->file.fd < 0 || write(one->file.fd, "PAR1", MAGIC_BYTES) != MAGIC_BYTES ||
        write(one->file.fd, data, size) != (ssize_t)size)
        abort();
}

static void one_column_deinit(OneColumn *one) {
    free(one->map);
    free(one->index);
    close(one->file.fd);
}

static void offset_index(uint8_t kind, const uint8_t *data, size_t size) {
    OneColumn one;
    const ParquetChunkMap *map;
    Error err = {0};
    one_column_init(&one, 0, data, size);
    if (kind & 1) { /* no index: the headers are walked from the first byte */
        one.chunk.data_page_offset = MAGIC_BYTES;
    } else {
        one.chunk.offset_index_offset = MAGIC_BYTES;
        one.chunk.offset_index_bytes = (int32_t)size;
        one.chunk.data_page_offset = one.file.data_end;
    }
    if (kind & 2) {
        one.leaf.max_repetition = 1;
        one.chunk.value_count = 2 * INDEXED_ROWS;
    }
    if (parquet_file_chunk_map(&one.file, 0, 0, &map, &err) != STATUS_OK) {
        if (!error_is_set(&err)) abort();
    } else {
        int64_t rows = 0;
        for (int i = 0; i < map->page_count; i++) {
            const ParquetPageLocation *page = &map->pages[i];
            if (page->offset < MAGIC_BYTES || page->offset + page->bytes > one.file.data_end) abort();
            rows += page->row_count;
        }
        if (!(kind & 2) && rows != INDEXED_ROWS) abort();
    }
    one_column_deinit(&one);
}

/* Pages of equal size, as an offset index would have told. */
static void map_pages(OneColumn *one, int count) {
    ParquetChunkMap *map = calloc(1, sizeof *map + (size_t)count * sizeof *map->pages);
    map->page_count = count;
    for (int i = 0; i < count; i++) {
        int64_t first = (int64_t)INDEXED_ROWS * i / count, next = (int64_t)INDEXED_ROWS * (i + 1) / count;
        map->pages[i] = (ParquetPageLocation){MAGIC_BYTES, first, next - first, next - first, 1};
    }
    one->map = map;
}

static void column_index(uint8_t kind, uint8_t pages, const uint8_t *data, size_t size) {
    OneColumn one;
    one_column_init(&one, kind, data, size);
    one.chunk.column_index_offset = MAGIC_BYTES;
    one.chunk.column_index_bytes = (int32_t)size;
    map_pages(&one, pages % MOST_PAGES + 1);
    const ParquetPageIndex *index = parquet_chunk_page_index(&one.file, 0, 0);
    for (int i = 0; index && i < index->page_count; i++) {
        const ParquetColumnStats *stats = &index->pages[i].stats;
        sink += (uint64_t)index->pages[i].row_count;
        if (stats->has_min_max && one.leaf.vector_physical == PHYS_STRING)
            sink += stringview_compare(&stats->min.string, &stats->max.string) < 0;
    }
    one_column_deinit(&one);
}

static void bloom_filter(uint8_t kind, const uint8_t *data, size_t size) {
    OneColumn one;
    _Alignas(16) char value[16] = "0123456789abcde";
    StringView view = stringview_make(value, sizeof value);
    one_column_init(&one, kind, data, size);
    one.chunk.bloom_offset = MAGIC_BYTES;
    Vector probe = {
        .type = one.leaf.type, .physical = (uint8_t)one.leaf.vector_physical, .encoding = VECTOR_CONSTANT};
    probe.values = probe.physical == PHYS_STRING ? (void *)&view : (void *)value;
    sink += parquet_chunk_may_hold(&one.file, 0, 0, &probe, 1);
    one_column_deinit(&one);
}

/* ---- the wire format alone ---- */

static void any_struct(ThriftReader *reader) {
    ThriftField field = {0}, element;
    while (thrift_next_field(reader, &field)) {
        switch (field.type) {
        case THRIFT_TRUE:
        case THRIFT_FALSE: sink += thrift_read_bool(reader, &field); break;
        case THRIFT_BINARY: {
            ThriftBytes bytes = thrift_read_bytes(reader, &field);
            touch(bytes.data, bytes.length);
            break;
        }
        case THRIFT_STRUCT:
            if (thrift_begin_struct(reader, &field)) any_struct(reader);
            thrift_end_struct(reader);
            break;
        case THRIFT_LIST:
        case THRIFT_SET:
            for (uint32_t left = thrift_begin_list(reader, &field, &element); left > 0 && !reader->failed;
                 left--)
                if (element.type == THRIFT_TRUE || element.type == THRIFT_FALSE)
                    sink += thrift_read_bool_element(reader);
                else
                    thrift_skip(reader, &element);
            break;
        case THRIFT_I32: sink += (uint64_t)thrift_read_i32(reader, &field); break;
        case THRIFT_I8:
        case THRIFT_I16:
        case THRIFT_I64: sink += (uint64_t)thrift_read_i64(reader, &field); break;
        default: thrift_skip(reader, &field); break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    uint8_t *copy = malloc(size - 2); /* exact: an overrun is seen */
    memcpy(copy, data + 2, size - 2);
    ThriftReader reader;
    ParquetPageHeader header;
    switch (data[0]) {
    case 'f': footer(copy, size - 2); break;
    case 'h': sink += parquet_page_header_parse(copy, size - 2, &header); break;
    case 'o': offset_index(data[1], copy, size - 2); break;
    case 'c': column_index(data[1], data[1] >> 2, copy, size - 2); break;
    case 'b': bloom_filter(data[1], copy, size - 2); break;
    default:
        thrift_reader_init(&reader, copy, size - 2);
        any_struct(&reader);
        if (reader.next > reader.end) abort();
        break;
    }
    free(copy);
    return 0;
}
