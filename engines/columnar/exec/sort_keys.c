#include "engines/columnar/exec/sort_keys.h"

static uint32_t key_width(PhysicalType physical) {
    switch (physical) {
    case PHYS_BOOL:
    case PHYS_I8: return 1;
    case PHYS_I16: return 2;
    case PHYS_I32:
    case PHYS_F32: return 4;
    case PHYS_I64:
    case PHYS_F64: return 8;
    default: return 16;
    }
}

static bool bytes_say_all(PhysicalType physical) {
    return physical != PHYS_STRING && physical != PHYS_NUMERIC;
}

static Status init_key(SortLayout *layout, Query *query, const SortKey *source, SortKeyColumn *key,
                       uint32_t *offset, Error *err) {
    TRY(program_compile(query, source->expr, &key->program, err));
    key->type = program_type(key->program);
    key->physical = (uint8_t)physical_type_of(key->type);
    key->descending = source->descending;
    key->nulls_first = source->nulls_first;
    key->offset = *offset;
    key->width = key_width((PhysicalType)key->physical);
    *offset += 1 + key->width;
    key->column = -1;
    return STATUS_OK;
}

/* Where the row holds the program's value: the column it reads, else a new one. */
static int place_value(const Program *program, int output_count, SqlType *types, int *columns) {
    int same = program_column(program);
    if (same >= 0 && same < output_count) return same;
    types[*columns] = program_type(program);
    return (*columns)++;
}

/* Floats lose the sign of 0 in their key, strings and intervals more. */
static bool key_tells_value(const SortKeyColumn *key) {
    return key->physical == PHYS_BOOL || key->physical == PHYS_I8 || key->physical == PHYS_I16 ||
           key->physical == PHYS_I32 || key->physical == PHYS_I64;
}

/* Rows without the columns that keys hold; those left keep their numbers. */
static void leave_out_keys(SortLayout *layout, const SqlType *types, int columns, Arena *arena) {
    RowLayout kept;
    SqlType *kept_types = ARENA_NEW_ARRAY(arena, SqlType, columns + 1);
    int *place = ARENA_NEW_ARRAY(arena, int, columns + 1), count = 0;
    layout->from_key = ARENA_NEW_ARRAY(arena, int, layout->output_count + 1);
    for (int c = 0; c < layout->output_count; c++)
        layout->from_key[c] = -1;
    for (int i = layout->key_count - 1; i >= 0; i--) {
        int column = program_column(layout->keys[i].program);
        if (column >= 0 && column < layout->output_count && key_tells_value(&layout->keys[i]) &&
            sqltype_equals(types[column], layout->keys[i].type))
            layout->from_key[column] = i;
    }
    for (int c = 0; c < columns; c++)
        if (sort_row_holds(layout, c)) {
            place[c] = count;
            kept_types[count++] = types[c];
        }
    row_layout_init(&kept, kept_types, count, layout->rows.begin, arena);
    for (int c = 0; c < columns; c++)
        if (sort_row_holds(layout, c)) layout->rows.columns[c] = kept.columns[place[c]];
    layout->rows.width = kept.width;
}

Status sort_layout_init(SortLayout *layout, Query *query, const PlanNode *input, const SortKey *keys,
                        int key_count, Expr *const *extras, int extra_count, bool compact, Error *err) {
    Arena *arena = &query->arena;
    layout->key_count = key_count;
    layout->keys = ARENA_NEW_ARRAY(arena, SortKeyColumn, key_count + 1);
    layout->output_count = input->column_count;
    layout->key_begin = 8;
    layout->exact = true;
    SqlType *types = ARENA_NEW_ARRAY(arena, SqlType, input->column_count + key_count + extra_count + 1);
    for (int i = 0; i < input->column_count; i++)
        types[i] = input->columns[i].type;
    int columns = input->column_count;
    uint32_t offset = layout->key_begin;
    for (int i = 0; i < key_count; i++) {
        SortKeyColumn *key = &layout->keys[i];
        TRY(init_key(layout, query, &keys[i], key, &offset, err));
        if (bytes_say_all((PhysicalType)key->physical)) continue;
        if (layout->exact) layout->ordered_bytes = offset - layout->key_begin;
        layout->exact = false;
        key->column = place_value(key->program, layout->output_count, types, &columns);
    }
    layout->key_bytes = (offset - layout->key_begin + 7) & ~7u;
    if (layout->key_bytes == 0) layout->key_bytes = 8; /* the prefix is read */
    if (layout->exact) layout->ordered_bytes = layout->key_bytes;
    layout->extra_count = extra_count;
    layout->extra_columns = ARENA_NEW_ARRAY(arena, int, extra_count + 1);
    TRY(programs_compile(query, extras, extra_count, &layout->extras, err));
    for (int i = 0; i < extra_count; i++)
        layout->extra_columns[i] = place_value(layout->extras[i], layout->output_count, types, &columns);
    row_layout_init(&layout->rows, types, columns, layout->key_begin + layout->key_bytes, arena);
    if (compact) leave_out_keys(layout, types, columns, arena);
    return STATUS_OK;
}

