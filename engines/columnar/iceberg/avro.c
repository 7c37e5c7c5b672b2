#include "engines/columnar/iceberg/avro.h"

#include <libdeflate.h>
#include <snappy-c.h>
#include <string.h>
#include <zstd.h>

#include "engines/base/checksum.h"
#include "engines/columnar/iceberg/avro_schema.h"
#include "engines/columnar/store/local_store.h"

enum {
    SYNC_BYTES = 16,
    MAX_PLAIN_BYTES = 512 << 20, /* of all blocks: what is read stays in the arena */
    DEFLATE_MAX_RATIO = 1032
};

static const char MAGIC[4] = {'O', 'b', 'j', 1};

typedef struct Cursor {
    const unsigned char *data;
    size_t bytes, offset;
    int64_t *value_budget;
    Arena *arena;
    const char *name;
} Cursor;

static Status corrupted(const Cursor *cursor, Error *err, const char *what) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "Avro file \"%s\": %s", cursor->name, what);
}

/* Zig-zag variable-length integers, at most 10 bytes. */
static Status read_long(Cursor *cursor, int64_t *out, Error *err) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (cursor->offset >= cursor->bytes) return corrupted(cursor, err, "cut off within a number");
        unsigned char byte = cursor->data[cursor->offset++];
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return STATUS_OK;
        }
    }
    return corrupted(cursor, err, "a number has too many bytes");
}

static Status read_raw(Cursor *cursor, int64_t length, const char **out, Error *err) {
    if (length < 0 || (uint64_t)length > cursor->bytes - cursor->offset)
        return corrupted(cursor, err, "a length reaches beyond the end");
    *out = (const char *)cursor->data + cursor->offset;
    cursor->offset += (size_t)length;
    return STATUS_OK;
}

static Status read_value(Cursor *cursor, const AvroSchema *schema, int depth, AvroValue *out, Error *err);

/* The count is a claim: memory beyond some items comes once they were read. */
static void grow_items(Cursor *cursor, AvroValue *out, int64_t claimed, size_t used, size_t *capacity) {
    enum { FIRST_ITEMS = 64 };
    size_t grown = *capacity ? *capacity * 2 : claimed < FIRST_ITEMS ? (size_t)claimed : FIRST_ITEMS;
    AvroValue *items = arena_alloc(cursor->arena, grown * sizeof *items);
    if (used) memcpy(items, out->items, used * sizeof *items);
    out->items = items;
    *capacity = grown;
}

/* Arrays and maps come in blocks: a count (negative: a byte size follows), items, ..., 0. */
static Status read_blocks(Cursor *cursor, const AvroSchema *schema, int depth, AvroValue *out, Error *err) {
    int per_item = schema->kind == AVRO_MAP ? 2 : 1;
    static const AvroSchema KEY = {.kind = AVRO_STRING};
    size_t capacity = 0, used = 0;
    for (;;) {
        int64_t count, size;
        TRY(read_long(cursor, &count, err));
        if (count == 0) break;
        if (count < 0) {
            if (count == INT64_MIN) return corrupted(cursor, err, "an array count is out of range");
            count = -count;
            TRY(read_long(cursor, &size, err));
        }
        if (count > *cursor->value_budget)
            return corrupted(cursor, err, "an array has more items than the file could hold");
        for (int64_t i = 0; i < count; i++) {
            if (used + (size_t)per_item > capacity)
                grow_items(cursor, out, count * per_item, used, &capacity);
            if (per_item == 2) TRY(read_value(cursor, &KEY, depth + 1, &out->items[used++], err));
            TRY(read_value(cursor, schema->branches[0], depth + 1, &out->items[used++], err));
        }
    }
    if (used > INT32_MAX) return corrupted(cursor, err, "an array is too long");
    out->count = (int)used;
    return STATUS_OK;
}

