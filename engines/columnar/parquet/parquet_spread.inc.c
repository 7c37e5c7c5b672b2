/* Body of parquet_spread_nulls for one width: SPREAD_NAME, SPREAD_TYPE. Runs from the last row to the first,
 * so that the dense values at the front are read before they are overwritten. */
static void SPREAD_NAME(SPREAD_TYPE *values, const uint64_t *validity, int64_t rows, int64_t dense) {
    for (int64_t word_index = (rows + 63) / 64 - 1; word_index >= 0; word_index--) {
        uint64_t word = validity[word_index];
        int64_t base = word_index * 64;
        int64_t limit = rows - base < 64 ? rows - base : 64;
        if (word == UINT64_MAX && limit == 64) {
            dense -= 64;
            if (dense != base) memmove(values + base, values + dense, 64 * sizeof *values);
            continue;
        }
        for (int64_t i = limit - 1; i >= 0; i--) {
            values[base + i] = values[dense > 0 ? dense - 1 : 0];
            dense -= word >> i & 1;
        }
    }
}
#undef SPREAD_NAME
#undef SPREAD_TYPE
