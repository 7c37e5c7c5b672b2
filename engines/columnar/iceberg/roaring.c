#include "engines/columnar/iceberg/roaring.h"

#include <libdeflate.h>
#include <string.h>

#include "engines/base/bitmap.h"
#include "engines/base/checksum.h"

enum {
    COOKIE_RUNS = 12347,
    COOKIE_PLAIN = 12346,
    OFFSETS_FROM = 4, /* containers; with runs, fewer come without offsets */
    MOST_CONTAINERS = 65536,
    ARRAY_MOST = 4096,
    BITSET_BYTES = 8192
};

typedef struct Reader {
    const unsigned char *data;
    size_t bytes, offset;
    const char *name;
    uint64_t *bits;
    int64_t rows;
} Reader;

static Status broken(const Reader *reader, const char *what, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "deletion vector in \"%s\": %s", reader->name, what);
}

static Status take(Reader *reader, size_t bytes, const unsigned char **out, Error *err) {
    if (bytes > reader->bytes - reader->offset) return broken(reader, "it is cut off", err);
    *out = reader->data + reader->offset;
    reader->offset += bytes;
    return STATUS_OK;
}

static uint32_t little16(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}
static uint32_t little32(const unsigned char *at) {
    return little16(at) | little16(at + 2) << 16;
}
static uint32_t big32(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static Status set_row(Reader *reader, uint64_t row, Error *err) {
    if (row >= (uint64_t)reader->rows) return broken(reader, "it names a row beyond the file's last", err);
    bitmap_set(reader->bits, (size_t)row);
    return STATUS_OK;
}

static Status read_runs(Reader *reader, uint64_t base, Error *err) {
    const unsigned char *at;
    TRY(take(reader, 2, &at, err));
    uint32_t runs = little16(at);
    TRY(take(reader, (size_t)runs * 4, &at, err));
    for (uint32_t i = 0, end = 0; i < runs; i++) {
        uint32_t start = little16(at + i * 4), more = little16(at + i * 4 + 2);
        if (start + more > 0xFFFF) return broken(reader, "a run leaves its container", err);
        /* Runs upon runs would set the same rows billions of times. */
        if (start < end) return broken(reader, "its runs are out of order", err);
        end = start + more + 1;
        for (uint32_t v = start; v <= start + more; v++)
            TRY(set_row(reader, base + v, err));
    }
    return STATUS_OK;
}

static Status read_container(Reader *reader, uint64_t base, uint32_t cardinality, Error *err) {
    const unsigned char *at;
    if (cardinality <= ARRAY_MOST) {
        TRY(take(reader, (size_t)cardinality * 2, &at, err));
        for (uint32_t i = 0; i < cardinality; i++)
            TRY(set_row(reader, base + little16(at + i * 2), err));
        return STATUS_OK;
    }
    TRY(take(reader, BITSET_BYTES, &at, err));
    for (uint32_t i = 0; i < BITSET_BYTES; i++)
        for (unsigned byte = at[i]; byte; byte &= byte - 1)
            TRY(set_row(reader, base + i * 8 + (uint32_t)__builtin_ctz(byte), err));
    return STATUS_OK;
}

/* One 32-bit bitmap; `high` are the upper bits of its values. */
static Status read_bitmap(Reader *reader, uint64_t high, Error *err) {
    const unsigned char *at, *runs = NULL, *headers;
    TRY(take(reader, 4, &at, err));
    uint32_t cookie = little32(at), count;
    if ((cookie & 0xFFFF) == COOKIE_RUNS) {
        count = (cookie >> 16) + 1;
        TRY(take(reader, (count + 7) / 8, &runs, err));
    } else if (cookie == COOKIE_PLAIN) {
        TRY(take(reader, 4, &at, err));
        count = little32(at);
        if (count > MOST_CONTAINERS) return broken(reader, "it has too many containers", err);
    } else {
        return broken(reader, "it does not begin as a Roaring bitmap does", err);
    }
    TRY(take(reader, (size_t)count * 4, &headers, err));
    if (!runs || count >= OFFSETS_FROM) TRY(take(reader, (size_t)count * 4, &at, err));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = little16(headers + i * 4);
        if (i > 0 && key <= little16(headers + i * 4 - 4))
            return broken(reader, "its containers are out of order", err);
        uint64_t base = high << 32 | (uint64_t)key << 16;
        bool is_run = runs && (runs[i / 8] >> (i % 8) & 1);
        if (is_run)
            TRY(read_runs(reader, base, err));
        else
            TRY(read_container(reader, base, little16(headers + i * 4 + 2) + 1, err));
    }
    return STATUS_OK;
}

/* Length (big-endian), magic, bitmaps, CRC-32 (big-endian) of magic and bitmaps. */
Status deletion_vector_decode(const void *blob, size_t bytes, const char *name, uint64_t *bits, int64_t rows,
                              Error *err) {
    static const unsigned char MAGIC[4] = {0xD1, 0xD3, 0x39, 0x64};
    const unsigned char *data = blob, *at;
    Reader reader = {.name = name, .bits = bits, .rows = rows};
    if (bytes < 20 || big32(data) != bytes - 8 || memcmp(data + 4, MAGIC, 4) != 0)
        return broken(&reader, "its length or magic number is wrong", err);
    if (!checksum_matches(big32(data + bytes - 4), libdeflate_crc32(0, data + 4, bytes - 8)))
        return broken(&reader, "its checksum is wrong", err);
    reader.data = data + 8;
    reader.bytes = bytes - 12;
    TRY(take(&reader, 8, &at, err));
    uint64_t count = little32(at) | (uint64_t)little32(at + 4) << 32;
    uint64_t next_high = 0;
    for (uint64_t i = 0; i < count; i++) {
        TRY(take(&reader, 4, &at, err));
        uint64_t high = little32(at);
        if (high < next_high) return broken(&reader, "its bitmaps are out of order", err);
        TRY(read_bitmap(&reader, high, err));
        next_high = high + 1;
    }
    return STATUS_OK;
}
