/* A column's rows → a chunk's bytes: choice of encoding by a sample, pages, compression. */
#include <float.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/parquet/parquet_bloom.h"
#include "engines/columnar/parquet/parquet_encode.h"
#include "engines/columnar/parquet/parquet_unpack.h"
#include "engines/columnar/parquet/parquet_write.h"

enum { SAMPLE_VALUES = 8192 };

typedef struct ChunkJob {
    ChunkEncoder *encoder;
    ColumnBuffer *buffer;
    const ParquetStorage *storage;
    ChunkDictionary *dictionary;
    DenseValues dense;
    int page_rows;
    int encoding;
    int codec;
    int level;
    /* Of the best encoding so far: bytes of a value, compressed; the same with its handicap. */
    double best_packed, best_weighed;
} ChunkJob;

static inline bool row_valid(const ColumnBuffer *buffer, int64_t row) {
    return !buffer->validity || bitmap_get(buffer->validity, (size_t)row);
}

/* ---- dense stored values ---- */

/* Stored values of the rows that are not NULL. */
PARQUET_INLINE void narrow_values(const ColumnBuffer *buffer, PhysicalType physical, uint8_t *out,
                                  int64_t *count) {
    const char *values = buffer->values;
    int64_t dense = 0;
    size_t bytes = (size_t)buffer->storage.bytes;
    for (int64_t row = 0; row < buffer->row_count; row++) {
        if (!row_valid(buffer, row)) continue;
        switch (physical) {
        case PHYS_I16: ((int32_t *)(void *)out)[dense] = ((const int16_t *)(const void *)values)[row]; break;
        case PHYS_I64:
            ((int32_t *)(void *)out)[dense] = (int32_t)((const int64_t *)(const void *)values)[row];
            break;
        default:
            parquet_store_decimal(((const __int128 *)(const void *)values)[row], (int)bytes,
                                  out + (size_t)dense * bytes);
        }
        dense++;
    }
    *count = dense;
}

static void drop_nulls(const ColumnBuffer *buffer, size_t width, uint8_t *out, int64_t *count) {
    int64_t dense = 0;
    for (int64_t row = 0; row < buffer->row_count; row++) {
        if (!row_valid(buffer, row)) continue;
        memcpy(out + (size_t)dense * width, buffer->values + (size_t)row * width, width);
        dense++;
    }
    *count = dense;
}

static void make_dense(ChunkJob *job) {
    const ColumnBuffer *buffer = job->buffer;
    const ParquetStorage *storage = job->storage;
    StrBuf *dense = &job->encoder->dense;
    size_t width = physical_width(storage->vector_physical);
    bool as_is = storage->vector_physical == PHYS_STRING || storage->physical == PARQUET_BOOLEAN ||
                 (storage->vector_physical != PHYS_I128 && (size_t)storage->bytes == width);
    job->dense = (DenseValues){.storage = storage,
                               .data = (const uint8_t *)buffer->values,
                               .count = buffer->row_count,
                               .width = as_is ? width : (size_t)storage->bytes};
    if (as_is && !buffer->validity) return;
    strbuf_reset(dense);
    strbuf_grow(dense, (size_t)buffer->row_count * job->dense.width + 16);
    uint8_t *out = (uint8_t *)dense->data;
    job->dense.data = out;
    if (as_is)
        drop_nulls(buffer, width, out, &job->dense.count);
    else if (storage->vector_physical == PHYS_I16)
        narrow_values(buffer, PHYS_I16, out, &job->dense.count);
    else if (storage->vector_physical == PHYS_I64)
        narrow_values(buffer, PHYS_I64, out, &job->dense.count);
    else
        narrow_values(buffer, PHYS_I128, out, &job->dense.count);
}

static const uint8_t *dense_value(const ChunkJob *job, int64_t index) {
    return job->dense.data + (size_t)index * job->dense.width;
}

static int code_width(const ChunkJob *job) {
    uint32_t largest = job->dictionary->length - 1;
    return largest ? 32 - __builtin_clz(largest) : 1; /* never 0: some readers stumble over it */
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
        strbuf_append(out, values, (size_t)count * job->dense.width);
    }
}

static void encode_dictionary_values(const ChunkJob *job, StrBuf *out) {
    encode_plain(job, job->dictionary->entries, job->dictionary->length, out);
}

