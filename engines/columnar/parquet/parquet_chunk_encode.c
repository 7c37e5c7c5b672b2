/* A column's rows → a chunk's bytes: dictionary, choice of encoding by a sample, pages, compression. */
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/parquet/parquet_bloom.h"
#include "engines/columnar/parquet/parquet_encode.h"
#include "engines/columnar/parquet/parquet_write.h"

/* A dictionary is given up when every other value is new, from VARIOUS_FROM entries on: before, a few
 * thousand values that repeat a hundred times each look the same. */
enum {
    SAMPLE_VALUES = 8192,
    LARGEST_DICTIONARY = 1 << 18,
    LARGEST_DICTIONARY_BYTES = 8 << 20,
    VARIOUS_FROM = 1 << 14
};

typedef struct ChunkJob {
    ChunkEncoder *encoder;
    const ColumnBuffer *buffer;
    const ParquetStorage *storage;
    int page_rows;
    int64_t dense_count;
    size_t dense_width;         /* bytes of a dense value: the stored width, or a StringView, or a bool */
    uint32_t dictionary_length; /* 0 = no dictionary */
    uint32_t *dictionary_rows;  /* dense index of each entry's first value */
    int encoding;
    int codec;
    int level;
} ChunkJob;

static inline bool row_valid(const ColumnBuffer *buffer, int64_t row) {
    return !buffer->validity || bitmap_get(buffer->validity, (size_t)row);
}

/* ---- dense stored values ---- */

static void store_value(const ParquetStorage *storage, const char *values, int64_t row, uint8_t *out) {
    int32_t narrow;
    switch (storage->vector_physical) {
    case PHYS_I16:
        narrow = ((const int16_t *)values)[row];
        memcpy(out, &narrow, 4);
        break;
    case PHYS_I64:
        if (storage->bytes == 4) {
            narrow = (int32_t)((const int64_t *)values)[row];
            memcpy(out, &narrow, 4);
        } else {
            memcpy(out, values + row * 8, 8);
        }
        break;
    case PHYS_I128: parquet_store_decimal(((const __int128 *)values)[row], storage->bytes, out); break;
    default: {
        size_t width = physical_width(storage->vector_physical);
        memcpy(out, values + (size_t)row * width, width);
    }
    }
}

static void make_dense(ChunkJob *job) {
    const ColumnBuffer *buffer = job->buffer;
    StrBuf *dense = &job->encoder->dense;
    bool as_is = job->storage->vector_physical == PHYS_STRING || job->storage->physical == PARQUET_BOOLEAN;
    job->dense_width = as_is ? physical_width(job->storage->vector_physical) : (size_t)job->storage->bytes;
    strbuf_reset(dense);
    strbuf_grow(dense, (size_t)buffer->row_count * job->dense_width + 16);
    uint8_t *out = (uint8_t *)dense->data;
    for (int64_t row = 0; row < buffer->row_count; row++) {
        if (!row_valid(buffer, row)) continue;
        store_value(job->storage, buffer->values, row, out);
        out += job->dense_width;
        job->dense_count++;
    }
}

static const uint8_t *dense_value(const ChunkJob *job, int64_t index) {
    return (const uint8_t *)job->encoder->dense.data + (size_t)index * job->dense_width;
}

/* ---- dictionary ---- */

static uint64_t hash_dense(const ChunkJob *job, const uint8_t *value) {
    if (job->storage->vector_physical == PHYS_STRING) {
        const StringView *view = (const StringView *)value;
        return hash64_bytes(stringview_data(view), view->length, 0);
    }
    uint64_t word = 0;
    if (job->dense_width <= 8)
        memcpy(&word, value, job->dense_width);
    else
        return hash64_bytes(value, job->dense_width, 0);
    return hash64_u64(word);
}

static bool same_dense(const ChunkJob *job, const uint8_t *a, const uint8_t *b) {
    if (job->storage->vector_physical == PHYS_STRING)
        return stringview_equals((const StringView *)a, (const StringView *)b);
    return memcmp(a, b, job->dense_width) == 0;
}

static bool grow_slots(ChunkJob *job, size_t count) {
    ChunkEncoder *encoder = job->encoder;
    if (encoder->slot_count < count) {
        free(encoder->slots);
        encoder->slots = malloc(count * sizeof *encoder->slots);
        encoder->slot_count = encoder->slots ? count : 0;
    }
    return encoder->slots != NULL;
}

