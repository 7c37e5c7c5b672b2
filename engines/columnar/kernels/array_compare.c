/* The order of nested values, as comparison and as bytes, and the operators that rest on it. PostgreSQL's
 * array_cmp: element by element, NULL above everything; then the number of elements, the dimensions, the
 * lower bounds. */
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/numeric_math.h"

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

bool type_has_equality(SqlTypeId element) {
    return element != SQL_JSON && element != SQL_OTHER && element != SQL_UNKNOWN;
}

static int compare_floats(double a, double b) {
    if (a != a || b != b) return (a != a) - (b != b);
    return ORDER(a, b);
}

static Int128 interval_span(Interval value) {
    return ((Int128)value.months * 30 + value.days) * INT64_C(86400000000) + value.microseconds;
}

static StringView without_blanks(const StringView *view) {
    const char *data = stringview_data(view);
    uint32_t length = view->length;
    while (length && data[length - 1] == ' ')
        length--;
    return stringview_make(data, length);
}

static int compare_strings(SqlTypeId type, const StringView *a, const StringView *b) {
    if (type == SQL_JSONB) return jsonb_compare(a, b);
    if (type == SQL_RECORD) return record_compare_blobs(a, b);
    if (type != SQL_BPCHAR) return stringview_compare(a, b);
    StringView left = without_blanks(a), right = without_blanks(b);
    return stringview_compare(&left, &right);
}

#define LOAD(Type, from)                                                                                     \
    ({                                                                                                       \
        Type loaded_;                                                                                        \
        memcpy(&loaded_, from, sizeof loaded_);                                                              \
        loaded_;                                                                                             \
    })

int value_compare(SqlTypeId type, PhysicalType physical, const void *a, const void *b) {
    switch (physical) {
    case PHYS_BOOL: return ORDER(LOAD(uint8_t, a), LOAD(uint8_t, b));
    case PHYS_I8: return ORDER(LOAD(int8_t, a), LOAD(int8_t, b));
    case PHYS_I16: return ORDER(LOAD(int16_t, a), LOAD(int16_t, b));
    case PHYS_I32: return ORDER(LOAD(int32_t, a), LOAD(int32_t, b));
    case PHYS_I64: return ORDER(LOAD(int64_t, a), LOAD(int64_t, b));
    case PHYS_I128: return ORDER(LOAD(Int128, a), LOAD(Int128, b));
    case PHYS_F32: return compare_floats((double)LOAD(float, a), (double)LOAD(float, b));
    case PHYS_F64: return compare_floats(LOAD(double, a), LOAD(double, b));
    case PHYS_INTERVAL: return ORDER(interval_span(LOAD(Interval, a)), interval_span(LOAD(Interval, b)));
    case PHYS_NUMERIC: return numeric_compare(LOAD(Numeric, a), LOAD(Numeric, b));
    default: {
        StringView left = LOAD(StringView, a), right = LOAD(StringView, b);
        return compare_strings(type, &left, &right);
    }
    }
}

static int compare_shapes(const ArrayValue *a, const ArrayValue *b) {
    if (a->count != b->count) return ORDER(a->count, b->count);
    if (a->dimension_count != b->dimension_count) return ORDER(a->dimension_count, b->dimension_count);
    for (int i = 0; i < a->dimension_count; i++)
        if (a->dimensions[i].length != b->dimensions[i].length)
            return ORDER(a->dimensions[i].length, b->dimensions[i].length);
    for (int i = 0; i < a->dimension_count; i++)
        if (a->dimensions[i].lower != b->dimensions[i].lower)
            return ORDER(a->dimensions[i].lower, b->dimensions[i].lower);
    return 0;
}

int array_compare(const ArrayValue *a, const ArrayValue *b) {
    int shared = a->count < b->count ? a->count : b->count;
    Numeric left, right; /* the widest element */
    _Static_assert(sizeof left >= sizeof(StringView), "any element fits");
    for (int i = 0; i < shared; i++) {
        bool left_null = array_is_null(a, i), right_null = array_is_null(b, i);
        if (left_null || right_null) {
            if (left_null != right_null) return left_null ? 1 : -1;
            continue;
        }
        array_get(a, i, &left);
        array_get(b, i, &right);
        int order = value_compare((SqlTypeId)a->element, (PhysicalType)a->physical, &left, &right);
        if (order) return order;
    }
    return compare_shapes(a, b);
}

/* ---- bytes ----------------------------------------------------------------------------------------------
 */

static void put_word(StrBuf *out, uint64_t value, size_t width) {
    value = __builtin_bswap64(value << (64 - 8 * width));
    strbuf_append(out, &value, width);
}

static void put_float(StrBuf *out, double value) {
    uint64_t bits;
    if (value == 0) value = 0; /* -0 equals 0 */
    memcpy(&bits, &value, sizeof bits);
    bits = bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
    put_word(out, value != value ? UINT64_MAX : bits, 8);
}

