/* Update functions of one aggregate over one value type. Parameters: AGG_NAME(name), AGG_STATE, AGG_VALUE,
 * AGG_ADD(state, value, input) yields non-zero on overflow, AGG_RAISE(err) makes that error.
 * Encoding, nullability and selection are constants of each instance of the loop. */
KERNEL_INLINE uint64_t AGG_NAME(loop)(char *states, size_t stride, const uint32_t *groups,
                                      const AggregateInput *input, bool nullable, VectorEncoding encoding,
                                      bool selected) {
    const Vector *vector = &input->args[0];
    const AGG_VALUE *values = encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    int count = selected ? input->selected : input->row_count;
    uint64_t bad = 0;
    for (int k = 0; k < count; k++) {
        size_t row = selected ? input->selection[k] : (size_t)k;
        if (nullable && !bitmap_get(vector->validity, row)) continue;
        size_t index = encoding == VECTOR_FLAT ? row : encoding == VECTOR_DICTIONARY ? vector->codes[row] : 0;
        AGG_STATE *state = (AGG_STATE *)(groups ? states + (size_t)groups[k] * stride : states);
        bad |= (uint64_t)AGG_ADD(state, values[index], input);
    }
    return bad;
}

KERNEL_INLINE uint64_t AGG_NAME(pick)(char *states, size_t stride, const uint32_t *groups,
                                      const AggregateInput *input) {
    const Vector *vector = &input->args[0];
    if (vector->encoding == VECTOR_CONSTANT) {
        if (vector->validity && !bitmap_get(vector->validity, 0)) return 0;
        return input->selection
                   ? AGG_NAME(loop)(states, stride, groups, input, false, VECTOR_CONSTANT, true)
                   : AGG_NAME(loop)(states, stride, groups, input, false, VECTOR_CONSTANT, false);
    }
    if (vector->encoding == VECTOR_DICTIONARY)
        return input->selection
                   ? AGG_NAME(loop)(states, stride, groups, input, vector->validity, VECTOR_DICTIONARY, true)
                   : AGG_NAME(loop)(states, stride, groups, input, vector->validity, VECTOR_DICTIONARY,
                                    false);
    if (input->selection)
        return vector->validity ? AGG_NAME(loop)(states, stride, groups, input, true, VECTOR_FLAT, true)
                                : AGG_NAME(loop)(states, stride, groups, input, false, VECTOR_FLAT, true);
    return vector->validity ? AGG_NAME(loop)(states, stride, groups, input, true, VECTOR_FLAT, false)
                            : AGG_NAME(loop)(states, stride, groups, input, false, VECTOR_FLAT, false);
}

static Status AGG_NAME(update)(char *states, size_t stride, const uint32_t *groups,
                               const AggregateInput *input, Error *err) {
    return AGG_NAME(pick)(states, stride, groups, input) ? AGG_RAISE(err) : STATUS_OK;
}

static Status AGG_NAME(single)(void *state, const AggregateInput *input, Error *err) {
    AGG_STATE local = *(AGG_STATE *)state; /* its own object, so that it stays in registers */
    uint64_t bad = AGG_NAME(pick)((char *)&local, 0, NULL, input);
    *(AGG_STATE *)state = local;
    return bad ? AGG_RAISE(err) : STATUS_OK;
}
#undef AGG_NAME
#undef AGG_STATE
#undef AGG_VALUE
#undef AGG_ADD
#undef AGG_RAISE
