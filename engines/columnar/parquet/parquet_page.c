#include "engines/columnar/parquet/parquet_page.h"

#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/checksum.h"
#include "engines/columnar/parquet/parquet_codec.h"
#include "engines/columnar/parquet/parquet_decode.h"

static const size_t LARGEST_PAGE_BYTES = (size_t)1 << 30;

/* ---- scratch ---- */

typedef struct ThreadScratch {
    void *memory[SCRATCH_COUNT];
    size_t capacity[SCRATCH_COUNT];
} ThreadScratch;

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void destroy_scratch(void *value) {
    ThreadScratch *scratch = value;
    for (int i = 0; i < SCRATCH_COUNT; i++)
        free(scratch->memory[i]);
    free(scratch);
}

/* The main thread's destructor never runs. */
static void destroy_last(void) {
    ThreadScratch *scratch = pthread_getspecific(scratch_key);
    if (scratch) {
        pthread_setspecific(scratch_key, NULL);
        destroy_scratch(scratch);
    }
}

static void make_key(void) {
    pthread_key_create(&scratch_key, destroy_scratch);
    atexit(destroy_last);
}

void *parquet_scratch(int slot, size_t bytes) {
    enum { KEEP_BYTES = 32 << 20 };
    pthread_once(&scratch_once, make_key);
    ThreadScratch *scratch = pthread_getspecific(scratch_key);
    if (!scratch) {
        scratch = calloc(1, sizeof *scratch);
        if (!scratch) abort();
        pthread_setspecific(scratch_key, scratch);
    }
    size_t capacity = scratch->capacity[slot];
    if (bytes > capacity || (capacity > KEEP_BYTES && bytes < capacity / 8)) {
        free(scratch->memory[slot]);
        capacity = bytes < 4096 ? 4096 : bytes + bytes / 4;
        scratch->capacity[slot] = capacity;
        scratch->memory[slot] = malloc(capacity);
        if (!scratch->memory[slot]) {
            fprintf(stderr, "signalbox: out of memory for %zu bytes\n", capacity);
            abort();
        }
    }
    return scratch->memory[slot];
}

/* ---- body ---- */

typedef struct Decoder {
    const ParquetPageInput *input;
    const ParquetLeaf *leaf;
    ParquetPage *page;
    ParquetBytes values; /* the encoded values */
    size_t width;        /* of a physical value */
    Error *err;
} Decoder;

static Status damaged(const Decoder *decoder, const char *what) {
    return parquet_corrupt(decoder->err, decoder->input->path, "%s (%s page of a %s column)", what,
                           parquet_encoding_name(decoder->input->header.encoding),
                           parquet_physical_name((int)decoder->leaf->physical));
}

static void *take_heap(ParquetPage *page, size_t bytes) {
    parquet_memory_give(page->heap, page->heap_bytes);
    page->heap = parquet_memory_take(bytes + PARQUET_PADDING, &page->heap_bytes);
    return page->heap;
}

static bool keeps_stored_bytes(const Decoder *decoder) {
    int encoding = decoder->input->header.encoding;
    bool is_dictionary = decoder->page->is_dictionary;
    if (decoder->leaf->vector_physical != PHYS_STRING) return false;
    return is_dictionary || encoding == ENCODING_PLAIN || encoding == ENCODING_DELTA_LENGTH_BYTE_ARRAY;
}

/* Decompresses `in` into memory that is padded, and that lives with the page when views will point into it.
 */
static Status open_body(Decoder *decoder, const uint8_t *in, size_t in_bytes, size_t out_bytes,
                        bool compressed, ParquetBytes *out) {
    const ParquetPageInput *input = decoder->input;
    int codec = compressed ? input->codec : CODEC_NONE;
    bool keep = keeps_stored_bytes(decoder);
    if (out_bytes == 0) {
        *out = (ParquetBytes){in, in};
        return STATUS_OK;
    }
    if (out_bytes > LARGEST_PAGE_BYTES)
        return parquet_unsupported(decoder->err, input->path, "a page of %zu bytes is larger than 1 GiB",
                                   out_bytes);
    if (!parquet_decompress_plausible(codec, in, in_bytes, out_bytes))
        return damaged(decoder, "the page header's lengths cannot be right");
    if (codec == CODEC_NONE && !keep) {
        *out = (ParquetBytes){in, in + in_bytes};
        return STATUS_OK;
    }
    uint8_t *body = keep ? take_heap(decoder->page, out_bytes)
                         : parquet_scratch(SCRATCH_BODY, out_bytes + PARQUET_PADDING);
    TRY(parquet_decompress(input->path, codec, in, in_bytes, body, out_bytes, decoder->err));
    memset(body + out_bytes, 0, PARQUET_PADDING);
    *out = (ParquetBytes){body, body + out_bytes};
    return STATUS_OK;
}