static void put_wide(StrBuf *out, Int128 value) {
    UInt128 flipped = (UInt128)value ^ (UInt128)1 << 127;
    put_word(out, (uint64_t)(flipped >> 64), 8);
    put_word(out, (uint64_t)flipped, 8);
}

/* No string is the beginning of another's: zero bytes are marked, the end is two of them. */
void order_key_string(StrBuf *out, const char *data, size_t length) {
    const char *end = data + length;
    while (data < end) {
        const char *zero = memchr(data, 0, (size_t)(end - data));
        if (!zero) zero = end;
        strbuf_append(out, data, (size_t)(zero - data));
        data = zero;
        if (data < end) {
            strbuf_append(out, "\0\xFF", 2);
            data++;
        }
    }
    strbuf_append(out, "\0\0", 2);
}

/* Sign, decimal exponent, the digits without trailing zeros; all but the sign inverted when negative. */
void order_key_numeric(StrBuf *out, Numeric value) {
    strbuf_append_char(out, numeric_order_class(value));
    if (value.special || !value.value) return;
    UInt128 magnitude = value.value < 0 ? -(UInt128)value.value : (UInt128)value.value;
    char digits[40], text[44];
    int count = 0, used = 0;
    for (; magnitude; magnitude /= 10)
        digits[count++] = (char)(magnitude % 10);
    int exponent = count - value.scale + 20000, trailing = 0;
    while (trailing < count && digits[trailing] == 0)
        trailing++;
    text[used++] = (char)(exponent >> 8);
    text[used++] = (char)exponent;
    for (int i = count - 1; i >= trailing; i--)
        text[used++] = (char)(digits[i] + 1);
    text[used++] = 0;
    for (int i = 0; value.value < 0 && i < used; i++)
        text[i] = (char)~text[i];
    strbuf_append(out, text, (size_t)used);
}

static void put_string(StrBuf *out, SqlTypeId type, const StringView *view) {
    if (type == SQL_JSONB) {
        order_key_jsonb(out, view);
    } else if (type == SQL_RECORD) {
        Error ignored = {0};
        if (order_key_record(out, view, &ignored) != STATUS_OK)
            order_key_string(out, stringview_data(view), view->length);
    } else {
        StringView text = type == SQL_BPCHAR ? without_blanks(view) : *view;
        order_key_string(out, stringview_data(&text), text.length);
    }
}

void order_key_value(StrBuf *out, SqlTypeId type, PhysicalType physical, const void *value) {
    switch (physical) {
    case PHYS_BOOL: strbuf_append(out, value, 1); break;
    case PHYS_I8: put_word(out, (uint8_t)(LOAD(uint8_t, value) ^ 0x80), 1); break;
    case PHYS_I16: put_word(out, (uint16_t)(LOAD(uint16_t, value) ^ 0x8000), 2); break;
    case PHYS_I32: put_word(out, LOAD(uint32_t, value) ^ UINT32_C(1) << 31, 4); break;
    case PHYS_I64: put_word(out, LOAD(uint64_t, value) ^ UINT64_C(1) << 63, 8); break;
    case PHYS_I128: put_wide(out, LOAD(Int128, value)); break;
    case PHYS_F32: put_float(out, (double)LOAD(float, value)); break;
    case PHYS_F64: put_float(out, LOAD(double, value)); break;
    case PHYS_INTERVAL: put_wide(out, interval_span(LOAD(Interval, value))); break;
    case PHYS_NUMERIC: order_key_numeric(out, LOAD(Numeric, value)); break;
    default: {
        StringView view = LOAD(StringView, value);
        put_string(out, type, &view);
    }
    }
}

Status order_key_array(StrBuf *out, const StringView *blob, Error *err) {
    ArrayValue array;
    Numeric value;
    TRY(array_open(blob, &array, err));
    for (int i = 0; i < array.count; i++) {
        bool null = array_is_null(&array, i);
        strbuf_append_char(out, null ? 2 : 1);
        if (null) continue;
        array_get(&array, i, &value);
        order_key_value(out, (SqlTypeId)array.element, (PhysicalType)array.physical, &value);
    }
    strbuf_append_char(out, 0);
    strbuf_append_char(out, (char)array.dimension_count);
    for (int i = 0; i < array.dimension_count; i++)
        put_word(out, (uint32_t)array.dimensions[i].length, 4);
    for (int i = 0; i < array.dimension_count; i++)
        put_word(out, (uint32_t)array.dimensions[i].lower ^ UINT32_C(1) << 31, 4);
    return STATUS_OK;
}

/* The key of a nested value as bytea, for ORDER BY, joins and groups. */
static Status order_key(const KernelCall *call, Error *err) {
    SqlType type = call->args[0].type;
    StrBuf key;
    strbuf_init(&key);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        const StringView *value = kernel_text(call, 0, row);
        strbuf_reset(&key);
        if (type.is_array)
            status = order_key_array(&key, value, err);
        else if (type.id == SQL_RECORD)
            status = order_key_record(&key, value, err);
        else
            order_key_jsonb(&key, value);
        if (status != STATUS_OK) break;
        ((StringView *)call->out->values)[row] = kernel_string(call, strbuf_text(&key), key.length);
    }
    strbuf_deinit(&key);
    return status;
}

