#include "engines/columnar/parquet/parquet_decode.h"

#include <string.h>

#include "engines/columnar/parquet/parquet_unpack.h"

static bool read_varint(ParquetBytes *in, uint64_t *out) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (in->next >= in->end) return false;
        uint8_t byte = *in->next++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

typedef struct HybridRun {
    bool packed;
    int64_t count;  /* values, for packed: a multiple of 8 */
    uint32_t value; /* of an RLE run */
    const uint8_t *bytes;
} HybridRun;

/* Reads a run's header and, for RLE, its value. A packed run may be cut off at the end of the bytes when what
 * is left covers the values still wanted: some writers do not pad the last group. */
static bool next_run(ParquetBytes *in, int width, int64_t wanted, HybridRun *run) {
    uint64_t header;
    if (!read_varint(in, &header) || header >> 1 == 0) return false;
    run->packed = header & 1;
    if (run->packed) {
        uint64_t groups = header >> 1;
        size_t left = parquet_bytes_left(in);
        uint64_t bytes;
        if (groups > (uint64_t)INT32_MAX || __builtin_mul_overflow(groups, (uint64_t)width, &bytes))
            return false;
        run->count = (int64_t)groups * 8;
        run->bytes = in->next;
        if (bytes > left) {
            if (run->count > wanted) run->count = wanted;
            if (((uint64_t)run->count * (uint64_t)width + 7) / 8 > left) return false;
            bytes = left;
        }
        in->next += bytes;
        return true;
    }
    int value_bytes = (width + 7) / 8;
    if ((int64_t)parquet_bytes_left(in) < value_bytes || header >> 1 > INT32_MAX) return false;
    run->count = (int64_t)(header >> 1);
    run->value = 0;
    memcpy(&run->value, in->next, (size_t)value_bytes);
    in->next += value_bytes;
    return width == 32 || run->value >> width == 0;
}

static void unpack_run(const uint8_t *in, int width, int64_t count, uint32_t *restrict out) {
    int64_t done = 0;
    for (; done + 32 <= count; done += 32, in += 4 * width)
        parquet_unpack32(in, width, out + done);
    if (done < count) {
        /* The block's input may end before the page does; only whole words of it are loaded. */
        uint8_t block[128 + 16] = {0};
        uint32_t values[32];
        memcpy(block, in, ((size_t)(count - done) * (size_t)width + 7) / 8);
        parquet_unpack32(block, width, values);
        memcpy(out + done, values, (size_t)(count - done) * sizeof *out);
    }
}

bool parquet_decode_hybrid(ParquetBytes *in, int width, int64_t count, uint32_t *restrict out) {
    if (width < 0 || width > 32) return false;
    if (width == 0) {
        memset(out, 0, (size_t)count * sizeof *out);
        return true;
    }
    int64_t done = 0;
    while (done < count) {
        HybridRun run;
        if (!next_run(in, width, count - done, &run)) return false;
        int64_t take = run.count < count - done ? run.count : count - done;
        if (run.packed)
            unpack_run(run.bytes, width, take, out + done);
        else
            for (int64_t i = 0; i < take; i++)
                out[done + i] = run.value;
        done += take;
    }
    return true;
}

/* Appends `count` bits of `in` (least significant first) at bit `at` of a zeroed bitmap. */
static void append_bits(uint64_t *out, int64_t at, const uint8_t *in, int64_t count) {
    while (count > 0) {
        uint64_t word = 0;
        int64_t take = count < 64 ? count : 64;
        memcpy(&word, in, (size_t)(take + 7) / 8);
        if (take < 64) word &= ((uint64_t)1 << take) - 1;
        out[at >> 6] |= word << (at & 63);
        if (at & 63) out[(at >> 6) + 1] |= word >> (64 - (at & 63));
        at += take;
        in += 8;
        count -= take;
    }
}

bool parquet_decode_hybrid_bits(ParquetBytes *in, int64_t count, uint64_t *out) {
    int64_t done = 0;
    while (done < count) {
        HybridRun run;
        if (!next_run(in, 1, count - done, &run)) return false;
        int64_t take = run.count < count - done ? run.count : count - done;
        if (run.packed)
            append_bits(out, done, run.bytes, take);
        else if (run.value)
            bitmap_set_range(out, (size_t)done, (size_t)take);
        done += take;
    }
    return true;
}

bool parquet_decode_bit_packed_bits(ParquetBytes *in, int64_t count, uint64_t *out) {
    size_t bytes = ((size_t)count + 7) / 8;
    if (parquet_bytes_left(in) < bytes) return false;
    for (int64_t i = 0; i < count; i++)
        if (in->next[i >> 3] >> (7 - (i & 7)) & 1) bitmap_set(out, (size_t)i);
    in->next += bytes;
    return true;
}