static Status encode_values(const ChunkJob *job, int encoding, int64_t first, int64_t count, StrBuf *out,
                            Error *err) {
    const uint8_t *values = dense_value(job, first);
    switch (encoding) {
    case ENCODING_RLE_DICTIONARY:
        strbuf_append_char(out, (char)code_width(job));
        parquet_encode_hybrid(job->dictionary->codes + first, count, code_width(job), out);
        return STATUS_OK;
    case ENCODING_DELTA_BINARY_PACKED:
        if (job->storage->bytes == 4)
            parquet_encode_delta32((const int32_t *)(const void *)values, count, out);
        else
            parquet_encode_delta64((const int64_t *)(const void *)values, count, out);
        return STATUS_OK;
    case ENCODING_BYTE_STREAM_SPLIT:
        parquet_encode_byte_stream_split(values, job->dense.width, count, out);
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
        int64_t first = job->dense.count * (1 + 2 * part) / 4;
        int64_t count = job->dense.count - first < SAMPLE_VALUES ? job->dense.count - first : SAMPLE_VALUES;
        if (job->dense.count <= SAMPLE_VALUES) {
            first = 0;
            count = part == 0 ? job->dense.count : 0;
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
    if (encoding == ENCODING_RLE_DICTIONARY && job->dense.count) {
        strbuf_reset(&encoder->body);
        encode_dictionary_values(job, &encoder->body);
        *raw += (double)encoder->body.length / (double)job->dense.count;
        *packed += 0.7 * (double)encoder->body.length / (double)job->dense.count;
    }
    return STATUS_OK;
}

static Status consider(ChunkJob *job, int encoding, double weight, Error *err) {
    double raw, packed;
    TRY(sample(job, encoding, &raw, &packed, err));
    if (packed * weight >= job->best_weighed) return STATUS_OK;
    job->best_weighed = packed * weight;
    job->best_packed = packed;
    job->encoding = encoding;
    job->codec = packed > raw * 0.93 ? CODEC_NONE : CODEC_ZSTD; /* left off where it hardly gains */
    return STATUS_OK;
}

/* Smallest after compression, with a handicap for what costs later: strings without codes lose the work on
 * codes, delta and split cost a little to decode. */
static Status choose(ChunkJob *job, Error *err) {
    ParquetPhysical physical = job->storage->physical;
    bool is_integer = physical == PARQUET_INT32 || physical == PARQUET_INT64;
    bool is_string = job->storage->vector_physical == PHYS_STRING, all = !job->encoder->plain_encodings;
    job->best_weighed = DBL_MAX;
    TRY(consider(job, ENCODING_PLAIN, 1, err));
    if ((physical == PARQUET_FLOAT || physical == PARQUET_DOUBLE) && all)
        TRY(consider(job, ENCODING_BYTE_STREAM_SPLIT, 1.05, err));
    if (is_integer && all) TRY(consider(job, ENCODING_DELTA_BINARY_PACKED, 1.05, err));
    if (physical == PARQUET_BYTE_ARRAY && all) {
        TRY(consider(job, ENCODING_DELTA_LENGTH_BYTE_ARRAY, 1.05, err));
        TRY(consider(job, ENCODING_DELTA_BYTE_ARRAY, 1.25, err));
    }
    if (physical != PARQUET_BOOLEAN)
        chunk_dictionary_build(job->dictionary, &job->dense, is_integer ? job->best_packed : 0);
    if (job->dictionary->length) TRY(consider(job, ENCODING_RLE_DICTIONARY, is_string ? 0.7 : 0.95, err));
    return STATUS_OK;
}

/* ---- the choice of the row group before ---- */

/* The column's values are mostly of a kind, so that one sample does for several row groups. */
static bool repeat_choice(ChunkJob *job) {
    const ChunkChoice *before = &job->buffer->choice;
    if (!before->known || job->dense.count < before->values / 2) return false;
    if (before->encoding == ENCODING_RLE_DICTIONARY) {
        chunk_dictionary_build(job->dictionary, &job->dense, 0);
        if (job->dictionary->length == 0) return false;
    }
    job->encoding = before->encoding;
    job->codec = before->codec;
    return true;
}

static void keep_choice(const ChunkJob *job, bool repeated, int64_t compressed_bytes) {
    enum { MOST_REPEATED = 7 };
    ChunkChoice *choice = &job->buffer->choice;
    double bytes = job->dense.count ? (double)compressed_bytes / (double)job->dense.count : 0;
    if (!repeated) {
        *choice = (ChunkChoice){.known = job->dense.count > 0,
                                .encoding = job->encoding,
                                .codec = job->codec,
                                .values = job->dense.count,
                                .value_bytes = bytes,
                                .distinct_share = job->dictionary->length ? (double)job->dictionary->length /
                                                                                (double)job->dense.count
                                                                          : 1};
        return;
    }
    bool as_before = bytes < choice->value_bytes * 1.1 && bytes > choice->value_bytes * 0.9;
    if (!as_before || ++choice->repeated == MOST_REPEATED) choice->known = false;
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

/* Of a page of codes only the entries that occur are compared. */
static bool bounds_by_codes(const ChunkJob *job, int64_t dense_at, int64_t count, ParquetBounds *out) {
    enum { MOST_ENTRIES = 4096 };
    const ChunkDictionary *dictionary = job->dictionary;
    uint8_t seen[MOST_ENTRIES];
    if (job->encoding != ENCODING_RLE_DICTIONARY || job->storage->vector_physical != PHYS_STRING ||
        dictionary->length > MOST_ENTRIES)
        return false;
    memset(seen, 0, dictionary->length);
    for (int64_t i = dense_at; i < dense_at + count; i++)
        seen[dictionary->codes[i]] = 1;
    const StringView *entries = (const StringView *)(const void *)dictionary->entries;
    for (uint32_t code = 0; code < dictionary->length; code++) {
        ParquetBounds one = {.any = seen[code]};
        one.min.string = one.max.string = entries[code];
        parquet_bounds_merge(PHYS_STRING, out, &one);
    }
    return true;
}

static void find_bounds(const ChunkJob *job, int64_t first, int64_t count, int64_t dense_at,
                        ParquetBounds *out) {
    const uint64_t *validity = job->buffer->validity;
    memset(out, 0, sizeof *out);
    int64_t nulls = parquet_count_nulls(validity, first, count);
    if (bounds_by_codes(job, dense_at, count - nulls, out))
        out->null_count = nulls;
    else
        parquet_bounds_collect(job->storage->vector_physical, job->buffer->values, validity, first, count,
                               out);
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
    find_bounds(job, first_value, values, *dense_at, &page->bounds);
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
        TRY(finish_page(job, true, job->dictionary->length, out, err));
        out->distinct_count = job->dictionary->length;
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

/* As counted, or as many of the values as in the row group that was. */
static int64_t distinct_values(const ChunkJob *job) {
    if (job->dictionary->length) return job->dictionary->length;
    return (int64_t)((double)job->dense.count * job->buffer->choice.distinct_share);
}

/* Values one looks up, many different ones, and in no order: where bounds say nothing. */
static bool wants_bloom(const ChunkJob *job, const WrittenChunk *chunk) {
    enum { FEWEST_VALUES = 1024, LARGEST_SHARE = 4 };
    int64_t distinct = distinct_values(job);
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
    int64_t count = job->dictionary->length ? (int64_t)job->dictionary->length : job->dense.count;
    const uint8_t *values = job->dictionary->length ? job->dictionary->entries : job->dense.data;
    chunk->bloom_bits = parquet_bloom_bytes_for(distinct_values(job));
    chunk->bloom = calloc(chunk->bloom_bits, 1);
    for (int64_t i = 0; chunk->bloom && i < count; i++) {
        const uint8_t *value = values + (size_t)i * job->dense.width;
        const StringView *view = (const StringView *)(const void *)value;
        bool is_string = job->storage->vector_physical == PHYS_STRING;
        uint64_t hash = is_string ? parquet_bloom_hash(stringview_data(view), view->length)
                                  : parquet_bloom_hash(value, job->dense.width);
        parquet_bloom_insert(chunk->bloom, chunk->bloom_bits, hash);
    }
}

/* Of text that has no dictionary to be searched instead, a sixth of its bytes at most. */
static void build_words(const ChunkJob *job, WrittenChunk *chunk) {
    enum { FEWEST_BYTES = 64 << 10, LARGEST_SHARE = 6 };
    if (!job->encoder->words || job->storage->list || job->encoding == ENCODING_RLE_DICTIONARY ||
        !sqltype_is_text(job->storage->type) || job->storage->vector_physical != PHYS_STRING ||
        chunk->compressed_bytes < FEWEST_BYTES)
        return;
    WordsInput input = {.words = job->encoder->words,
                        .values = (const StringView *)(const void *)job->buffer->values,
                        .row_count = job->buffer->row_count,
                        .page_rows = job->page_rows,
                        .most_bytes = chunk->compressed_bytes / LARGEST_SHARE};
    parquet_words_build(&input, &chunk->words);
}

Status chunk_encode(ChunkEncoder *encoder, ColumnBuffer *buffer, int64_t offset, Arena *arena,
                    WrittenChunk *out, Error *err) {
    ChunkJob job = {.encoder = encoder,
                    .buffer = buffer,
                    .storage = &buffer->storage,
                    .dictionary = &encoder->dictionary,
                    .level = encoder->zstd_level};
    /* Wide integers decode a good third faster at level 1, and come out no larger. */
    if (encoder->level_is_default && buffer->storage.physical == PARQUET_INT64) job.level = 1;
    memset(out, 0, sizeof *out);
    out->first_offset = offset;
    out->distinct_count = -1;
    out->value_count = buffer->storage.list ? 0 : buffer->row_count; /* of a list: its entries */
    strbuf_reset(&encoder->out);
    chunk_dictionary_skip(job.dictionary);
    make_dense(&job);
    bool repeated = repeat_choice(&job);
    if (!repeated) TRY(choose(&job, err));
    TRY(write_pages(&job, offset, arena, out, err));
    out->encoding = job.encoding;
    out->codec = job.codec;
    out->page_order = order_of_pages(&job, out);
    keep_choice(&job, repeated, out->compressed_bytes);
    if (wants_bloom(&job, out)) build_bloom(&job, out);
    build_words(&job, out);
    chunk_dictionary_sketch(job.dictionary, &job.dense, &buffer->sketch);
    return STATUS_OK;
}

void chunk_encoder_deinit(ChunkEncoder *encoder) {
    ZSTD_freeCCtx(encoder->zstd);
    strbuf_deinit(&encoder->out);
    strbuf_deinit(&encoder->body);
    strbuf_deinit(&encoder->packed);
    strbuf_deinit(&encoder->dense);
    chunk_dictionary_deinit(&encoder->dictionary);
}
