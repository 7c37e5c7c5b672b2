#include "engines/columnar/parquet/parquet_encode.h"

#include <string.h>

static void write_varint(StrBuf *out, uint64_t value) {
    char bytes[10];
    size_t length = 0;
    while (value >= 0x80) {
        bytes[length++] = (char)(value | 0x80);
        value >>= 7;
    }
    bytes[length++] = (char)value;
    strbuf_append(out, bytes, length);
}

static void write_zigzag(StrBuf *out, uint64_t value) {
    write_varint(out, value << 1 ^ (0 - (value >> 63)));
}

/* `count` (a multiple of 8) values of `width` bits; those from `real` on are zero. */
static void pack_bits32(const uint32_t *values, int64_t count, int64_t real, int width, StrBuf *out) {
    size_t bytes = (size_t)count / 8 * (size_t)width;
    strbuf_grow(out, bytes + 8);
    uint8_t *next = (uint8_t *)out->data + out->length;
    uint64_t pending = 0;
    int bits = 0;
    for (int64_t i = 0; i < count; i++) {
        pending |= (uint64_t)(i < real ? values[i] : 0) << bits;
        bits += width;
        if (bits >= 32) {
            memcpy(next, &pending, 4);
            next += 4;
            pending >>= 32;
            bits -= 32;
        }
    }
    memcpy(next, &pending, 4);
    out->length += bytes;
    out->data[out->length] = 0;
}

static void write_literals(const uint32_t *values, int64_t count, int width, StrBuf *out) {
    if (count == 0) return;
    int64_t groups = (count + 7) / 8;
    write_varint(out, (uint64_t)groups << 1 | 1);
    pack_bits32(values, groups * 8, count, width, out);
}

void parquet_encode_hybrid(const uint32_t *values, int64_t count, int width, StrBuf *out) {
    int64_t literals = 0, at = 0;
    while (at < count) {
        int64_t run = 1;
        while (at + run < count && values[at + run] == values[at])
            run++;
        /* Literals come in eights: the run's first values fill the last group up. */
        int64_t fill = (8 - (at - literals) % 8) % 8;
        if (run - fill >= 8) {
            write_literals(values + literals, at + fill - literals, width, out);
            write_varint(out, (uint64_t)(run - fill) << 1);
            strbuf_append(out, &values[at], (size_t)(width + 7) / 8);
            literals = at + run;
        }
        at += run;
    }
    write_literals(values + literals, count - literals, width, out);
}

void parquet_encode_levels(const uint64_t *validity, int64_t from, int64_t count, StrBuf *out) {
    size_t valid = validity ? bitmap_count(validity + from / 64, (size_t)count) : (size_t)count;
    if (valid == 0 || valid == (size_t)count) {
        write_varint(out, (uint64_t)count << 1);
        strbuf_append_char(out, valid != 0);
        return;
    }
    size_t groups = ((size_t)count + 7) / 8;
    write_varint(out, (uint64_t)groups << 1 | 1);
    strbuf_append(out, validity + from / 64, groups);
    if (count & 7) /* bits of rows beyond */
        out->data[out->length - 1] = (char)(out->data[out->length - 1] & ((1 << (count & 7)) - 1));
}

/* ---- delta: blocks of 128 in four mini blocks, what other writers use ---- */

enum { DELTA_BLOCK = 128, DELTA_MINI = 32 };

static void pack_bits64(const uint64_t *values, int width, StrBuf *out) {
    uint8_t packed[DELTA_MINI * 8 + 16] = {0};
    for (int i = 0; i < DELTA_MINI; i++) {
        int bit = i * width, shift = bit & 7;
        uint64_t word;
        memcpy(&word, packed + bit / 8, 8);
        word |= values[i] << shift;
        memcpy(packed + bit / 8, &word, 8);
        if (shift + width > 64) packed[bit / 8 + 8] |= (uint8_t)(values[i] >> (64 - shift));
    }
    strbuf_append(out, packed, (size_t)DELTA_MINI / 8 * (size_t)width);
}

/* `deltas` has DELTA_BLOCK entries, `count` of them real. */
static void write_delta_block(uint64_t *deltas, int count, bool narrow, StrBuf *out) {
    int64_t minimum = INT64_MAX;
    for (int i = 0; i < count; i++)
        minimum = (int64_t)deltas[i] < minimum ? (int64_t)deltas[i] : minimum;
    write_zigzag(out, (uint64_t)minimum);
    uint8_t widths[DELTA_BLOCK / DELTA_MINI] = {0};
    for (int i = 0; i < DELTA_BLOCK; i++) {
        deltas[i] = i < count ? deltas[i] - (uint64_t)minimum : 0;
        if (narrow) deltas[i] &= UINT32_MAX;
        int bits = deltas[i] ? 64 - __builtin_clzll(deltas[i]) : 0;
        if (bits > widths[i / DELTA_MINI]) widths[i / DELTA_MINI] = (uint8_t)bits;
    }
    strbuf_append(out, widths, sizeof widths);
    for (int i = 0; i * DELTA_MINI < count; i++)
        pack_bits64(deltas + i * DELTA_MINI, widths[i], out);
}