/* ---- delta ---- */

typedef struct DeltaHeader {
    uint64_t block_values, mini_blocks, mini_values, total;
    uint64_t first;
} DeltaHeader;

static bool read_zigzag(ParquetBytes *in, uint64_t *out) {
    uint64_t value;
    if (!read_varint(in, &value)) return false;
    *out = (value >> 1) ^ (0 - (value & 1));
    return true;
}

static bool read_delta_header(ParquetBytes *in, DeltaHeader *out) {
    if (!read_varint(in, &out->block_values) || !read_varint(in, &out->mini_blocks) ||
        !read_varint(in, &out->total) || !read_zigzag(in, &out->first))
        return false;
    if (out->block_values == 0 || out->block_values > 1 << 20 || out->block_values % 128 != 0 ||
        out->mini_blocks == 0 || out->mini_blocks > 1024 || out->block_values % out->mini_blocks != 0)
        return false;
    out->mini_values = out->block_values / out->mini_blocks;
    return out->mini_values % 32 == 0;
}

/* One mini block's values, `take` of them, added up from `previous`. */
static bool add_mini_block(ParquetBytes *in, int width, uint64_t mini_values, uint64_t minimum, int64_t take,
                           uint64_t *previous, uint64_t *restrict out) {
    size_t bytes = (size_t)mini_values / 8 * (size_t)width;
    size_t needed = ((size_t)take * (size_t)width + 7) / 8;
    if (width > 64 || parquet_bytes_left(in) < needed) return false;
    uint64_t sum = *previous;
    const uint8_t *next = in->next;
    for (int64_t done = 0; done < take; done += 32, next += 4 * width) {
        uint64_t deltas[32];
        int64_t part = take - done < 32 ? take - done : 32;
        if ((size_t)(in->end - next) >= (size_t)(4 * width)) {
            parquet_unpack64(next, width, deltas);
        } else {
            uint8_t block[256 + 16] = {0};
            memcpy(block, next, (size_t)(in->end - next));
            parquet_unpack64(block, width, deltas);
        }
        for (int64_t i = 0; i < part; i++)
            out[done + i] = sum += deltas[i] + minimum;
    }
    *previous = sum;
    in->next += bytes < parquet_bytes_left(in) ? bytes : parquet_bytes_left(in);
    return true;
}

bool parquet_decode_delta64(ParquetBytes *in, int64_t count, uint64_t *out) {
    DeltaHeader header;
    if (!read_delta_header(in, &header) || header.total != (uint64_t)count) return false;
    if (count == 0) return true;
    uint64_t value = out[0] = header.first;
    int64_t done = 1;
    while (done < count) {
        uint64_t minimum;
        if (!read_zigzag(in, &minimum) || parquet_bytes_left(in) < header.mini_blocks) return false;
        const uint8_t *widths = in->next;
        in->next += header.mini_blocks;
        for (uint64_t i = 0; i < header.mini_blocks && done < count; i++) {
            int64_t take =
                (int64_t)header.mini_values < count - done ? (int64_t)header.mini_values : count - done;
            if (!add_mini_block(in, widths[i], header.mini_values, minimum, take, &value, out + done))
                return false;
            done += take;
        }
    }
    return true;
}

bool parquet_decode_delta32(ParquetBytes *in, int64_t count, uint32_t *out) {
    /* Sums wrap modulo 2^32 in the low half of the 64-bit ones: decode wide in pieces would need the state
     * outside, so the header is read here and the same block step is used over a small window. */
    DeltaHeader header;
    if (!read_delta_header(in, &header) || header.total != (uint64_t)count) return false;
    if (count == 0) return true;
    uint64_t value = header.first;
    out[0] = (uint32_t)value;
    int64_t done = 1;
    while (done < count) {
        uint64_t minimum;
        if (!read_zigzag(in, &minimum) || parquet_bytes_left(in) < header.mini_blocks) return false;
        const uint8_t *widths = in->next;
        in->next += header.mini_blocks;
        for (uint64_t i = 0; i < header.mini_blocks && done < count; i++) {
            const uint8_t *mini_end = in->next;
            size_t mini_bytes = (size_t)header.mini_values / 8 * widths[i];
            mini_end += mini_bytes < parquet_bytes_left(in) ? mini_bytes : parquet_bytes_left(in);
            for (uint64_t at = 0; at < header.mini_values && done < count; at += 32) {
                uint64_t window[32];
                int64_t take = count - done < 32 ? count - done : 32;
                if (!add_mini_block(in, widths[i], 32, minimum, take, &value, window)) return false;
                for (int64_t k = 0; k < take; k++)
                    out[done + k] = (uint32_t)window[k];
                done += take;
            }
            in->next = mini_end;
        }
    }
    return true;
}