static Status read_record(Cursor *cursor, const AvroSchema *schema, int depth, AvroValue *out, Error *err) {
    out->count = schema->count;
    out->items = ARENA_NEW_ARRAY(cursor->arena, AvroValue, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        TRY(read_value(cursor, schema->fields[i].schema, depth + 1, &out->items[i], err));
    return STATUS_OK;
}

static Status read_bytes(Cursor *cursor, int64_t length, AvroValue *out, Error *err) {
    out->bytes.length = (size_t)length;
    return read_raw(cursor, length, &out->bytes.data, err);
}

static Status read_value(Cursor *cursor, const AvroSchema *schema, int depth, AvroValue *out, Error *err) {
    if (depth > AVRO_MAX_DEPTH) return corrupted(cursor, err, "values are nested too deeply");
    if (--*cursor->value_budget < 0)
        return corrupted(cursor, err, "it holds more values than its size allows");
    *out = (AvroValue){.kind = (uint8_t)schema->kind, .schema = schema};
    int64_t number;
    const char *raw;
    switch (schema->kind) {
    case AVRO_NULL: return STATUS_OK;
    case AVRO_BOOLEAN:
        TRY(read_raw(cursor, 1, &raw, err));
        out->integer = *raw != 0;
        return STATUS_OK;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM: return read_long(cursor, &out->integer, err);
    case AVRO_FLOAT: {
        float value;
        TRY(read_raw(cursor, 4, &raw, err));
        memcpy(&value, raw, 4);
        out->real = (double)value;
        return STATUS_OK;
    }
    case AVRO_DOUBLE:
        TRY(read_raw(cursor, 8, &raw, err));
        memcpy(&out->real, raw, 8);
        return STATUS_OK;
    case AVRO_BYTES:
    case AVRO_STRING: TRY(read_long(cursor, &number, err)); return read_bytes(cursor, number, out, err);
    case AVRO_FIXED: return read_bytes(cursor, schema->fixed_bytes, out, err);
    case AVRO_RECORD: return read_record(cursor, schema, depth, out, err);
    case AVRO_ARRAY:
    case AVRO_MAP: return read_blocks(cursor, schema, depth, out, err);
    case AVRO_UNION:
        TRY(read_long(cursor, &number, err));
        if (number < 0 || number >= schema->count)
            return corrupted(cursor, err, "a union names a branch that does not exist");
        return read_value(cursor, schema->branches[number], depth + 1, out, err);
    }
    return corrupted(cursor, err, "unknown type");
}

static Status read_header(AvroFile *file, Cursor *cursor, Error *err) {
    static const AvroSchema BYTES = {.kind = AVRO_BYTES};
    static const AvroSchema *MAP_ITEMS[1] = {&BYTES};
    static const AvroSchema MAP = {.kind = AVRO_MAP, .branches = MAP_ITEMS};
    const char *magic, *sync;
    TRY(read_raw(cursor, sizeof MAGIC, &magic, err));
    if (memcmp(magic, MAGIC, sizeof MAGIC) != 0)
        return corrupted(cursor, err, "it does not begin as an Avro container does");
    TRY(read_value(cursor, &MAP, 0, &file->metadata, err));
    TRY(read_raw(cursor, SYNC_BYTES, &sync, err));
    memcpy(file->sync, sync, SYNC_BYTES);

    size_t length;
    const char *codec = avro_file_metadata(file, "avro.codec", &length);
    if (!codec || (length == 4 && memcmp(codec, "null", 4) == 0))
        file->codec = AVRO_CODEC_NULL;
    else if (length == 7 && memcmp(codec, "deflate", 7) == 0)
        file->codec = AVRO_CODEC_DEFLATE;
    else if (length == 9 && memcmp(codec, "zstandard", 9) == 0)
        file->codec = AVRO_CODEC_ZSTANDARD;
    else if (length == 6 && memcmp(codec, "snappy", 6) == 0)
        file->codec = AVRO_CODEC_SNAPPY;
    else
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "Avro file \"%s\": codec \"%.*s\" is not supported", file->name,
                         (int)(length > 64 ? 64 : length), codec);
    const char *schema = avro_file_metadata(file, "avro.schema", &length);
    if (!schema) return corrupted(cursor, err, "it has no schema");
    if (avro_schema_parse(schema, length, file->arena, &file->schema, err) == STATUS_OK) return STATUS_OK;
    Error inner = *err;
    return error_set(err, inner.sqlstate, "Avro file \"%s\": %s", file->name, inner.message);
}

Status avro_file_open(const void *data, size_t bytes, const char *name, Arena *arena, AvroFile *out,
                      Error *err) {
    *out = (AvroFile){.name = name, .data = data, .bytes = bytes, .arena = arena};
    out->value_budget = (int64_t)bytes * 2 + 1024;
    out->plain_room = MAX_PLAIN_BYTES;
    Cursor cursor = {data, bytes, 0, &out->value_budget, arena, name};
    TRY(read_header(out, &cursor, err));
    out->offset = cursor.offset;
    return STATUS_OK;
}

static Status inflate_block(AvroFile *file, const Cursor *cursor, const char *data, size_t length,
                            Error *err) {
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    if (!inflater) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    Status status = STATUS_ERROR;
    size_t most =
        length * DEFLATE_MAX_RATIO < file->plain_room ? length * DEFLATE_MAX_RATIO : file->plain_room;
    for (size_t capacity = length * 4 + 4096;; capacity *= 4) {
        if (capacity > most) capacity = most;
        char *plain = arena_alloc(file->arena, capacity + 1);
        size_t got;
        enum libdeflate_result result =
            libdeflate_deflate_decompress(inflater, data, length, plain, capacity, &got);
        if (result == LIBDEFLATE_SUCCESS) {
            file->block = (unsigned char *)plain;
            file->block_bytes = got;
            status = STATUS_OK;
            break;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE || capacity == most) {
            status = corrupted(cursor, err, "a block does not inflate");
            break;
        }
    }
    libdeflate_free_decompressor(inflater);
    return status;
}