static bool take_prefixed(ParquetBytes *in, ParquetBytes *out) {
    uint32_t length;
    if (parquet_bytes_left(in) < 4) return false;
    memcpy(&length, in->next, 4);
    if (length > parquet_bytes_left(in) - 4) return false;
    *out = (ParquetBytes){in->next + 4, in->next + 4 + length};
    in->next = out->end;
    return true;
}

/* Definition levels of a flat column are its validity. */
static Status read_validity(Decoder *decoder, ParquetBytes *levels, bool bit_packed) {
    ParquetPage *page = decoder->page;
    page->validity = parquet_memory_take(bitmap_bytes((size_t)page->row_count) + 8, &page->validity_bytes);
    memset(page->validity, 0, bitmap_bytes((size_t)page->row_count) + 8);
    bool good = bit_packed ? parquet_decode_bit_packed_bits(levels, page->row_count, page->validity)
                           : parquet_decode_hybrid_bits(levels, page->row_count, page->validity);
    if (!good) return damaged(decoder, "the definition levels end early");
    page->value_rows = (int64_t)bitmap_count(page->validity, (size_t)page->row_count);
    if (page->value_rows == page->row_count) {
        parquet_memory_give(page->validity, page->validity_bytes);
        page->validity = NULL;
        page->validity_bytes = 0;
    }
    return STATUS_OK;
}

/* The deprecated packing: most significant bit first. */
static bool decode_bit_packed_levels(ParquetBytes *in, int width, int64_t count, uint8_t *out) {
    uint64_t bytes = ((uint64_t)count * (uint64_t)width + 7) / 8;
    if (parquet_bytes_left(in) < bytes) return false;
    for (int64_t i = 0, bit = 0; i < count; i++) {
        unsigned level = 0;
        for (int b = 0; b < width; b++, bit++)
            level = level << 1 | (in->next[bit >> 3] >> (7 - (bit & 7)) & 1);
        out[i] = (uint8_t)level;
    }
    in->next += bytes;
    return true;
}

static Status read_levels(Decoder *decoder, ParquetBytes *in, bool bit_packed, int most, uint8_t *out) {
    int64_t count = decoder->page->row_count;
    int width = 32 - __builtin_clz((unsigned)most);
    if (bit_packed) {
        if (!decode_bit_packed_levels(in, width, count, out)) return damaged(decoder, "the levels end early");
    } else {
        uint32_t *levels = parquet_scratch(SCRATCH_VALUES, (size_t)count * sizeof *levels);
        if (!parquet_decode_hybrid(in, width, count, levels))
            return damaged(decoder, "the levels end early or are malformed");
        for (int64_t i = 0; i < count; i++)
            out[i] = (uint8_t)(levels[i] < 255 ? levels[i] : 255);
    }
    for (int64_t i = 0; i < count; i++)
        if (out[i] > most) return damaged(decoder, "a level is beyond the schema's");
    return STATUS_OK;
}