/* ---- bytes -----------------------------------------------------------------------------------------------
 */

static void put_big_endian(char *out, uint64_t value, uint32_t width) {
    value = __builtin_bswap64(value << (64 - 8 * width));
    memcpy(out, &value, width);
}

static uint64_t order_float(double value) {
    uint64_t bits;
    if (value != value) return UINT64_MAX; /* NaN is above all */
    if (value == 0) value = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static void put_i128(char *out, __int128 value) {
    unsigned __int128 flipped = (unsigned __int128)value ^ (unsigned __int128)1 << 127;
    put_big_endian(out, (uint64_t)(flipped >> 64), 8);
    put_big_endian(out + 8, (uint64_t)flipped, 8);
}

/* Sign, decimal exponent, first 17 digits: truncated, so never in wrong order; sort_compare decides the rest.
 */
static void put_numeric(char *out, Numeric value) {
    memset(out, 0, 16);
    unsigned __int128 magnitude =
        value.value < 0 ? -(unsigned __int128)value.value : (unsigned __int128)value.value;
    out[0] = numeric_order_class(value);
    if (value.special || !value.value) return;
    int digits = 0, wanted = 17;
    for (unsigned __int128 rest = magnitude; rest; rest /= 10)
        digits++;
    for (int i = digits; i < wanted; i++)
        magnitude *= 10;
    for (int i = wanted; i < digits; i++)
        magnitude /= 10;
    put_big_endian(out + 1, (uint16_t)(digits - value.scale + 20000), 2);
    put_big_endian(out + 3, (uint64_t)magnitude, 8);
    for (int i = 1; value.value < 0 && i < 11; i++)
        out[i] = (char)~out[i];
}

static uint32_t blank_trimmed(const StringView *view) {
    uint32_t length = view->length;
    const char *data = stringview_data(view);
    while (length && data[length - 1] == ' ')
        length--;
    return length;
}

static void put_string(const SortKeyColumn *key, const StringView *view, char *out) {
    uint32_t length = sqltype_is(key->type, SQL_BPCHAR) ? blank_trimmed(view) : view->length;
    uint32_t copied = length < SORT_STRING_BYTES ? length : SORT_STRING_BYTES;
    memset(out, 0, SORT_STRING_BYTES);
    memcpy(out, stringview_data(view), copied);
}

static void put_value(const SortKeyColumn *key, const void *values, size_t index, char *out) {
    switch ((PhysicalType)key->physical) {
    case PHYS_BOOL: *out = (char)((const uint8_t *)values)[index]; break;
    case PHYS_I8: *out = (char)(((const uint8_t *)values)[index] ^ 0x80); break;
    case PHYS_I16: put_big_endian(out, (uint16_t)(((const int16_t *)values)[index] ^ INT16_MIN), 2); break;
    case PHYS_I32:
        put_big_endian(out, (uint32_t)((const int32_t *)values)[index] ^ UINT32_C(1) << 31, 4);
        break;
    case PHYS_I64:
        put_big_endian(out, (uint64_t)((const int64_t *)values)[index] ^ UINT64_C(1) << 63, 8);
        break;
    case PHYS_F32: {
        float value = ((const float *)values)[index];
        uint32_t bits;
        if (value == 0) value = 0;
        memcpy(&bits, &value, sizeof bits);
        put_big_endian(out,
                       value != value ? UINT32_MAX
                       : bits >> 31   ? (uint32_t)~bits
                                      : bits | UINT32_C(1) << 31,
                       4);
        break;
    }
    case PHYS_F64: put_big_endian(out, order_float(((const double *)values)[index]), 8); break;
    case PHYS_I128: {
        __int128 value;
        memcpy(&value, (const __int128 *)values + index, sizeof value);
        put_i128(out, value);
        break;
    }
    case PHYS_INTERVAL: {
        Interval value = ((const Interval *)values)[index];
        put_i128(out, ((__int128)value.months * 30 + value.days) * INT64_C(86400000000) + value.microseconds);
        break;
    }
    case PHYS_NUMERIC: {
        Numeric value;
        memcpy(&value, (const Numeric *)values + index, sizeof value);
        put_numeric(out, value);
        break;
    }
    default: put_string(key, (const StringView *)values + index, out);
    }
}

static size_t value_index(const Vector *vector, int row) {
    switch (vector->encoding) {
    case VECTOR_CONSTANT: return 0;
    case VECTOR_DICTIONARY: return vector->codes[row];
    default: return (size_t)row;
    }
}

void sort_keys_encode(const SortLayout *layout, const Vector *key_values, const uint16_t *selection,
                      int selected, char *rows, size_t stride) {
    uint32_t used = 0;
    for (int i = 0; i < layout->key_count; i++) {
        const SortKeyColumn *key = &layout->keys[i];
        const Vector *vector = &key_values[i];
        const void *values =
            vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
        for (int k = 0; k < selected; k++) {
            int row = selection ? selection[k] : k;
            char *out = rows + (size_t)k * stride + key->offset;
            bool null = vector_is_null(vector, row);
            *out++ = null ? (key->nulls_first ? 0 : 2) : 1;
            if (null) {
                memset(out, 0, key->width);
                continue;
            }
            put_value(key, values, value_index(vector, row), out);
            for (uint32_t b = 0; key->descending && b < key->width; b++)
                out[b] = (char)~out[b];
        }
        used = key->offset + 1 + key->width - layout->key_begin;
    }
    for (int k = 0; used < layout->key_bytes && k < selected; k++)
        memset(rows + (size_t)k * stride + layout->key_begin + used, 0, layout->key_bytes - used);
}

static int64_t value_of_key(const SortKeyColumn *key, const char *row) {
    uint64_t value = 0;
    memcpy(&value, row + key->offset + 1, key->width);
    value = __builtin_bswap64(value);
    if (key->descending) value = ~value;
    if (key->physical != PHYS_BOOL) value ^= UINT64_C(1) << 63; /* signs were flipped */
    return (int64_t)value >> (64 - 8 * key->width);
}

void sort_gather(const SortLayout *layout, int column, char *const *rows, int count, Vector *out,
                 Arena *arena) {
    if (sort_row_holds(layout, column)) {
        rows_gather(&layout->rows, column, rows, count, NULL, count, out, arena);
        return;
    }
    const SortKeyColumn *key = &layout->keys[layout->from_key[column]];
    vector_init_flat(out, key->type, count > 0 ? count : 1, arena);
    uint64_t *validity = NULL;
    char *values = out->values;
    for (int k = 0; k < count; k++) {
        bool null = rows[k][key->offset] != 1;
        int64_t value = null ? 0 : value_of_key(key, rows[k]);
        memcpy(values + (size_t)k * key->width, &value, key->width);
        if (!null) continue;
        if (!validity) validity = vector_make_validity(out, count, arena);
        bitmap_clear(validity, (size_t)k);
    }
}

/* ---- comparing -------------------------------------------------------------------------------------------
 */

static int compare_numeric(Numeric a, Numeric b) {
    if (a.special || b.special) return a.special - b.special;
    __int128 left = a.value, right = b.value;
    if ((left < 0) != (right < 0)) return left < 0 ? -1 : 1;
    /* Whole parts first, then the fractions digit by digit: scaling up could overflow. */
    __int128 left_unit = 1, right_unit = 1;
    for (int i = 0; i < a.scale && i < 38; i++)
        left_unit *= 10;
    for (int i = 0; i < b.scale && i < 38; i++)
        right_unit *= 10;
    __int128 left_whole = a.scale > 38 ? 0 : left / left_unit,
             right_whole = b.scale > 38 ? 0 : right / right_unit;
    if (left_whole != right_whole) return left_whole < right_whole ? -1 : 1;
    __int128 left_rest = left - left_whole * left_unit, right_rest = right - right_whole * right_unit;
    int left_zeros = a.scale > 38 ? a.scale - 38 : 0, right_zeros = b.scale > 38 ? b.scale - 38 : 0;
    while (left_rest || right_rest) {
        int left_digit = 0, right_digit = 0;
        if (left_zeros > 0) {
            left_zeros--;
        } else if (left_unit > 1) {
            left_unit /= 10;
            left_digit = (int)(left_rest / left_unit);
            left_rest %= left_unit;
        }
        if (right_zeros > 0) {
            right_zeros--;
        } else if (right_unit > 1) {
            right_unit /= 10;
            right_digit = (int)(right_rest / right_unit);
            right_rest %= right_unit;
        }
        if (left_digit != right_digit) return left_digit < right_digit ? -1 : 1;
    }
    return 0;
}

static int compare_column(const SortKeyColumn *key, const RowColumn *column, const char *a, const char *b) {
    if (key->physical == PHYS_NUMERIC) {
        Numeric left, right;
        memcpy(&left, a + column->offset, sizeof left);
        memcpy(&right, b + column->offset, sizeof right);
        return compare_numeric(left, right);
    }
    StringView left, right;
    memcpy(&left, a + column->offset, sizeof left);
    memcpy(&right, b + column->offset, sizeof right);
    if (!sqltype_is(key->type, SQL_BPCHAR)) return stringview_compare(&left, &right);
    uint32_t left_length = blank_trimmed(&left), right_length = blank_trimmed(&right);
    uint32_t shared = left_length < right_length ? left_length : right_length;
    int order = memcmp(stringview_data(&left), stringview_data(&right), shared);
    return order ? order : left_length < right_length ? -1 : left_length > right_length;
}

static int compare_inexact(const SortLayout *layout, const char *a, const char *b) {
    for (int i = 0; i < layout->key_count; i++) {
        const SortKeyColumn *key = &layout->keys[i];
        int order = memcmp(a + key->offset, b + key->offset, 1 + key->width);
        if (order) return order;
        if (key->column < 0 || a[key->offset] != 1) continue;
        order = compare_column(key, &layout->rows.columns[key->column], a, b);
        if (order) return key->descending ? -order : order;
    }
    return 0;
}

bool sort_keys_equal(const SortLayout *layout, int key_count, const char *a, const char *b) {
    if (key_count == 0) return true;
    const SortKeyColumn *last = &layout->keys[key_count - 1];
    if (memcmp(a + layout->key_begin, b + layout->key_begin,
               last->offset + 1 + last->width - layout->key_begin) != 0)
        return false;
    for (int i = 0; !layout->exact && i < key_count; i++) {
        const SortKeyColumn *key = &layout->keys[i];
        if (key->column >= 0 && a[key->offset] == 1 &&
            compare_column(key, &layout->rows.columns[key->column], a, b) != 0)
            return false;
    }
    return true;
}

int sort_compare(const SortLayout *layout, const char *a, const char *b) {
    int order = layout->exact ? memcmp(a + layout->key_begin, b + layout->key_begin, layout->key_bytes)
                              : compare_inexact(layout, a, b);
    if (order) return order;
    uint64_t left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right;
}

bool sort_first_integer(const SortLayout *layout, const char *row, int64_t *out) {
    const SortKeyColumn *key = &layout->keys[0];
    const unsigned char *bytes = (const unsigned char *)row + key->offset + 1;
    uint64_t value = 0;
    if (row[key->offset] != 1) return false;
    for (uint32_t i = 0; i < key->width; i++)
        value = value << 8 | bytes[i];
    if (key->descending) value = ~value;
    int unused = 64 - 8 * (int)key->width;
    *out = (int64_t)((value ^ UINT64_C(1) << (8 * key->width - 1)) << unused) >> unused;
    return true;
}