static Status unzstd_block(AvroFile *file, const Cursor *cursor, const char *data, size_t length,
                           Error *err) {
    for (size_t capacity = length * 4 + 4096;; capacity *= 4) {
        unsigned long long declared = ZSTD_getFrameContentSize(data, length);
        if (declared != ZSTD_CONTENTSIZE_UNKNOWN && declared != ZSTD_CONTENTSIZE_ERROR)
            capacity = declared < file->plain_room ? (size_t)declared : file->plain_room;
        if (capacity > file->plain_room) capacity = file->plain_room;
        char *plain = arena_alloc(file->arena, capacity + 1);
        size_t got = ZSTD_decompress(plain, capacity, data, length);
        if (!ZSTD_isError(got)) {
            file->block = (unsigned char *)plain;
            file->block_bytes = got;
            return STATUS_OK;
        }
        if (declared != ZSTD_CONTENTSIZE_UNKNOWN || capacity == file->plain_room)
            return corrupted(cursor, err, "a block does not decompress");
    }
}

/* Followed by the CRC-32 of what was compressed, big-endian. */
static Status unsnappy_block(AvroFile *file, const Cursor *cursor, const char *data, size_t length,
                             Error *err) {
    size_t plain_bytes;
    if (length < 4 || snappy_uncompressed_length(data, length - 4, &plain_bytes) != SNAPPY_OK ||
        plain_bytes > file->plain_room)
        return corrupted(cursor, err, "a block does not decompress");
    char *plain = arena_alloc(file->arena, plain_bytes + 1);
    if (snappy_uncompress(data, length - 4, plain, &plain_bytes) != SNAPPY_OK)
        return corrupted(cursor, err, "a block does not decompress");
    const unsigned char *sum = (const unsigned char *)data + length - 4;
    uint32_t wanted = (uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3];
    if (!checksum_matches(wanted, libdeflate_crc32(0, plain, plain_bytes)))
        return corrupted(cursor, err, "the checksum of a block is wrong");
    file->block = (unsigned char *)plain;
    file->block_bytes = plain_bytes;
    return STATUS_OK;
}

static Status next_block(AvroFile *file, Cursor *cursor, Error *err) {
    int64_t count, length;
    const char *data, *sync;
    TRY(read_long(cursor, &count, err));
    TRY(read_long(cursor, &length, err));
    TRY(read_raw(cursor, length, &data, err));
    TRY(read_raw(cursor, SYNC_BYTES, &sync, err));
    if (memcmp(sync, file->sync, SYNC_BYTES) != 0)
        return corrupted(cursor, err, "a block is not followed by the file's sync marker");
    file->block = (const unsigned char *)data;
    file->block_bytes = (size_t)length;
    if (file->codec == AVRO_CODEC_DEFLATE)
        TRY(inflate_block(file, cursor, data, (size_t)length, err));
    else if (file->codec == AVRO_CODEC_ZSTANDARD)
        TRY(unzstd_block(file, cursor, data, (size_t)length, err));
    else if (file->codec == AVRO_CODEC_SNAPPY)
        TRY(unsnappy_block(file, cursor, data, (size_t)length, err));
    if (file->codec != AVRO_CODEC_NULL) file->plain_room -= file->block_bytes;
    file->block_offset = 0;
    /* A value takes at least one byte except null and the empty record, so this bounds what a block can ask
     * for. */
    file->value_budget = (int64_t)file->block_bytes * 2 + 1024;
    if (count < 0 || count > file->value_budget)
        return corrupted(cursor, err, "a block's record count is out of range");
    file->block_remaining = count;
    return STATUS_OK;
}

Status avro_file_next(AvroFile *file, AvroValue *out, bool *more, Error *err) {
    Cursor outer = {file->data, file->bytes, file->offset, &file->value_budget, file->arena, file->name};
    while (file->block_remaining == 0) {
        if (outer.offset == outer.bytes) {
            *more = false;
            return STATUS_OK;
        }
        TRY(next_block(file, &outer, err));
        file->offset = outer.offset;
    }
    Cursor inner = {file->block,         file->block_bytes, file->block_offset,
                    &file->value_budget, file->arena,       file->name};
    TRY(read_value(&inner, file->schema, 0, out, err));
    file->block_offset = inner.offset;
    file->block_remaining--;
    *more = true;
    return STATUS_OK;
}