/* Codes of all values; gives up (length 0) once the values are too various to gain by it. */
static void build_dictionary(ChunkJob *job) {
    ChunkEncoder *encoder = job->encoder;
    enum { SLOTS = LARGEST_DICTIONARY * 2 };
    uint32_t length = 0;
    size_t bytes = 0;
    if (encoder->code_capacity < (size_t)job->dense_count) {
        free(encoder->codes);
        encoder->code_capacity = (size_t)job->dense_count;
        encoder->codes = malloc(encoder->code_capacity * sizeof *encoder->codes);
    }
    job->dictionary_rows = malloc(LARGEST_DICTIONARY * sizeof *job->dictionary_rows);
    if (!encoder->codes || !job->dictionary_rows || !grow_slots(job, SLOTS)) {
        encoder->code_capacity = encoder->codes ? encoder->code_capacity : 0;
        return;
    }
    memset(encoder->slots, 0xff, SLOTS * sizeof *encoder->slots);
    for (int64_t i = 0; i < job->dense_count; i++) {
        const uint8_t *value = dense_value(job, i);
        size_t slot = hash_dense(job, value) & (SLOTS - 1);
        while (encoder->slots[slot] != UINT32_MAX &&
               !same_dense(job, value, dense_value(job, job->dictionary_rows[encoder->slots[slot]])))
            slot = (slot + 1) & (SLOTS - 1);
        if (encoder->slots[slot] == UINT32_MAX) {
            bytes += job->storage->vector_physical == PHYS_STRING ? ((const StringView *)value)->length + 4
                                                                  : job->dense_width;
            bool too_various = length > VARIOUS_FROM && (int64_t)length > (i + 1) / 2;
            if (length == LARGEST_DICTIONARY || bytes > LARGEST_DICTIONARY_BYTES || too_various) return;
            job->dictionary_rows[length] = (uint32_t)i;
            encoder->slots[slot] = length++;
        }
        encoder->codes[i] = encoder->slots[slot];
    }
    job->dictionary_length = length;
}

static int code_width(const ChunkJob *job) {
    uint32_t largest = job->dictionary_length - 1;
    return largest ? 32 - __builtin_clz(largest) : 1; /* never 0: some readers stumble over it */
}

static void encode_dictionary_values(const ChunkJob *job, StrBuf *out) {
    bool fixed = job->storage->physical == PARQUET_FIXED && job->storage->vector_physical == PHYS_STRING;
    for (uint32_t i = 0; i < job->dictionary_length; i++) {
        const uint8_t *value = dense_value(job, job->dictionary_rows[i]);
        if (fixed)
            strbuf_append(out, stringview_data((const StringView *)value), (size_t)job->storage->bytes);
        else if (job->storage->vector_physical == PHYS_STRING)
            parquet_encode_plain_strings((const StringView *)value, 1, out);
        else
            strbuf_append(out, value, job->dense_width);
    }
}

/* ---- values of a page ---- */

static void encode_plain(const ChunkJob *job, const uint8_t *values, int64_t count, StrBuf *out) {
    if (job->storage->physical == PARQUET_BOOLEAN) {
        parquet_encode_bools(values, count, out);
    } else if (job->storage->physical == PARQUET_BYTE_ARRAY) {
        parquet_encode_plain_strings((const StringView *)values, count, out);
    } else if (job->storage->vector_physical == PHYS_STRING) {
        for (int64_t i = 0; i < count; i++)
            strbuf_append(out, stringview_data((const StringView *)values + i), (size_t)job->storage->bytes);
    } else {
        strbuf_append(out, values, (size_t)count * job->dense_width);
    }
}