static void write_delta_header(int64_t count, uint64_t first, StrBuf *out) {
    write_varint(out, DELTA_BLOCK);
    write_varint(out, DELTA_BLOCK / DELTA_MINI);
    write_varint(out, (uint64_t)count);
    write_zigzag(out, first);
}

void parquet_encode_delta64(const int64_t *values, int64_t count, StrBuf *out) {
    write_delta_header(count, count ? (uint64_t)values[0] : 0, out);
    for (int64_t at = 1; at < count; at += DELTA_BLOCK) {
        uint64_t deltas[DELTA_BLOCK];
        int part = count - at < DELTA_BLOCK ? (int)(count - at) : DELTA_BLOCK;
        for (int i = 0; i < part; i++)
            deltas[i] = (uint64_t)values[at + i] - (uint64_t)values[at + i - 1];
        write_delta_block(deltas, part, false, out);
    }
}

void parquet_encode_delta32(const int32_t *values, int64_t count, StrBuf *out) {
    write_delta_header(count, count ? (uint64_t)values[0] : 0, out);
    for (int64_t at = 1; at < count; at += DELTA_BLOCK) {
        uint64_t deltas[DELTA_BLOCK];
        int part = count - at < DELTA_BLOCK ? (int)(count - at) : DELTA_BLOCK;
        /* Differences modulo 2^32, as a reader of 32-bit integers adds them. */
        for (int i = 0; i < part; i++)
            deltas[i] = (uint64_t)(int64_t)(int32_t)((uint32_t)values[at + i] - (uint32_t)values[at + i - 1]);
        write_delta_block(deltas, part, true, out);
    }
}

void parquet_encode_byte_stream_split(const uint8_t *values, size_t width, int64_t count, StrBuf *out) {
    strbuf_grow(out, width * (size_t)count);
    uint8_t *to = (uint8_t *)out->data + out->length;
    for (size_t b = 0; b < width; b++)
        for (int64_t i = 0; i < count; i++)
            *to++ = values[(size_t)i * width + b];
    out->length += width * (size_t)count;
    out->data[out->length] = 0;
}

void parquet_encode_plain_strings(const StringView *values, int64_t count, StrBuf *out) {
    for (int64_t i = 0; i < count; i++) {
        strbuf_append(out, &values[i].length, 4);
        strbuf_append(out, stringview_data(&values[i]), values[i].length);
    }
}

void parquet_encode_delta_lengths(const StringView *values, int64_t count, int32_t *lengths, StrBuf *out) {
    for (int64_t i = 0; i < count; i++)
        lengths[i] = (int32_t)values[i].length;
    parquet_encode_delta32(lengths, count, out);
    for (int64_t i = 0; i < count; i++)
        strbuf_append(out, stringview_data(&values[i]), values[i].length);
}

void parquet_encode_delta_strings(const StringView *values, int64_t count, int32_t *lengths, StrBuf *out) {
    int32_t *prefixes = lengths, *suffixes = lengths + count;
    for (int64_t i = 0; i < count; i++) {
        const char *value = stringview_data(&values[i]);
        const char *previous = i > 0 ? stringview_data(&values[i - 1]) : "";
        uint32_t most = i == 0                                    ? 0
                        : values[i].length < values[i - 1].length ? values[i].length
                                                                  : values[i - 1].length;
        uint32_t shared = 0;
        while (shared < most && value[shared] == previous[shared])
            shared++;
        prefixes[i] = (int32_t)shared;
        suffixes[i] = (int32_t)(values[i].length - shared);
    }
    parquet_encode_delta32(prefixes, count, out);
    parquet_encode_delta32(suffixes, count, out);
    for (int64_t i = 0; i < count; i++)
        strbuf_append(out, stringview_data(&values[i]) + prefixes[i], (size_t)suffixes[i]);
}

void parquet_encode_bools(const uint8_t *values, int64_t count, StrBuf *out) {
    for (int64_t i = 0; i < count; i += 8) {
        uint8_t byte = 0;
        for (int bit = 0; bit < 8 && i + bit < count; bit++)
            byte |= (uint8_t)((values[i + bit] & 1) << bit);
        strbuf_append_char(out, (char)byte);
    }
}
