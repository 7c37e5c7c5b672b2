#include "engines/columnar/types/vector.h"

#include <assert.h>

PhysicalType physical_type_of(SqlType type) {
    if (type.is_array) return PHYS_STRING;
    switch (type.id) {
    case SQL_BOOL: return PHYS_BOOL;
    case SQL_INT2: return PHYS_I16;
    case SQL_INT4:
    case SQL_DATE: return PHYS_I32;
    case SQL_INT8:
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
    case SQL_OID: return PHYS_I64;
    case SQL_NUMERIC:
        if (type.precision <= 0 || type.precision > NUMERIC_MAX_PRECISION) return PHYS_NUMERIC;
        return type.precision <= 18 ? PHYS_I64 : PHYS_I128;
    case SQL_FLOAT4: return PHYS_F32;
    case SQL_FLOAT8: return PHYS_F64;
    case SQL_INTERVAL: return PHYS_INTERVAL;
    default: return PHYS_STRING;
    }
}

size_t physical_width(PhysicalType physical) {
    static const uint8_t widths[PHYS_TYPE_COUNT] = {
        [PHYS_BOOL] = 1,
        [PHYS_I8] = 1,
        [PHYS_I16] = 2,
        [PHYS_I32] = 4,
        [PHYS_I64] = 8,
        [PHYS_I128] = 16,
        [PHYS_F32] = 4,
        [PHYS_F64] = 8,
        [PHYS_STRING] = sizeof(StringView),
        [PHYS_INTERVAL] = sizeof(Interval),
        [PHYS_NUMERIC] = sizeof(Numeric),
    };
    assert((int)physical >= 0 && physical < PHYS_TYPE_COUNT);
    return widths[physical];
}

static inline uint64_t load64(const void *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

bool stringview_equals(const StringView *a, const StringView *b) {
    /* Length and prefix in one comparison settle most pairs. */
    if (load64(a) != load64(b)) return false;
    if (a->length <= 12) return load64(a->inlined + 4) == load64(b->inlined + 4);
    return a->pointer == b->pointer || memcmp(a->pointer, b->pointer, a->length) == 0;
}

int stringview_compare(const StringView *a, const StringView *b) {
    uint32_t prefix_a, prefix_b;
    memcpy(&prefix_a, a->inlined, 4);
    memcpy(&prefix_b, b->inlined, 4);
    if (prefix_a != prefix_b) {
        /* Bytes beyond a short string's end are zero: the shorter sorts first, except against a real zero
         * byte, and then the prefixes are equal and the lengths decide below. */
        return __builtin_bswap32(prefix_a) < __builtin_bswap32(prefix_b) ? -1 : 1;
    }
    uint32_t shared = a->length < b->length ? a->length : b->length;
    int order = shared > 4 ? memcmp(stringview_data(a) + 4, stringview_data(b) + 4, shared - 4) : 0;
    if (order != 0) return order < 0 ? -1 : 1;
    return (a->length > b->length) - (a->length < b->length);
}

void vector_init_flat(Vector *vector, SqlType type, int capacity, Arena *arena) {
    memset(vector, 0, sizeof *vector);
    vector->type = type;
    vector->physical = (uint8_t)physical_type_of(type);
    vector->encoding = VECTOR_FLAT;
    size_t count = capacity > 0 ? (size_t)capacity : 1;
    vector->values = arena_alloc(arena, count * physical_width(vector->physical));
}

void vector_init_constant(Vector *vector, SqlType type, const void *value, Arena *arena) {
    memset(vector, 0, sizeof *vector);
    vector->type = type;
    vector->physical = (uint8_t)physical_type_of(type);
    vector->encoding = VECTOR_CONSTANT;
    size_t width = physical_width(vector->physical);
    if (value) {
        vector->values = arena_memdup(arena, value, width);
    } else {
        vector->values = arena_zalloc(arena, width);
        vector->validity = arena_zalloc(arena, bitmap_bytes(1));
    }
}

uint64_t *vector_make_validity(Vector *vector, int rows, Arena *arena) {
    if (!vector->validity) {
        size_t bits = rows > 0 ? (size_t)rows : 1;
        vector->validity = arena_alloc(arena, bitmap_bytes(bits));
        bitmap_fill(vector->validity, bits);
    }
    return vector->validity;
}

/* One body per width, so that each loop is a plain copy the compiler can widen. */
typedef struct Bytes16 {
    uint64_t word[2];
} Bytes16;
typedef struct Bytes32 {
    uint64_t word[4];
} Bytes32;

#define GATHER_BODY(Type)                                                                                    \
    const Type *from = values;                                                                               \
    Type *to = out;                                                                                          \
    for (int i = 0; i < rows; i++)                                                                           \
        to[i] = from[codes ? codes[i] : 0];

static inline __attribute__((always_inline)) void gather_values(const void *restrict values,
                                                                const uint32_t *restrict codes, int rows,
                                                                size_t width, void *restrict out) {
    switch (width) {
    case 1: {
        GATHER_BODY(uint8_t) break;
    }
    case 2: {
        GATHER_BODY(uint16_t) break;
    }
    case 4: {
        GATHER_BODY(uint32_t) break;
    }
    case 8: {
        GATHER_BODY(uint64_t) break;
    }
    case 16: {
        GATHER_BODY(Bytes16) break;
    }
    default: {
        assert(width == sizeof(Bytes32));
        GATHER_BODY(Bytes32) break;
    }
    }
}

static void flatten_dictionary(const Vector *vector, int rows, Vector *out) {
    size_t width = physical_width(vector->physical);
    if (vector->dictionary_length == 0) { /* every row is NULL */
        memset(out->values, 0, (size_t)rows * width);
        return;
    }
    gather_values(vector->dictionary->values, vector->codes, rows, width, out->values);
}

void vector_flatten(const Vector *vector, int rows, Vector *out, Arena *arena) {
    if (vector->encoding == VECTOR_FLAT) {
        if (out != vector) *out = *vector;
        return;
    }
    Vector flat;
    vector_init_flat(&flat, vector->type, rows, arena);
    /* The producer may hold a type otherwise than physical_type_of() says; keep what it declared. */
    if (flat.physical != vector->physical) {
        flat.physical = vector->physical;
        flat.values = arena_alloc(arena, (size_t)(rows > 0 ? rows : 1) * physical_width(vector->physical));
    }
    switch (vector->encoding) {
    case VECTOR_CONSTANT:
        gather_values(vector->values, NULL, rows, physical_width(vector->physical), flat.values);
        if (vector_is_null(vector, 0))
            flat.validity = arena_zalloc(arena, bitmap_bytes(rows > 0 ? (size_t)rows : 1));
        break;
    case VECTOR_DICTIONARY:
        flatten_dictionary(vector, rows, &flat);
        flat.validity = vector->validity;
        break;
    default:
        assert(vector->encoding == VECTOR_SEQUENCE && vector->physical == PHYS_I64);
        for (int i = 0; i < rows; i++)
            ((int64_t *)flat.values)[i] =
                (int64_t)((uint64_t)vector->sequence_start + (uint64_t)i * (uint64_t)vector->sequence_step);
        break;
    }
    *out = flat;
}