static Status encode_values(const ChunkJob *job, int encoding, int64_t first, int64_t count, StrBuf *out,
                            Error *err) {
    const uint8_t *values = dense_value(job, first);
    switch (encoding) {
    case ENCODING_RLE_DICTIONARY:
        strbuf_append_char(out, (char)code_width(job));
        parquet_encode_hybrid(job->encoder->codes + first, count, code_width(job), out);
        return STATUS_OK;
    case ENCODING_DELTA_BINARY_PACKED:
        if (job->storage->bytes == 4)
            parquet_encode_delta32((const int32_t *)(const void *)values, count, out);
        else
            parquet_encode_delta64((const int64_t *)(const void *)values, count, out);
        return STATUS_OK;
    case ENCODING_BYTE_STREAM_SPLIT:
        parquet_encode_byte_stream_split(values, job->dense_width, count, out);
        return STATUS_OK;
    case ENCODING_DELTA_LENGTH_BYTE_ARRAY:
    case ENCODING_DELTA_BYTE_ARRAY: {
        int32_t *lengths = malloc((size_t)(count ? count : 1) * 2 * sizeof *lengths);
        if (!lengths) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
        if (encoding == ENCODING_DELTA_BYTE_ARRAY)
            parquet_encode_delta_strings((const StringView *)values, count, lengths, out);
        else
            parquet_encode_delta_lengths((const StringView *)values, count, lengths, out);
        free(lengths);
        return STATUS_OK;
    }
    default: encode_plain(job, values, count, out); return STATUS_OK;
    }
}

static Status compress(const ChunkJob *job, const StrBuf *in, StrBuf *out, Error *err) {
    strbuf_reset(out);
    size_t bound = ZSTD_compressBound(in->length);
    strbuf_grow(out, bound);
    size_t written =
        ZSTD_compressCCtx(job->encoder->zstd, out->data, bound, strbuf_text(in), in->length, job->level);
    if (ZSTD_isError(written))
        return error_set(err, SQLSTATE_INTERNAL, "zstd: %s", ZSTD_getErrorName(written));
    out->length = written;
    return STATUS_OK;
}

/* ---- choosing ---- */

/* Bytes per value of an encoding over two stretches of the chunk, raw and compressed. */
static Status sample(const ChunkJob *job, int encoding, double *raw, double *packed, Error *err) {
    ChunkEncoder *encoder = job->encoder;
    int64_t values = 0, raw_bytes = 0, packed_bytes = 0;
    for (int part = 0; part < 2; part++) {
        int64_t first = job->dense_count * (1 + 2 * part) / 4;
        int64_t count = job->dense_count - first < SAMPLE_VALUES ? job->dense_count - first : SAMPLE_VALUES;
        if (job->dense_count <= SAMPLE_VALUES) {
            first = 0;
            count = part == 0 ? job->dense_count : 0;
        }
        if (count == 0) continue;
        strbuf_reset(&encoder->body);
        TRY(encode_values(job, encoding, first, count, &encoder->body, err));
        TRY(compress(job, &encoder->body, &encoder->packed, err));
        values += count;
        raw_bytes += (int64_t)encoder->body.length;
        packed_bytes += (int64_t)encoder->packed.length;
    }
    *raw = values ? (double)raw_bytes / (double)values : 0;
    *packed = values ? (double)packed_bytes / (double)values : 0;
    if (encoding == ENCODING_RLE_DICTIONARY && job->dense_count) {
        strbuf_reset(&encoder->body);
        encode_dictionary_values(job, &encoder->body);
        *raw += (double)encoder->body.length / (double)job->dense_count;
        *packed += 0.7 * (double)encoder->body.length / (double)job->dense_count;
    }
    return STATUS_OK;
}

static int list_candidates(const ChunkJob *job, int candidates[5]) {
    int count = 0;
    bool is_float = job->storage->physical == PARQUET_FLOAT || job->storage->physical == PARQUET_DOUBLE;
    bool is_integer = job->storage->physical == PARQUET_INT32 || job->storage->physical == PARQUET_INT64;
    bool all = !job->encoder->plain_encodings;
    candidates[count++] = ENCODING_PLAIN;
    if (is_float && all) candidates[count++] = ENCODING_BYTE_STREAM_SPLIT;
    if (is_integer && all) candidates[count++] = ENCODING_DELTA_BINARY_PACKED;
    if (job->storage->physical == PARQUET_BYTE_ARRAY && all) {
        candidates[count++] = ENCODING_DELTA_LENGTH_BYTE_ARRAY;
        candidates[count++] = ENCODING_DELTA_BYTE_ARRAY;
    }
    if (job->dictionary_length > 0) candidates[count++] = ENCODING_RLE_DICTIONARY;
    return count;
}

