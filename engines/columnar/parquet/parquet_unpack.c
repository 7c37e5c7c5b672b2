#include "engines/columnar/parquet/parquet_unpack.h"

#include "engines/columnar/parquet/parquet_decode.h"

/* The switch costs one indirect jump per 32 values. */
void parquet_unpack32(const uint8_t *in, int width, uint32_t *restrict out) {
    switch (width) {
    case 0: memset(out, 0, 32 * sizeof *out); break;
    case 1: parquet_unpack32_width(in, 1, out); break;
    case 2: parquet_unpack32_width(in, 2, out); break;
    case 3: parquet_unpack32_width(in, 3, out); break;
    case 4: parquet_unpack32_width(in, 4, out); break;
    case 5: parquet_unpack32_width(in, 5, out); break;
    case 6: parquet_unpack32_width(in, 6, out); break;
    case 7: parquet_unpack32_width(in, 7, out); break;
    case 8: parquet_unpack32_width(in, 8, out); break;
    case 9: parquet_unpack32_width(in, 9, out); break;
    case 10: parquet_unpack32_width(in, 10, out); break;
    case 11: parquet_unpack32_width(in, 11, out); break;
    case 12: parquet_unpack32_width(in, 12, out); break;
    case 13: parquet_unpack32_width(in, 13, out); break;
    case 14: parquet_unpack32_width(in, 14, out); break;
    case 15: parquet_unpack32_width(in, 15, out); break;
    case 16: parquet_unpack32_width(in, 16, out); break;
    case 17: parquet_unpack32_width(in, 17, out); break;
    case 18: parquet_unpack32_width(in, 18, out); break;
    case 19: parquet_unpack32_width(in, 19, out); break;
    case 20: parquet_unpack32_width(in, 20, out); break;
    case 21: parquet_unpack32_width(in, 21, out); break;
    case 22: parquet_unpack32_width(in, 22, out); break;
    case 23: parquet_unpack32_width(in, 23, out); break;
    case 24: parquet_unpack32_width(in, 24, out); break;
    case 25: parquet_unpack32_width(in, 25, out); break;
    case 26: parquet_unpack32_width(in, 26, out); break;
    case 27: parquet_unpack32_width(in, 27, out); break;
    case 28: parquet_unpack32_width(in, 28, out); break;
    case 29: parquet_unpack32_width(in, 29, out); break;
    case 30: parquet_unpack32_width(in, 30, out); break;
    case 31: parquet_unpack32_width(in, 31, out); break;
    case 32: parquet_unpack32_width(in, 32, out); break;
    default: break;
    }
}

void parquet_unpack64(const uint8_t *in, int width, uint64_t *restrict out) {
    switch (width) {
    case 0: memset(out, 0, 32 * sizeof *out); break;
    case 1: parquet_unpack64_width(in, 1, out); break;
    case 2: parquet_unpack64_width(in, 2, out); break;
    case 3: parquet_unpack64_width(in, 3, out); break;
    case 4: parquet_unpack64_width(in, 4, out); break;
    case 5: parquet_unpack64_width(in, 5, out); break;
    case 6: parquet_unpack64_width(in, 6, out); break;
    case 7: parquet_unpack64_width(in, 7, out); break;
    case 8: parquet_unpack64_width(in, 8, out); break;
    case 9: parquet_unpack64_width(in, 9, out); break;
    case 10: parquet_unpack64_width(in, 10, out); break;
    case 11: parquet_unpack64_width(in, 11, out); break;
    case 12: parquet_unpack64_width(in, 12, out); break;
    case 13: parquet_unpack64_width(in, 13, out); break;
    case 14: parquet_unpack64_width(in, 14, out); break;
    case 15: parquet_unpack64_width(in, 15, out); break;
    case 16: parquet_unpack64_width(in, 16, out); break;
    case 17: parquet_unpack64_width(in, 17, out); break;
    case 18: parquet_unpack64_width(in, 18, out); break;
    case 19: parquet_unpack64_width(in, 19, out); break;
    case 20: parquet_unpack64_width(in, 20, out); break;
    case 21: parquet_unpack64_width(in, 21, out); break;
    case 22: parquet_unpack64_width(in, 22, out); break;
    case 23: parquet_unpack64_width(in, 23, out); break;
    case 24: parquet_unpack64_width(in, 24, out); break;
    case 25: parquet_unpack64_width(in, 25, out); break;
    case 26: parquet_unpack64_width(in, 26, out); break;
    case 27: parquet_unpack64_width(in, 27, out); break;
    case 28: parquet_unpack64_width(in, 28, out); break;
    case 29: parquet_unpack64_width(in, 29, out); break;
    case 30: parquet_unpack64_width(in, 30, out); break;
    case 31: parquet_unpack64_width(in, 31, out); break;
    case 32: parquet_unpack64_width(in, 32, out); break;
    case 33: parquet_unpack64_width(in, 33, out); break;
    case 34: parquet_unpack64_width(in, 34, out); break;
    case 35: parquet_unpack64_width(in, 35, out); break;
    case 36: parquet_unpack64_width(in, 36, out); break;
    case 37: parquet_unpack64_width(in, 37, out); break;
    case 38: parquet_unpack64_width(in, 38, out); break;
    case 39: parquet_unpack64_width(in, 39, out); break;
    case 40: parquet_unpack64_width(in, 40, out); break;
    case 41: parquet_unpack64_width(in, 41, out); break;
    case 42: parquet_unpack64_width(in, 42, out); break;
    case 43: parquet_unpack64_width(in, 43, out); break;
    case 44: parquet_unpack64_width(in, 44, out); break;
    case 45: parquet_unpack64_width(in, 45, out); break;
    case 46: parquet_unpack64_width(in, 46, out); break;
    case 47: parquet_unpack64_width(in, 47, out); break;
    case 48: parquet_unpack64_width(in, 48, out); break;
    case 49: parquet_unpack64_width(in, 49, out); break;
    case 50: parquet_unpack64_width(in, 50, out); break;
    case 51: parquet_unpack64_width(in, 51, out); break;
    case 52: parquet_unpack64_width(in, 52, out); break;
    case 53: parquet_unpack64_width(in, 53, out); break;
    case 54: parquet_unpack64_width(in, 54, out); break;
    case 55: parquet_unpack64_width(in, 55, out); break;
    case 56: parquet_unpack64_width(in, 56, out); break;
    case 57: parquet_unpack64_width(in, 57, out); break;
    case 58: parquet_unpack64_width(in, 58, out); break;
    case 59: parquet_unpack64_width(in, 59, out); break;
    case 60: parquet_unpack64_width(in, 60, out); break;
    case 61: parquet_unpack64_width(in, 61, out); break;
    case 62: parquet_unpack64_width(in, 62, out); break;
    case 63: parquet_unpack64_width(in, 63, out); break;
    case 64: parquet_unpack64_width(in, 64, out); break;
    default: break;
    }
}
