/* Minimum and maximum of one integer type: BOUNDS_NAME, BOUNDS_TYPE, BOUNDS_FIELD of the bound. */
static void BOUNDS_NAME(const BOUNDS_TYPE *values, const uint64_t *validity, int64_t first, int64_t rows,
                        ParquetBounds *out) {
    BOUNDS_TYPE min = 0, max = 0;
    bool any = false;
    if (!validity && rows > 0) { /* no branches: several values at a time */
        min = max = values[first];
        for (int64_t i = first + 1; i < first + rows; i++) {
            min = values[i] < min ? values[i] : min;
            max = values[i] > max ? values[i] : max;
        }
        any = true;
        rows = 0;
    }
    for (int64_t i = first; i < first + rows; i++) {
        if (validity && !bitmap_get(validity, (size_t)i)) continue;
        BOUNDS_TYPE value = values[i];
        min = !any || value < min ? value : min;
        max = !any || value > max ? value : max;
        any = true;
    }
    out->any = any;
    out->min.BOUNDS_FIELD = min;
    out->max.BOUNDS_FIELD = max;
}
#undef BOUNDS_NAME
#undef BOUNDS_TYPE
#undef BOUNDS_FIELD