/* Both levels of a nested leaf. Page version 1 has a length before each, unless it is bit-packed. */
static Status read_nested_levels(Decoder *decoder, ParquetBytes *repetitions, ParquetBytes *definitions,
                                 bool prefixed) {
    const ParquetPageHeader *header = &decoder->input->header;
    const ParquetLeaf *leaf = decoder->leaf;
    ParquetPage *page = decoder->page;
    size_t count = (size_t)page->row_count;
    page->definitions = parquet_memory_take(2 * count + 1, &page->level_bytes);
    page->repetitions = page->definitions + count;
    memset(page->definitions, 0, 2 * count + 1);
    for (int part = 0; part < 2; part++) {
        int most = part ? leaf->max_definition : leaf->max_repetition;
        int encoding = part ? header->definition_encoding : header->repetition_encoding;
        ParquetBytes *in = part ? definitions : repetitions, own;
        bool bit_packed = prefixed && encoding == ENCODING_BIT_PACKED;
        if (most == 0 || count == 0) continue;
        if (prefixed && !bit_packed) {
            if (encoding != ENCODING_RLE) return damaged(decoder, "the levels have an unknown encoding");
            if (!take_prefixed(in, &own)) return damaged(decoder, "the levels end early");
            in = &own;
        }
        TRY(read_levels(decoder, in, bit_packed, most, part ? page->definitions : page->repetitions));
    }
    page->value_rows = 0;
    for (size_t i = 0; i < count; i++)
        page->value_rows += page->definitions[i] == leaf->max_definition;
    return STATUS_OK;
}

static Status open_v1(Decoder *decoder) {
    const ParquetPageHeader *header = &decoder->input->header;
    TRY(open_body(decoder, decoder->input->body, (size_t)header->compressed_bytes,
                  (size_t)header->uncompressed_bytes, true, &decoder->values));
    if (decoder->leaf->nested) return read_nested_levels(decoder, &decoder->values, &decoder->values, true);
    if (!decoder->leaf->optional || decoder->page->row_count == 0) return STATUS_OK;
    ParquetBytes levels;
    if (header->definition_encoding == ENCODING_BIT_PACKED)
        return read_validity(decoder, &decoder->values, true);
    if (header->definition_encoding != ENCODING_RLE)
        return damaged(decoder, "the definition levels have an unknown encoding");
    if (!take_prefixed(&decoder->values, &levels)) return damaged(decoder, "the definition levels end early");
    return read_validity(decoder, &levels, false);
}

static Status open_v2(Decoder *decoder) {
    const ParquetPageHeader *header = &decoder->input->header;
    int64_t levels_bytes = (int64_t)header->definition_bytes + header->repetition_bytes;
    if (header->definition_bytes < 0 || header->repetition_bytes < 0 ||
        levels_bytes > header->compressed_bytes || levels_bytes > header->uncompressed_bytes)
        return damaged(decoder, "the levels are longer than the page");
    const uint8_t *body = decoder->input->body;
    if (decoder->leaf->nested) {
        ParquetBytes repetitions = {body, body + header->repetition_bytes};
        ParquetBytes definitions = {body + header->repetition_bytes, body + levels_bytes};
        TRY(read_nested_levels(decoder, &repetitions, &definitions, false));
    } else if (decoder->leaf->optional && decoder->page->row_count > 0) {
        ParquetBytes levels = {body + header->repetition_bytes, body + levels_bytes};
        TRY(read_validity(decoder, &levels, false));
    }
    return open_body(decoder, body + levels_bytes, (size_t)(header->compressed_bytes - levels_bytes),
                     (size_t)(header->uncompressed_bytes - levels_bytes), header->is_compressed,
                     &decoder->values);
}

/* ---- values ---- */

static Status convert_fixed(Decoder *decoder, const uint8_t *raw, int64_t count) {
    const char *why;
    if (!parquet_convert_fixed(decoder->leaf, raw, count, decoder->page->values, &why))
        return error_set(decoder->err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "Parquet file %s: %s",
                         decoder->input->path, why);
    return STATUS_OK;
}

static Status decode_plain(Decoder *decoder, int64_t count) {
    ParquetPage *page = decoder->page;
    const char *why;
    if (decoder->leaf->physical == PARQUET_BOOLEAN) {
        if (!parquet_decode_plain_bools(&decoder->values, count, page->values))
            return damaged(decoder, "the values end early");
        return STATUS_OK;
    }
    if (decoder->leaf->physical != PARQUET_BYTE_ARRAY) {
        if (parquet_bytes_left(&decoder->values) / (size_t)decoder->leaf->type_length < (size_t)count)
            return damaged(decoder, "the values end early");
        return convert_fixed(decoder, decoder->values.next, count);
    }
    bool as_is = decoder->leaf->conversion == CONVERT_STRING;
    if (parquet_bytes_left(&decoder->values) / 4 < (size_t)count)
        return damaged(decoder, "the values end early");
    StringView *views = as_is ? page->values : parquet_scratch(SCRATCH_VALUES, (size_t)count * sizeof *views);
    if (!parquet_decode_plain_strings(&decoder->values, count, views))
        return damaged(decoder, "the values end early");
    if (!as_is && !parquet_convert_bytes(decoder->leaf, views, count, page->values, &why))
        return damaged(decoder, why);
    return STATUS_OK;
}

