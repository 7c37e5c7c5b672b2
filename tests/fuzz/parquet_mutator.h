/* Changes that leave a Parquet file its frame: the footer with its length set right again, or some bytes of
 * the pages where they are. A byte more or less elsewhere would shift all offsets, and the reader stop at
 * once. */
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { PARQUET_TAIL_BYTES = 8, PARQUET_WINDOW_BYTES = 64 };

static size_t mutate_footer(uint8_t *data, size_t size, size_t max_size, uint32_t footer_bytes) {
    size_t start = size - PARQUET_TAIL_BYTES - footer_bytes;
    size_t changed = LLVMFuzzerMutate(data + start, footer_bytes, max_size - start - PARQUET_TAIL_BYTES);
    footer_bytes = (uint32_t)changed;
    memcpy(data + start + changed, &footer_bytes, sizeof footer_bytes);
    memcpy(data + start + changed + 4, "PAR1", 4);
    return start + changed + PARQUET_TAIL_BYTES;
}

static size_t mutate_pages(uint8_t *data, size_t size, size_t pages_bytes, unsigned seed) {
    uint8_t window[PARQUET_WINDOW_BYTES];
    size_t at = 4 + seed % (pages_bytes - 4), length = pages_bytes - at;
    if (length > sizeof window) length = 1 + seed / 7 % sizeof window;
    memcpy(window, data + at, length);
    size_t changed = LLVMFuzzerMutate(window, length, length);
    memcpy(data + at, window, changed);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    uint32_t footer_bytes;
    if (size < 16 || seed % 10 == 0) return LLVMFuzzerMutate(data, size, max_size);
    memcpy(&footer_bytes, data + size - PARQUET_TAIL_BYTES, sizeof footer_bytes);
    if (footer_bytes == 0 || footer_bytes > size - 12) return LLVMFuzzerMutate(data, size, max_size);
    size_t pages_bytes = size - PARQUET_TAIL_BYTES - footer_bytes;
    if (seed % 10 < 5 || pages_bytes <= 4) return mutate_footer(data, size, max_size, footer_bytes);
    return mutate_pages(data, size, pages_bytes, seed / 10);
}

#endif
