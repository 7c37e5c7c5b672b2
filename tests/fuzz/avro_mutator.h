/* Changes inside an Avro container's parts: the header, or one block's bytes with the length before them set
 * right again and the file's marker behind. */
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { AVRO_MARKER_BYTES = 16, AVRO_LONGEST_NUMBER = 10 };

/* The number at `at`; its length, 0 when it is none. */
static size_t number_at(const uint8_t *data, size_t size, size_t at, uint64_t *out) {
    *out = 0;
    for (size_t i = 0; i < AVRO_LONGEST_NUMBER && at + i < size; i++) {
        *out |= (uint64_t)(data[at + i] & 0x7F) << (7 * i);
        if (!(data[at + i] & 0x80)) return i + 1;
    }
    return 0;
}

static size_t put_number(uint8_t *out, uint64_t value) {
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        out[length++] = (uint8_t)(value | 0x80);
    out[length++] = (uint8_t)value;
    return length;
}

/* Where the first block begins: what is before the marker that also ends the file. */
static size_t first_block(const uint8_t *data, size_t size) {
    const uint8_t *marker =
        memmem(data, size - AVRO_MARKER_BYTES, data + size - AVRO_MARKER_BYTES, AVRO_MARKER_BYTES);
    return marker ? (size_t)(marker - data) + AVRO_MARKER_BYTES : 0;
}

static size_t mutate_block(uint8_t *data, size_t size, size_t max_size, size_t block) {
    uint64_t count, zigzag;
    uint8_t length[AVRO_LONGEST_NUMBER];
    size_t count_bytes = number_at(data, size, block, &count);
    size_t length_bytes = number_at(data, size, block + count_bytes, &zigzag);
    size_t body = block + count_bytes + length_bytes, bytes = (size_t)(zigzag >> 1);
    if (!count_bytes || !length_bytes || bytes != size - AVRO_MARKER_BYTES - body || bytes == 0) return 0;
    uint8_t marker[AVRO_MARKER_BYTES];
    memcpy(marker, data + size - AVRO_MARKER_BYTES, sizeof marker);
    size_t room = max_size - body - AVRO_MARKER_BYTES - AVRO_LONGEST_NUMBER;
    if (max_size < body + AVRO_MARKER_BYTES + AVRO_LONGEST_NUMBER + bytes) room = bytes;
    bytes = LLVMFuzzerMutate(data + body, bytes, room);
    size_t now = put_number(length, (uint64_t)bytes << 1), start = block + count_bytes;
    if (start + now + bytes + AVRO_MARKER_BYTES > max_size) return 0;
    memmove(data + start + now, data + body, bytes);
    memcpy(data + start, length, now);
    memcpy(data + start + now + bytes, marker, sizeof marker);
    return start + now + bytes + AVRO_MARKER_BYTES;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    size_t block = size > 2 * AVRO_MARKER_BYTES && seed % 4 ? first_block(data, size) : 0;
    size_t changed = block ? mutate_block(data, size, max_size, block) : 0;
    return changed ? changed : LLVMFuzzerMutate(data, size, max_size);
}

#endif