static Status decode_rle_bools(Decoder *decoder, int64_t count) {
    ParquetBytes bits;
    if (decoder->leaf->physical != PARQUET_BOOLEAN) return damaged(decoder, "this encoding is for booleans");
    if (count == 0) return STATUS_OK;
    size_t bitmap_size = bitmap_bytes((size_t)count) + 8;
    uint64_t *bitmap = parquet_scratch(SCRATCH_VALUES, bitmap_size);
    memset(bitmap, 0, bitmap_size);
    if (!take_prefixed(&decoder->values, &bits) || !parquet_decode_hybrid_bits(&bits, count, bitmap))
        return damaged(decoder, "the values end early");
    uint8_t *out = decoder->page->values;
    for (int64_t i = 0; i < count; i++)
        out[i] = bitmap_get(bitmap, (size_t)i);
    return STATUS_OK;
}

static Status decode_delta_integers(Decoder *decoder, int64_t count) {
    bool narrow = decoder->leaf->physical == PARQUET_INT32;
    if (!narrow && decoder->leaf->physical != PARQUET_INT64)
        return damaged(decoder, "this encoding is for integers");
    if (count == 0) return STATUS_OK;
    bool as_is = decoder->leaf->conversion == CONVERT_SAME;
    void *raw = as_is ? decoder->page->values : parquet_scratch(SCRATCH_VALUES, (size_t)count * 8);
    bool good = narrow ? parquet_decode_delta32(&decoder->values, count, raw)
                       : parquet_decode_delta64(&decoder->values, count, raw);
    if (!good) return damaged(decoder, "the values end early or are malformed");
    return as_is ? STATUS_OK : convert_fixed(decoder, raw, count);
}

static Status decode_byte_stream_split(Decoder *decoder, int64_t count) {
    size_t stored = (size_t)decoder->leaf->type_length;
    if (decoder->leaf->physical == PARQUET_BYTE_ARRAY || decoder->leaf->physical == PARQUET_BOOLEAN)
        return damaged(decoder, "this encoding is for values of a fixed width");
    if (parquet_bytes_left(&decoder->values) / stored < (size_t)count)
        return damaged(decoder, "the values end early");
    if (decoder->leaf->conversion == CONVERT_SAME) {
        parquet_decode_byte_stream_split(decoder->values.next, stored, count, decoder->page->values);
        return STATUS_OK;
    }
    uint8_t *raw = decoder->leaf->conversion == CONVERT_FIXED_STRING
                       ? take_heap(decoder->page, stored * (size_t)count)
                       : parquet_scratch(SCRATCH_VALUES, stored * (size_t)count);
    parquet_decode_byte_stream_split(decoder->values.next, stored, count, raw);
    return convert_fixed(decoder, raw, count);
}

/* Views over `count` strings of the given lengths, end to end. */
static Status views_of_lengths(Decoder *decoder, const uint32_t *lengths, int64_t count) {
    const char *why;
    bool as_is = decoder->leaf->conversion == CONVERT_STRING;
    StringView *views =
        as_is ? decoder->page->values : parquet_scratch(SCRATCH_MORE, (size_t)count * sizeof *views);
    for (int64_t i = 0; i < count; i++) {
        if (lengths[i] > parquet_bytes_left(&decoder->values))
            return damaged(decoder, "the values end early");
        views[i] = stringview_make((const char *)decoder->values.next, lengths[i]);
        decoder->values.next += lengths[i];
    }
    if (!as_is && !parquet_convert_bytes(decoder->leaf, views, count, decoder->page->values, &why))
        return damaged(decoder, why);
    return STATUS_OK;
}

