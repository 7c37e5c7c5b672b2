/* Body of one native comparison filter. TYPE, NAME set by the includer. Branch-free: every row is written,
 * the count decides which stay. NaN is the greatest value, as in PostgreSQL: > and >= are the negation of <=
 * and <. */
#define LOOP(CONDITION)                                                                                      \
    do {                                                                                                     \
        if (selection)                                                                                       \
            for (int k = 0; k < selected; k++) {                                                             \
                int row = selection[k];                                                                      \
                out[kept] = (uint16_t)row;                                                                   \
                kept += (CONDITION);                                                                         \
            }                                                                                                \
        else                                                                                                 \
            for (int row = 0; row < selected; row++) {                                                       \
                out[kept] = (uint16_t)row;                                                                   \
                kept += (CONDITION);                                                                         \
            }                                                                                                \
    } while (0)

static int NAME(const TYPE *restrict values, TYPE constant, CompareOp op, const uint16_t *selection,
                int selected, uint16_t *out) {
    int kept = 0;
    switch (op) {
    case COMPARE_EQ: LOOP(values[row] == constant); break;
    case COMPARE_NE: LOOP(values[row] != constant); break;
    case COMPARE_LT: LOOP(values[row] < constant); break;
    case COMPARE_LE: LOOP(values[row] <= constant); break;
    case COMPARE_GT: LOOP(!(values[row] <= constant)); break;
    case COMPARE_GE: LOOP(!(values[row] < constant)); break;
    case COMPARE_NONE: break;
    }
    return kept;
}
#undef LOOP
#undef TYPE
#undef NAME
