#include "engines/columnar/parquet/parquet_bloom.h"

#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/parquet/parquet_file.h"

enum { LARGEST_HEADER_BYTES = 64, LARGEST_FILTER_BYTES = 128 << 20, MOST_PROBES = 256 };

static const uint32_t SALT[8] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                 0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

uint64_t parquet_bloom_hash(const void *data, size_t length) {
    return hash64_xxh64(data, length);
}

size_t parquet_bloom_block(uint64_t hash, size_t bytes) {
    return (size_t)((hash >> 32) * (bytes / BLOOM_BLOCK_BYTES) >> 32);
}

void parquet_bloom_insert(uint8_t *bits, size_t bytes, uint64_t hash) {
    uint8_t *block = bits + parquet_bloom_block(hash, bytes) * BLOOM_BLOCK_BYTES;
    uint32_t words[8];
    memcpy(words, block, sizeof words);
    for (int i = 0; i < 8; i++)
        words[i] |= (uint32_t)1 << ((uint32_t)hash * SALT[i] >> 27);
    memcpy(block, words, sizeof words);
}

bool parquet_bloom_block_holds(const uint8_t block[BLOOM_BLOCK_BYTES], uint64_t hash) {
    uint32_t words[8], missing = 0;
    memcpy(words, block, sizeof words);
    for (int i = 0; i < 8; i++)
        missing |= ~words[i] & (uint32_t)1 << ((uint32_t)hash * SALT[i] >> 27);
    return missing == 0;
}

size_t parquet_bloom_bytes_for(int64_t distinct) {
    size_t bytes = BLOOM_BLOCK_BYTES;
    while (bytes < LARGEST_FILTER_BYTES && (double)bytes < 0.85 * (double)distinct)
        bytes *= 2;
    return bytes;
}

void parquet_bloom_write_header(size_t bytes, StrBuf *out) {
    ThriftWriter writer;
    thrift_writer_init(&writer, out);
    thrift_write_i32(&writer, 1, (int32_t)bytes);
    for (int field = 2; field <= 4; field++) { /* BLOCK, XXHASH, UNCOMPRESSED: the first of each union */
        thrift_write_struct_begin(&writer, field);
        thrift_write_empty_struct(&writer, 1);
        thrift_write_struct_end(&writer);
    }
    thrift_write_stop(&writer);
}

/* ---- reading ---- */

static int union_member(ThriftReader *reader, const ThriftField *outer) {
    ThriftField field = {0};
    int member = 0;
    if (!thrift_begin_struct(reader, outer)) return 0;
    while (thrift_next_field(reader, &field)) {
        member = field.id;
        thrift_skip(reader, &field);
    }
    thrift_end_struct(reader);
    return member;
}

static bool parse_header(const uint8_t *data, size_t length, size_t *header_bytes, int32_t *bytes) {
    ThriftReader reader;
    ThriftField field = {0};
    int known = 0;
    *bytes = 0;
    thrift_reader_init(&reader, data, length);
    while (thrift_next_field(&reader, &field)) {
        if (field.id == 1)
            *bytes = thrift_read_i32(&reader, &field);
        else if (field.id >= 2 && field.id <= 4)
            known += union_member(&reader, &field) == 1;
        else
            thrift_skip(&reader, &field);
    }
    *header_bytes = (size_t)(reader.next - data);
    return !reader.failed && known == 3 && *bytes >= BLOOM_BLOCK_BYTES && *bytes <= LARGEST_FILTER_BYTES &&
           *bytes % BLOOM_BLOCK_BYTES == 0;
}

static bool integer_of(const Vector *value, int64_t *out) {
    switch ((PhysicalType)value->physical) {
    case PHYS_I16: *out = *(const int16_t *)value->values; return true;
    case PHYS_I32: *out = *(const int32_t *)value->values; return true;
    case PHYS_I64: *out = *(const int64_t *)value->values; return true;
    default: return false;
    }
}

typedef enum Probe { PROBE_UNKNOWN, PROBE_IMPOSSIBLE, PROBE_HASHED } Probe;

/* The hash of a value as this leaf stores it. */
static Probe hash_value(const ParquetLeaf *leaf, const Vector *value, uint64_t *out) {
    int64_t number;
    int32_t narrow;
    switch (leaf->conversion) {
    case CONVERT_STRING:
    case CONVERT_FIXED_STRING: {
        if (value->physical != PHYS_STRING) return PROBE_UNKNOWN;
        const StringView *view = value->values;
        if (leaf->conversion == CONVERT_FIXED_STRING && view->length != (uint32_t)leaf->type_length)
            return PROBE_IMPOSSIBLE;
        *out = parquet_bloom_hash(stringview_data(view), view->length);
        return PROBE_HASHED;
    }
    case CONVERT_SAME:
    case CONVERT_I32_I16:
        if ((leaf->physical != PARQUET_INT32 && leaf->physical != PARQUET_INT64) ||
            !integer_of(value, &number))
            return PROBE_UNKNOWN;
        if (leaf->physical == PARQUET_INT64) {
            *out = parquet_bloom_hash(&number, sizeof number);
            return PROBE_HASHED;
        }
        narrow = (int32_t)number;
        if (narrow != number) return PROBE_IMPOSSIBLE;
        *out = parquet_bloom_hash(&narrow, sizeof narrow);
        return PROBE_HASHED;
    default: return PROBE_UNKNOWN;
    }
}

static bool may_hold(const ParquetFile *file, int64_t bits_offset, int32_t bytes, const ParquetLeaf *leaf,
                     const Vector *value) {
    uint64_t hash;
    uint8_t block[BLOOM_BLOCK_BYTES];
    Error ignored;
    Probe probe = hash_value(leaf, value, &hash);
    if (probe != PROBE_HASHED) return probe == PROBE_UNKNOWN;
    int64_t at = bits_offset + (int64_t)parquet_bloom_block(hash, (size_t)bytes) * BLOOM_BLOCK_BYTES;
    if (parquet_file_read(file, at, block, sizeof block, &ignored) != STATUS_OK) return true;
    return parquet_bloom_block_holds(block, hash);
}

bool parquet_chunk_may_hold(const ParquetFile *file, int row_group, int column, const Vector *values,
                            int count) {
    const ParquetMetadata *metadata = &file->metadata;
    uint8_t header[LARGEST_HEADER_BYTES];
    size_t header_bytes;
    int32_t bytes;
    Error ignored;
    if (metadata->columns[column].unsupported || metadata->column_trees[column] || count > MOST_PROBES)
        return true;
    int leaf_number = metadata->column_first_leaf[column];
    const ParquetLeaf *leaf = &metadata->leaves[leaf_number];
    const ParquetChunk *chunk = &metadata->row_groups[row_group].chunks[leaf_number];
    int64_t left = file->data_end - chunk->bloom_offset;
    if (chunk->bloom_offset < 4 || left <= 0 || chunk->encrypted || chunk->external ||
        chunk->physical != (int)leaf->physical)
        return true;
    size_t window = left < LARGEST_HEADER_BYTES ? (size_t)left : LARGEST_HEADER_BYTES;
    if (parquet_file_read(file, chunk->bloom_offset, header, window, &ignored) != STATUS_OK ||
        !parse_header(header, window, &header_bytes, &bytes) || (int64_t)header_bytes + bytes > left)
        return true;
    for (int i = 0; i < count; i++)
        if (may_hold(file, chunk->bloom_offset + (int64_t)header_bytes, bytes, leaf, &values[i])) return true;
    return false;
}