static Status decode_delta_lengths(Decoder *decoder, int64_t count) {
    if (decoder->leaf->physical != PARQUET_BYTE_ARRAY)
        return damaged(decoder, "this encoding is for byte arrays");
    if (count == 0) return STATUS_OK;
    uint32_t *lengths = parquet_scratch(SCRATCH_VALUES, (size_t)count * sizeof *lengths);
    if (!parquet_decode_delta32(&decoder->values, count, lengths))
        return damaged(decoder, "the lengths are malformed");
    return views_of_lengths(decoder, lengths, count);
}

/* Strings that share a prefix with the one before, written out in full one after the other. */
static Status expand_prefixes(Decoder *decoder, const uint32_t *prefixes, const uint32_t *suffixes,
                              int64_t count, uint8_t **out) {
    uint64_t total = 0, suffix_total = 0;
    for (int64_t i = 0; i < count; i++) {
        uint64_t previous = i > 0 ? (uint64_t)prefixes[i - 1] + suffixes[i - 1] : 0;
        suffix_total += suffixes[i];
        total += (uint64_t)prefixes[i] + suffixes[i];
        if (prefixes[i] > previous || total > LARGEST_PAGE_BYTES)
            return damaged(decoder, "a prefix is longer than the string before");
    }
    if (suffix_total > parquet_bytes_left(&decoder->values)) return damaged(decoder, "the values end early");
    uint8_t *next = *out = take_heap(decoder->page, total);
    const uint8_t *suffix = decoder->values.next, *previous = next;
    for (int64_t i = 0; i < count; i++) {
        uint8_t *start = next;
        memcpy(next, previous, prefixes[i]);
        memcpy(next + prefixes[i], suffix, suffixes[i]);
        suffix += suffixes[i];
        next += prefixes[i] + suffixes[i];
        previous = start;
    }
    decoder->values = (ParquetBytes){*out, next};
    return STATUS_OK;
}

static Status decode_delta_strings(Decoder *decoder, int64_t count) {
    bool fixed = decoder->leaf->physical == PARQUET_FIXED;
    if (!fixed && decoder->leaf->physical != PARQUET_BYTE_ARRAY)
        return damaged(decoder, "this encoding is for byte arrays");
    if (count == 0) return STATUS_OK;
    uint32_t *prefixes = parquet_scratch(SCRATCH_VALUES, (size_t)count * 2 * sizeof *prefixes);
    uint32_t *suffixes = prefixes + count;
    uint8_t *expanded = NULL;
    if (!parquet_decode_delta32(&decoder->values, count, prefixes) ||
        !parquet_decode_delta32(&decoder->values, count, suffixes))
        return damaged(decoder, "the lengths are malformed");
    TRY(expand_prefixes(decoder, prefixes, suffixes, count, &expanded));
    for (int64_t i = 0; i < count; i++) {
        suffixes[i] += prefixes[i];
        if (fixed && suffixes[i] != (uint32_t)decoder->leaf->type_length)
            return damaged(decoder, "a value does not have the column's fixed length");
    }
    return fixed ? convert_fixed(decoder, expanded, count) : views_of_lengths(decoder, suffixes, count);
}

static Status decode_codes(Decoder *decoder, const ParquetPage *dictionary, int64_t count) {
    ParquetPage *page = decoder->page;
    if (!dictionary) return damaged(decoder, "the column chunk has no dictionary");
    page->dictionary_length = (uint32_t)dictionary->row_count;
    uint32_t *codes = page->coded
                          ? page->codes
                          : parquet_scratch(SCRATCH_VALUES, (size_t)(count ? count : 1) * sizeof *codes);
    if (count > 0) {
        if (decoder->values.next >= decoder->values.end) return damaged(decoder, "the values end early");
        int width = *decoder->values.next++;
        if (!parquet_decode_hybrid(&decoder->values, width, count, codes))
            return damaged(decoder, "the codes end early or are malformed");
        if (parquet_max_code(codes, count) >= dictionary->row_count)
            return damaged(decoder, "a code is beyond the dictionary");
    }
    if (!page->coded) parquet_gather(dictionary->values, codes, count, decoder->width, page->values);
    return STATUS_OK;
}