/* Smallest after compression, with a handicap for what costs later: strings without codes lose the work on
 * codes, delta and split cost a little to decode. Compression is left off where it hardly gains. */
static Status choose(ChunkJob *job, Error *err) {
    int candidates[5];
    int count = list_candidates(job, candidates);
    bool is_string = job->storage->vector_physical == PHYS_STRING;
    double best = 0, best_raw = 0, best_packed = 0;
    job->encoding = ENCODING_PLAIN;
    job->codec = CODEC_ZSTD;
    for (int i = 0; i < count; i++) {
        double raw, packed, weight = 1.05;
        TRY(sample(job, candidates[i], &raw, &packed, err));
        if (candidates[i] == ENCODING_PLAIN)
            weight = 1;
        else if (candidates[i] == ENCODING_RLE_DICTIONARY)
            weight = is_string ? 0.7 : 0.95;
        else if (candidates[i] == ENCODING_DELTA_BYTE_ARRAY)
            weight = 1.25;
        if (i == 0 || packed * weight < best) {
            best = packed * weight;
            best_raw = raw;
            best_packed = packed;
            job->encoding = candidates[i];
        }
    }
    if (best_packed > best_raw * 0.93) job->codec = CODEC_NONE;
    return STATUS_OK;
}

/* ---- pages ---- */

static void write_page_header(const ChunkJob *job, bool dictionary, int32_t value_count, size_t raw,
                              size_t packed, uint32_t crc, StrBuf *out) {
    ThriftWriter writer;
    thrift_writer_init(&writer, out);
    thrift_write_i32(&writer, 1, dictionary ? PAGE_DICTIONARY : PAGE_DATA);
    thrift_write_i32(&writer, 2, (int32_t)raw);
    thrift_write_i32(&writer, 3, (int32_t)packed);
    thrift_write_i32(&writer, 4, (int32_t)crc);
    thrift_write_struct_begin(&writer, dictionary ? 7 : 5);
    thrift_write_i32(&writer, 1, value_count);
    thrift_write_i32(&writer, 2, dictionary ? ENCODING_PLAIN : job->encoding);
    if (!dictionary) {
        thrift_write_i32(&writer, 3, ENCODING_RLE);
        thrift_write_i32(&writer, 4, ENCODING_RLE);
    }
    thrift_write_struct_end(&writer);
    thrift_write_stop(&writer);
}

/* Compresses encoder->body and appends header and body to the chunk. */
static Status finish_page(ChunkJob *job, bool dictionary, int64_t value_count, WrittenChunk *out,
                          Error *err) {
    ChunkEncoder *encoder = job->encoder;
    const StrBuf *stored = &encoder->body;
    if (encoder->body.length > (size_t)1 << 30)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "column %s: a page of more than 1 GiB",
                         job->buffer->column->name);
    if (job->codec == CODEC_ZSTD) {
        TRY(compress(job, &encoder->body, &encoder->packed, err));
        stored = &encoder->packed;
    }
    size_t before = encoder->out.length;
    uint32_t crc = libdeflate_crc32(0, strbuf_text(stored), stored->length);
    write_page_header(job, dictionary, (int32_t)value_count, encoder->body.length, stored->length, crc,
                      &encoder->out);
    out->uncompressed_bytes += (int64_t)(encoder->out.length - before + encoder->body.length);
    strbuf_append(&encoder->out, strbuf_text(stored), stored->length);
    out->compressed_bytes += (int64_t)(encoder->out.length - before);
    return STATUS_OK;
}

static void keep_bound(union ParquetBound *bound, Arena *arena) {
    if (bound->string.length > 12)
        bound->string.pointer = arena_memdup(arena, bound->string.pointer, bound->string.length);
}

static void write_levels(const ColumnBuffer *buffer, int64_t first_row, int64_t rows, StrBuf *out) {
    uint32_t length = 0;
    size_t at = out->length;
    strbuf_append(out, &length, 4);
    parquet_encode_levels(buffer->validity, first_row, rows, out);
    length = (uint32_t)(out->length - at) - 4;
    memcpy(out->data + at, &length, 4);
}

