/* approx_count_distinct: HyperLogLog with 2^11 registers and linear counting for small sets (Flajolet et al.
 * 2007; the standard error is 1.04 / sqrt(2048) = 2.3 %). Ours, not PostgreSQL's. */
#include <math.h>

#include "engines/base/hash.h"
#include "engines/columnar/kernels/numeric_math.h"

enum { REGISTER_BITS = 11, REGISTERS = 1 << REGISTER_BITS };

typedef struct Sketch {
    uint8_t *registers; /* NULL: nothing seen */
    int64_t unused;
} Sketch;

static uint8_t *sketch_registers(Sketch *sketch, Arena *arena) {
    if (!sketch->registers) {
        sketch->registers = arena_alloc(arena, REGISTERS);
        memset(sketch->registers, 0, REGISTERS);
    }
    return sketch->registers;
}

/* Equal values must hash alike: numerics without trailing zeros, floats without a second zero, character(n)
 * without its padding. */
static uint64_t hash_value(const Vector *vector, const char *values, size_t index) {
    size_t width = physical_width((PhysicalType)vector->physical);
    if (vector->physical == PHYS_STRING) {
        const StringView *view = (const StringView *)values + index;
        uint32_t length = view->length;
        while (sqltype_is(vector->type, SQL_BPCHAR) && length && stringview_data(view)[length - 1] == ' ')
            length--;
        return hash64_bytes(stringview_data(view), length, 0);
    }
    if (vector->physical == PHYS_NUMERIC) {
        Numeric value = ((const Numeric *)values)[index];
        while (value.scale > 0 && value.value % 10 == 0) {
            value.value /= 10;
            value.scale--;
        }
        return hash64_bytes((const char *)&value, sizeof value, 0);
    }
    if (vector->physical == PHYS_INTERVAL) {
        Interval value = ((const Interval *)values)[index];
        Int128 span = ((Int128)value.months * 30 + value.days) * INT64_C(86400000000) + value.microseconds;
        return hash64_bytes((const char *)&span, sizeof span, 0);
    }
    if (vector->physical == PHYS_F64 || vector->physical == PHYS_F32) {
        double value =
            vector->physical == PHYS_F64 ? ((const double *)values)[index] : ((const float *)values)[index];
        if (value == 0) value = 0;
        if (value != value) value = NAN;
        return hash64_bytes((const char *)&value, sizeof value, 0);
    }
    return hash64_bytes(values + width * index, width, 0);
}

static void sketch_add(Sketch *sketch, const AggregateInput *input, size_t row) {
    const Vector *vector = &input->args[0];
    if (vector_is_null(vector, (int)row)) return;
    size_t index = vector->encoding == VECTOR_CONSTANT     ? 0
                   : vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                                                           : row;
    const char *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    uint64_t hash = hash64_u64(hash_value(vector, values, index));
    uint8_t *registers = sketch_registers(sketch, input->arena);
    uint64_t rest = hash << REGISTER_BITS | UINT64_C(1) << (REGISTER_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    uint8_t *at = &registers[hash >> (64 - REGISTER_BITS)];
    if (rank > *at) *at = rank;
}

static Status sketch_update(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                            Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        sketch_add((Sketch *)(states + (size_t)groups[k] * stride), input,
                   input->selection ? input->selection[k] : (size_t)k);
    return STATUS_OK;
}
static Status sketch_single(void *state, const AggregateInput *input, Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        sketch_add(state, input, input->selection ? input->selection[k] : (size_t)k);
    return STATUS_OK;
}
static Status sketch_combine(void *into, const void *from, Arena *arena, Error *err) {
    const Sketch *right = from;
    if (!right->registers) return STATUS_OK;
    uint8_t *registers = sketch_registers(into, arena);
    for (int r = 0; r < REGISTERS; r++)
        if (right->registers[r] > registers[r]) registers[r] = right->registers[r];
    return STATUS_OK;
}

static int64_t sketch_estimate(const uint8_t *registers) {
    double sum = 0, count = REGISTERS;
    int zeros = 0;
    if (!registers) return 0;
    for (int r = 0; r < REGISTERS; r++) {
        sum += ldexp(1, -registers[r]);
        zeros += registers[r] == 0;
    }
    double estimate = 0.7213 / (1 + 1.079 / count) * count * count / sum;
    if (estimate <= 2.5 * count && zeros) estimate = count * log(count / zeros);
    return (int64_t)llround(estimate);
}

static Status sketch_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                              Error *err) {
    for (int i = 0; i < count; i++)
        ((int64_t *)out->values)[i] =
            sketch_estimate(((const Sketch *)(states + (size_t)i * stride))->registers);
    return STATUS_OK;
}

static const AggregateFunction rows[] = {
    {.name = "approx_count_distinct",
     .arg_count = 1,
     .args = {K_ANY},
     .result = K_INT8,
     .state_bytes = sizeof(Sketch),
     .update = sketch_update,
     .update_single = sketch_single,
     .combine = sketch_combine,
     .finalize = sketch_finalize,
     .holds = STATE_POINTERS},
};

AggregateTable sketch_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