static Status decode_values(Decoder *decoder, const ParquetPage *dictionary) {
    int64_t count = decoder->page->value_rows;
    switch (decoder->input->header.encoding) {
    case ENCODING_PLAIN: return decode_plain(decoder, count);
    case ENCODING_PLAIN_DICTIONARY:
    case ENCODING_RLE_DICTIONARY: return decode_codes(decoder, dictionary, count);
    case ENCODING_RLE: return decode_rle_bools(decoder, count);
    case ENCODING_DELTA_BINARY_PACKED: return decode_delta_integers(decoder, count);
    case ENCODING_DELTA_LENGTH_BYTE_ARRAY: return decode_delta_lengths(decoder, count);
    case ENCODING_DELTA_BYTE_ARRAY: return decode_delta_strings(decoder, count);
    case ENCODING_BYTE_STREAM_SPLIT: return decode_byte_stream_split(decoder, count);
    default:
        return parquet_unsupported(decoder->err, decoder->input->path, "page encoding %d is not known",
                                   decoder->input->header.encoding);
    }
}

static Status check_crc(const ParquetPageInput *input, Error *err) {
    const ParquetPageHeader *header = &input->header;
    if (!header->has_crc) return STATUS_OK;
    uint32_t crc = libdeflate_crc32(0, input->body, (size_t)header->compressed_bytes);
    if (!checksum_matches(header->crc, crc))
        return parquet_corrupt(err, input->path, "a page's checksum is %08x instead of %08x", crc,
                               header->crc);
    return STATUS_OK;
}

static Status take_values(Decoder *decoder) {
    ParquetPage *page = decoder->page;
    size_t count = page->row_count > 0 ? (size_t)page->row_count : 1;
    if (page->coded) {
        page->codes = parquet_memory_take(count * sizeof *page->codes, &page->code_bytes);
        page->codes[0] = 0;
    } else {
        page->values = parquet_memory_take(count * decoder->width, &page->value_bytes);
        memset(page->values, 0, decoder->width);
    }
    return STATUS_OK;
}

Status parquet_page_decode(const ParquetPageInput *input, const ParquetPage *dictionary, ParquetPage *out,
                           Error *err) {
    Decoder decoder = {.input = input,
                       .leaf = input->leaf,
                       .page = out,
                       .err = err,
                       .width = physical_width(input->leaf->vector_physical)};
    TRY(check_crc(input, err));
    if ((size_t)input->header.value_count > LARGEST_PAGE_BYTES / 16)
        return parquet_unsupported(err, input->path, "a page of %d values is too large",
                                   input->header.value_count);
    out->row_count = out->value_rows = input->header.value_count;
    out->coded = dictionary && parquet_encoding_is_dictionary(input->header.encoding) &&
                 input->leaf->vector_physical == PHYS_STRING;
    TRY(input->header.type == PAGE_DATA_V2 ? open_v2(&decoder) : open_v1(&decoder));
    TRY(take_values(&decoder));
    TRY(decode_values(&decoder, dictionary));
    if (out->validity)
        parquet_spread_nulls(out->coded ? out->codes : out->values, out->coded ? 4 : decoder.width,
                             out->validity, out->row_count, out->value_rows);
    return STATUS_OK;
}

Status parquet_dictionary_decode(const ParquetPageInput *input, ParquetPage *out, Error *err) {
    static _Atomic uint64_t last_id;
    ParquetPageInput plain = *input;
    Decoder decoder = {.input = &plain,
                       .leaf = input->leaf,
                       .page = out,
                       .err = err,
                       .width = physical_width(input->leaf->vector_physical)};
    if (input->header.encoding != ENCODING_PLAIN && input->header.encoding != ENCODING_PLAIN_DICTIONARY)
        return damaged(&decoder, "a dictionary page is not PLAIN");
    plain.header.encoding = ENCODING_PLAIN;
    TRY(check_crc(input, err));
    if ((size_t)input->header.value_count > LARGEST_PAGE_BYTES / 16)
        return parquet_unsupported(err, input->path, "a page of %d values is too large",
                                   input->header.value_count);
    out->is_dictionary = true;
    out->row_count = out->value_rows = input->header.value_count;
    TRY(open_body(&decoder, input->body, (size_t)input->header.compressed_bytes,
                  (size_t)input->header.uncompressed_bytes, true, &decoder.values));
    TRY(take_values(&decoder));
    TRY(decode_plain(&decoder, out->row_count));
    out->dictionary_id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    return STATUS_OK;
}