void parquet_decode_byte_stream_split(const uint8_t *in, size_t width, int64_t count, uint8_t *restrict out) {
    if (width == 4) {
        for (int64_t i = 0; i < count; i++)
            for (int b = 0; b < 4; b++)
                out[i * 4 + b] = in[b * count + i];
    } else if (width == 8) {
        for (int64_t i = 0; i < count; i++)
            for (int b = 0; b < 8; b++)
                out[i * 8 + b] = in[b * count + i];
    } else {
        for (size_t b = 0; b < width; b++)
            for (int64_t i = 0; i < count; i++)
                out[(size_t)i * width + b] = in[b * (size_t)count + (size_t)i];
    }
}

bool parquet_decode_plain_strings(ParquetBytes *in, int64_t count, StringView *restrict out) {
    const uint8_t *next = in->next, *end = in->end;
    for (int64_t i = 0; i < count; i++) {
        uint32_t length;
        if (end - next < 4) return false;
        memcpy(&length, next, 4);
        next += 4;
        if (length > (size_t)(end - next)) return false;
        out[i] = stringview_make((const char *)next, length);
        next += length;
    }
    in->next = next;
    return true;
}

void parquet_decode_fixed_strings(const uint8_t *in, size_t width, int64_t count, StringView *restrict out) {
    for (int64_t i = 0; i < count; i++, in += width)
        out[i] = stringview_make((const char *)in, (uint32_t)width);
}

bool parquet_decode_plain_bools(ParquetBytes *in, int64_t count, uint8_t *restrict out) {
    size_t bytes = ((size_t)count + 7) / 8;
    if (parquet_bytes_left(in) < bytes) return false;
    for (int64_t i = 0; i < count; i++)
        out[i] = in->next[i >> 3] >> (i & 7) & 1;
    in->next += bytes;
    return true;
}

/* ---- after decoding ---- */

typedef struct Value16 {
    uint64_t word[2];
} Value16;

#define SPREAD_NAME spread1
#define SPREAD_TYPE uint8_t
#include "engines/columnar/parquet/parquet_spread.inc.c"
#define SPREAD_NAME spread2
#define SPREAD_TYPE uint16_t
#include "engines/columnar/parquet/parquet_spread.inc.c"
#define SPREAD_NAME spread4
#define SPREAD_TYPE uint32_t
#include "engines/columnar/parquet/parquet_spread.inc.c"
#define SPREAD_NAME spread8
#define SPREAD_TYPE uint64_t
#include "engines/columnar/parquet/parquet_spread.inc.c"
#define SPREAD_NAME spread16
#define SPREAD_TYPE Value16
#include "engines/columnar/parquet/parquet_spread.inc.c"

void parquet_spread_nulls(void *values, size_t width, const uint64_t *validity, int64_t rows, int64_t dense) {
    if (dense == 0) {
        memset(values, 0, (size_t)rows * width);
        return;
    }
    switch (width) {
    case 1: spread1(values, validity, rows, dense); break;
    case 2: spread2(values, validity, rows, dense); break;
    case 4: spread4(values, validity, rows, dense); break;
    case 8: spread8(values, validity, rows, dense); break;
    default: spread16(values, validity, rows, dense); break;
    }
}

void parquet_gather(const void *restrict dictionary, const uint32_t *restrict codes, int64_t count,
                    size_t width, void *restrict out) {
    switch (width) {
    case 1:
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)out)[i] = ((const uint8_t *)dictionary)[codes[i]];
        break;
    case 2:
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)out)[i] = ((const uint16_t *)dictionary)[codes[i]];
        break;
    case 4:
        for (int64_t i = 0; i < count; i++)
            ((uint32_t *)out)[i] = ((const uint32_t *)dictionary)[codes[i]];
        break;
    case 8:
        for (int64_t i = 0; i < count; i++)
            ((uint64_t *)out)[i] = ((const uint64_t *)dictionary)[codes[i]];
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            ((Value16 *)out)[i] = ((const Value16 *)dictionary)[codes[i]];
        break;
    }
}

uint32_t parquet_max_code(const uint32_t *codes, int64_t count) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = codes[i] > largest ? codes[i] : largest;
    return largest;
}