static Status write_data_page(ChunkJob *job, int64_t first_row, int64_t rows, int64_t *dense_at,
                              int64_t offset, Arena *arena, WrittenChunk *out, Error *err) {
    ChunkEncoder *encoder = job->encoder;
    const ColumnBuffer *buffer = job->buffer;
    WrittenPage *page = &out->pages[out->page_count++];
    int64_t first_value = first_row, values = rows, entries = rows;
    if (job->storage->list) {
        const uint32_t *ends = buffer->lists.ends;
        first_value = first_row ? ends[first_row - 1] : 0;
        values = rows ? ends[first_row + rows - 1] - first_value : 0;
    }
    page->offset = offset + (int64_t)encoder->out.length;
    page->first_row = first_row;
    parquet_bounds_collect(job->storage->vector_physical, buffer->values, buffer->validity, first_value,
                           values, &page->bounds);
    if (page->bounds.any && job->storage->vector_physical == PHYS_STRING) {
        keep_bound(&page->bounds.min, arena);
        keep_bound(&page->bounds.max, arena);
    }
    int64_t dense = values - page->bounds.null_count;
    strbuf_reset(&encoder->body);
    if (job->storage->list) {
        entries = list_levels_write(buffer, first_row, rows, &encoder->body);
        page->bounds.null_count = entries - dense; /* NULL and empty lists are entries too */
        out->value_count += entries;
    } else if (buffer->column->nullable) {
        write_levels(buffer, first_row, rows, &encoder->body);
    }
    parquet_bounds_merge(job->storage->vector_physical, &out->bounds, &page->bounds);
    TRY(encode_values(job, job->encoding, *dense_at, dense, &encoder->body, err));
    *dense_at += dense;
    size_t before = encoder->out.length;
    TRY(finish_page(job, false, entries, out, err));
    page->bytes = (int32_t)(encoder->out.length - before);
    return STATUS_OK;
}

static int64_t buffered_rows(const ColumnBuffer *buffer) {
    return buffer->storage.list ? buffer->lists.count : buffer->row_count;
}

/* Long strings and lists get shorter pages, by halves, so that pages still end together with other columns'.
 */
static int rows_per_page(const ChunkJob *job) {
    enum { TARGET_BYTES = 4 << 20, FEWEST_ROWS = 64 };
    int rows = job->encoder->page_rows;
    int64_t count = buffered_rows(job->buffer), values = job->buffer->row_count;
    if (count == 0 || (job->storage->physical != PARQUET_BYTE_ARRAY && !job->storage->list)) return rows;
    double bytes = (double)values * physical_width(job->storage->vector_physical);
    if (job->storage->physical == PARQUET_BYTE_ARRAY) {
        const StringView *views = (const StringView *)job->buffer->values;
        uint64_t text_bytes = 0;
        for (int64_t i = 0; i < values; i++)
            text_bytes += views[i].length;
        bytes = (double)text_bytes;
    }
    while (rows >= 2 * FEWEST_ROWS && rows % 128 == 0 && bytes / (double)count * rows > TARGET_BYTES)
        rows /= 2;
    return rows;
}

static Status write_pages(ChunkJob *job, int64_t offset, Arena *arena, WrittenChunk *out, Error *err) {
    ChunkEncoder *encoder = job->encoder;
    int64_t rows = buffered_rows(job->buffer), dense_at = 0;
    job->page_rows = rows_per_page(job);
    out->pages = malloc((size_t)(rows / job->page_rows + 2) * sizeof *out->pages);
    if (!out->pages) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    if (job->encoding == ENCODING_RLE_DICTIONARY) {
        out->dictionary_offset = offset;
        strbuf_reset(&encoder->body);
        encode_dictionary_values(job, &encoder->body);
        TRY(finish_page(job, true, job->dictionary_length, out, err));
        out->distinct_count = job->dictionary_length;
    }
    out->data_offset = offset + (int64_t)encoder->out.length;
    for (int64_t first = 0; first < rows; first += job->page_rows) {
        int64_t count = rows - first < job->page_rows ? rows - first : job->page_rows;
        TRY(write_data_page(job, first, count, &dense_at, offset, arena, out, err));
    }
    return STATUS_OK;
}

/* ---- order and bloom filter ---- */