/* ---- operators ------------------------------------------------------------------------------------------
 */

typedef enum Comparison { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE } Comparison;

static bool holds(Comparison comparison, int order) {
    switch (comparison) {
    case CMP_EQ: return order == 0;
    case CMP_NE: return order != 0;
    case CMP_LT: return order < 0;
    case CMP_LE: return order <= 0;
    case CMP_GT: return order > 0;
    default: return order >= 0;
    }
}

static Status compare_rows(const KernelCall *call, Comparison comparison, Error *err) {
    ArrayRows left, right;
    TRY(array_rows_open(call, 0, &left, err));
    TRY(array_rows_open(call, 1, &right, err));
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row)
    out[row] = holds(comparison, array_compare(array_row(&left, row), array_row(&right, row)));
    return STATUS_OK;
}

#define COMPARE_KERNEL(name, comparison)                                                                     \
    static Status array_##name(const KernelCall *call, Error *err) {                                         \
        return compare_rows(call, comparison, err);                                                          \
    }
COMPARE_KERNEL(eq, CMP_EQ)
COMPARE_KERNEL(ne, CMP_NE)
COMPARE_KERNEL(lt, CMP_LT)
COMPARE_KERNEL(le, CMP_LE)
COMPARE_KERNEL(gt, CMP_GT)
COMPARE_KERNEL(ge, CMP_GE)

static Status jsonb_compare_rows(const KernelCall *call, Comparison comparison) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row)
    out[row] = holds(comparison, jsonb_compare(kernel_text(call, 0, row), kernel_text(call, 1, row)));
    return STATUS_OK;
}
#define JSONB_KERNEL(name, comparison)                                                                       \
    static Status jsonb_##name(const KernelCall *call, Error *err) {                                         \
        (void)err;                                                                                           \
        return jsonb_compare_rows(call, comparison);                                                         \
    }
JSONB_KERNEL(eq, CMP_EQ)
JSONB_KERNEL(ne, CMP_NE)
JSONB_KERNEL(lt, CMP_LT)
JSONB_KERNEL(le, CMP_LE)
JSONB_KERNEL(gt, CMP_GT)
JSONB_KERNEL(ge, CMP_GE)

/* Whether `value` (not NULL) is among the array's elements. */
static bool array_has(const ArrayValue *array, const void *value) {
    Numeric other;
    for (int i = 0; i < array->count; i++) {
        if (array_is_null(array, i)) continue;
        array_get(array, i, &other);
        if (value_compare((SqlTypeId)array->element, (PhysicalType)array->physical, &other, value) == 0)
            return true;
    }
    return false;
}

/* PostgreSQL's array_contain_compare: NULL elements match nothing. */
static bool contains(const ArrayValue *whole, const ArrayValue *part, bool all) {
    Numeric value;
    for (int i = 0; i < part->count; i++) {
        bool found = false;
        if (!(i & 15) && kernel_is_stopped()) return false;
        if (!array_is_null(part, i)) {
            array_get(part, i, &value);
            found = array_has(whole, &value);
        }
        if (found != all) return found;
    }
    return all;
}

static Status contain_rows(const KernelCall *call, int whole, bool all, Error *err) {
    ArrayRows left, right;
    TRY(array_rows_open(call, whole, &left, err));
    TRY(array_rows_open(call, 1 - whole, &right, err));
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = contains(array_row(&left, row), array_row(&right, row), all);
    return STATUS_OK;
}
static Status array_contains(const KernelCall *call, Error *err) {
    return contain_rows(call, 0, true, err);
}
static Status array_contained(const KernelCall *call, Error *err) {
    return contain_rows(call, 1, true, err);
}
static Status array_overlaps(const KernelCall *call, Error *err) {
    return contain_rows(call, 0, false, err);
}

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("=", array_eq, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES("<>", array_ne, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES("<", array_lt, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES("<=", array_le, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES(">", array_gt, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES(">=", array_ge, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES("@>", array_contains, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES("<@", array_contained, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN_RAISES("&&", array_overlaps, K_BOOL, K_ANYARRAY, K_ANYARRAY),
    KERNEL_FN("=", jsonb_eq, K_BOOL, K_JSONB, K_JSONB),
    KERNEL_FN("<>", jsonb_ne, K_BOOL, K_JSONB, K_JSONB),
    KERNEL_FN("<", jsonb_lt, K_BOOL, K_JSONB, K_JSONB),
    KERNEL_FN("<=", jsonb_le, K_BOOL, K_JSONB, K_JSONB),
    KERNEL_FN(">", jsonb_gt, K_BOOL, K_JSONB, K_JSONB),
    KERNEL_FN(">=", jsonb_ge, K_BOOL, K_JSONB, K_JSONB),
    KERNEL_FN_RAISES("$order_key", order_key, K_BYTEA, K_ANY),
};

FunctionTable array_compare_functions(void) {
    return KERNEL_TABLE(rows);
}