const char *avro_file_metadata(const AvroFile *file, const char *key, size_t *length) {
    size_t key_length = strlen(key);
    for (int i = 0; i + 1 < file->metadata.count; i += 2) {
        const AvroValue *item = &file->metadata.items[i];
        if (item->bytes.length == key_length && memcmp(item->bytes.data, key, key_length) == 0) {
            *length = item[1].bytes.length;
            return item[1].bytes.data;
        }
    }
    *length = 0;
    return NULL;
}

const AvroValue *avro_record_field(const AvroValue *record, const char *name) {
    if (!record || record->kind != AVRO_RECORD) return NULL;
    for (int i = 0; i < record->count; i++)
        if (strcmp(record->schema->fields[i].name, name) == 0) return &record->items[i];
    return NULL;
}

const AvroValue *avro_record_field_by_id(const AvroValue *record, int64_t id) {
    if (!record || record->kind != AVRO_RECORD) return NULL;
    for (int i = 0; i < record->count; i++)
        if (record->schema->fields[i].id == id) return &record->items[i];
    return NULL;
}

int64_t avro_field_integer(const AvroValue *record, const char *name, int64_t fallback) {
    const AvroValue *value = avro_record_field(record, name);
    bool is_integer =
        value && (value->kind == AVRO_INT || value->kind == AVRO_LONG || value->kind == AVRO_BOOLEAN);
    return is_integer ? value->integer : fallback;
}

void avro_put_long(StrBuf *out, int64_t value) {
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    unsigned char bytes[10];
    int length = 0;
    while (zigzag >= 0x80) {
        bytes[length++] = (unsigned char)(zigzag | 0x80);
        zigzag >>= 7;
    }
    bytes[length++] = (unsigned char)zigzag;
    strbuf_append(out, bytes, (size_t)length);
}

void avro_put_bytes(StrBuf *out, const void *data, size_t length) {
    avro_put_long(out, (int64_t)length);
    strbuf_append(out, data, length);
}

static Status compress_block(AvroCodec codec, const StrBuf *block, StrBuf *out, Error *err) {
    size_t length = 0;
    if (codec == AVRO_CODEC_DEFLATE) {
        struct libdeflate_compressor *deflater = libdeflate_alloc_compressor(6);
        if (!deflater) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        size_t bound = libdeflate_deflate_compress_bound(deflater, block->length);
        strbuf_grow(out, bound);
        length = libdeflate_deflate_compress(deflater, strbuf_text(block), block->length, out->data, bound);
        libdeflate_free_compressor(deflater);
    } else {
        size_t bound = ZSTD_compressBound(block->length);
        strbuf_grow(out, bound);
        length = ZSTD_compress(out->data, bound, strbuf_text(block), block->length, 3);
        if (ZSTD_isError(length)) length = 0;
    }
    if (length == 0) return error_set(err, SQLSTATE_INTERNAL, "cannot compress an Avro block");
    out->length = length;
    return STATUS_OK;
}

Status avro_container_write(StrBuf *out, const char *schema_json, const char *const *metadata,
                            AvroCodec codec, const StrBuf *block, int64_t count, Error *err) {
    static const char *const CODEC_NAMES[] = {"null", "deflate", "zstandard"};
    StrBuf compressed;
    strbuf_init(&compressed);
    if (codec != AVRO_CODEC_NULL && compress_block(codec, block, &compressed, err) != STATUS_OK) {
        strbuf_deinit(&compressed);
        return STATUS_ERROR;
    }
    const StrBuf *body = codec == AVRO_CODEC_NULL ? block : &compressed;
    int entries = 2;
    for (int i = 0; metadata && metadata[i]; i += 2)
        entries++;
    strbuf_append(out, MAGIC, sizeof MAGIC);
    avro_put_long(out, entries);
    avro_put_string(out, "avro.schema");
    avro_put_string(out, schema_json);
    avro_put_string(out, "avro.codec");
    avro_put_string(out, CODEC_NAMES[codec]);
    for (int i = 0; metadata && metadata[i]; i++)
        avro_put_string(out, metadata[i]);
    avro_put_long(out, 0);
    uint64_t sync[2] = {store_random_u64(), store_random_u64()};
    strbuf_append(out, sync, SYNC_BYTES);
    if (count > 0) {
        avro_put_long(out, count);
        avro_put_long(out, (int64_t)body->length);
        strbuf_append(out, strbuf_text(body), body->length);
        strbuf_append(out, sync, SYNC_BYTES);
    }
    strbuf_deinit(&compressed);
    return STATUS_OK;
}