static ParquetPageOrder order_of_pages(const ChunkJob *job, const WrittenChunk *chunk) {
    const ParquetBounds *previous = NULL;
    bool ascending = true, descending = true;
    for (int i = 0; i < chunk->page_count; i++) {
        const ParquetBounds *bounds = &chunk->pages[i].bounds;
        if (!bounds->any) continue;
        if (previous) {
            int min = parquet_bound_compare(job->storage->vector_physical, &previous->min, &bounds->min);
            int max = parquet_bound_compare(job->storage->vector_physical, &previous->max, &bounds->max);
            ascending &= min <= 0 && max <= 0;
            descending &= min >= 0 && max >= 0;
        }
        previous = bounds;
    }
    return ascending ? PAGES_ASCENDING : descending ? PAGES_DESCENDING : PAGES_UNORDERED;
}

/* Values one looks up, many different ones, and in no order: where bounds say nothing. */
static bool wants_bloom(const ChunkJob *job, const WrittenChunk *chunk) {
    enum { FEWEST_VALUES = 1024, LARGEST_SHARE = 4 };
    int64_t distinct = job->dictionary_length ? (int64_t)job->dictionary_length : job->dense_count;
    if (job->storage->list || chunk->page_count < 2 || chunk->page_order != PAGES_UNORDERED ||
        distinct < FEWEST_VALUES ||
        (int64_t)parquet_bloom_bytes_for(distinct) > chunk->compressed_bytes / LARGEST_SHARE)
        return false;
    switch (job->storage->type.id) {
    case SQL_INT4:
    case SQL_INT8:
    case SQL_TEXT:
    case SQL_VARCHAR:
    case SQL_BYTEA:
    case SQL_UUID: return true;
    default: return false;
    }
}

/* Without the memory for it the file is as good, only slower to search. */
static void build_bloom(const ChunkJob *job, WrittenChunk *chunk) {
    int64_t count = job->dictionary_length ? (int64_t)job->dictionary_length : job->dense_count;
    chunk->bloom_bits = parquet_bloom_bytes_for(count);
    chunk->bloom = calloc(chunk->bloom_bits, 1);
    for (int64_t i = 0; chunk->bloom && i < count; i++) {
        const uint8_t *value = dense_value(job, job->dictionary_length ? job->dictionary_rows[i] : i);
        const StringView *view = (const StringView *)value;
        bool is_string = job->storage->vector_physical == PHYS_STRING;
        uint64_t hash = is_string ? parquet_bloom_hash(stringview_data(view), view->length)
                                  : parquet_bloom_hash(value, job->dense_width);
        parquet_bloom_insert(chunk->bloom, chunk->bloom_bits, hash);
    }
}

Status chunk_encode(ChunkEncoder *encoder, const ColumnBuffer *buffer, int64_t offset, Arena *arena,
                    WrittenChunk *out, Error *err) {
    ChunkJob job = {
        .encoder = encoder, .buffer = buffer, .storage = &buffer->storage, .level = encoder->zstd_level};
    /* Wide integers decode a good third faster at level 1, and come out no larger. */
    if (encoder->level_is_default && buffer->storage.physical == PARQUET_INT64) job.level = 1;
    memset(out, 0, sizeof *out);
    out->first_offset = offset;
    out->distinct_count = -1;
    out->value_count = buffer->storage.list ? 0 : buffer->row_count; /* of a list: its entries */
    strbuf_reset(&encoder->out);
    make_dense(&job);
    if (job.dense_count > 0 && buffer->storage.physical != PARQUET_BOOLEAN) build_dictionary(&job);
    Status status = choose(&job, err);
    if (status == STATUS_OK) status = write_pages(&job, offset, arena, out, err);
    if (status == STATUS_OK) {
        out->page_order = order_of_pages(&job, out);
        if (wants_bloom(&job, out)) build_bloom(&job, out);
    }
    free(job.dictionary_rows);
    out->encoding = job.encoding;
    out->codec = job.codec;
    return status;
}

void chunk_encoder_deinit(ChunkEncoder *encoder) {
    ZSTD_freeCCtx(encoder->zstd);
    strbuf_deinit(&encoder->out);
    strbuf_deinit(&encoder->body);
    strbuf_deinit(&encoder->packed);
    strbuf_deinit(&encoder->dense);
    free(encoder->codes);
    free(encoder->slots);
}
