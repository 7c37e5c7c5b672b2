#include "engines/columnar/exec/arrow_import.h"

#include <stdlib.h>

#include "engines/columnar/types/array_value.h"

static bool is_text_format(const char *format) {
    return !strcmp(format, "u") || !strcmp(format, "U") || !strcmp(format, "z") || !strcmp(format, "Z") ||
           !strcmp(format, "vu") || !strcmp(format, "vz");
}

static int integer_bytes(const char *format) {
    if (!format[0] || format[1]) return 0;
    switch (format[0]) {
    case 'c':
    case 'C': return 1;
    case 's':
    case 'S': return 2;
    case 'i':
    case 'I': return 4;
    case 'l':
    case 'L': return 8;
    default: return 0;
    }
}

/* Bytes of a fixed-width integer-like format, dates and times included; 0 for others. */
static int fixed_bytes(const char *format) {
    if (!strcmp(format, "tdD")) return 4;
    if (!strcmp(format, "ttu") || !strncmp(format, "tsu:", 4)) return 8;
    return integer_bytes(format);
}

static bool is_list_format(const char *format) {
    return !strcmp(format, "+l") || !strcmp(format, "+L");
}

/* An array's numerics come with the scale each has, whatever the column declares. */
static SqlType element_type(SqlType array) {
    SqlType element = array_element_type(array);
    return element.id == SQL_NUMERIC ? sqltype_of(SQL_NUMERIC) : element;
}

Status arrow_import_check(const ArrowSchema *schema, SqlType type, Error *err) {
    if (type.is_array && is_list_format(schema->format) && schema->n_children == 1 && !schema->dictionary)
        return arrow_import_check(schema->children[0], element_type(type), err);
    const char *format = schema->dictionary ? schema->dictionary->format : schema->format;
    bool fits = false;
    switch (physical_type_of(type)) {
    case PHYS_BOOL: fits = !strcmp(format, "b"); break;
    case PHYS_I8:
    case PHYS_I16:
    case PHYS_I32: fits = fixed_bytes(format) > 0; break;
    case PHYS_I64:
        fits = fixed_bytes(format) > 0 || (sqltype_is(type, SQL_NUMERIC) && !strncmp(format, "d:", 2));
        break;
    case PHYS_I128: fits = !strncmp(format, "d:", 2) || fixed_bytes(format) > 0; break;
    case PHYS_F32:
    case PHYS_F64: fits = !strcmp(format, "f") || !strcmp(format, "g"); break;
    case PHYS_INTERVAL: fits = !strcmp(format, "tin"); break;
    case PHYS_NUMERIC:
        fits = is_text_format(format) || !strncmp(format, "d:", 2) || fixed_bytes(format) > 0;
        break;
    default: fits = is_text_format(format);
    }
    if (sqltype_is(type, SQL_NUMERIC) && is_text_format(format)) fits = true;
    if (fits && (!schema->dictionary || (is_text_format(format) && integer_bytes(schema->format))))
        return STATUS_OK;
    char name[SQLTYPE_NAME_BYTES];
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "column \"%s\" comes as Arrow format \"%s\", which cannot be read as %s",
                     schema->name ? schema->name : "", schema->format, sqltype_name(type, true, name));
}

static int64_t read_integer(const char *format, const void *values, int64_t row) {
    switch (fixed_bytes(format)) {
    case 1: return format[0] == 'C' ? ((const uint8_t *)values)[row] : ((const int8_t *)values)[row];
    case 2: return format[0] == 'S' ? ((const uint16_t *)values)[row] : ((const int16_t *)values)[row];
    case 4:
        return format[0] == 'I' ? (int64_t)((const uint32_t *)values)[row] : ((const int32_t *)values)[row];
    default: return ((const int64_t *)values)[row];
    }
}

static StringView read_text(const char *format, const ArrowArray *array, int64_t row) {
    if (format[0] == 'v') {
        const char *view = (const char *)array->buffers[1] + (size_t)row * 16;
        int32_t length, buffer, offset;
        memcpy(&length, view, 4);
        if (length <= 12) return stringview_make(view + 4, (uint32_t)length);
        memcpy(&buffer, view + 8, 4);
        memcpy(&offset, view + 12, 4);
        return stringview_make((const char *)array->buffers[2 + buffer] + offset, (uint32_t)length);
    }
    const char *data = array->buffers[2];
    if (format[0] == 'U' || format[0] == 'Z') {
        const int64_t *offsets = array->buffers[1];
        return stringview_make(data + offsets[row], (uint32_t)(offsets[row + 1] - offsets[row]));
    }
    const int32_t *offsets = array->buffers[1];
    return stringview_make(data + offsets[row], (uint32_t)(offsets[row + 1] - offsets[row]));
}

Status numeric_from_text(const char *text, size_t length, Numeric *out, Error *err) {
    memset(out, 0, sizeof *out);
    size_t at = 0;
    bool negative = false, any = false, point = false;
    if (length == 3 && !strncasecmp(text, "nan", 3)) {
        out->special = NUMERIC_NAN;
        return STATUS_OK;
    }
    if ((length == 8 && !strncasecmp(text, "infinity", 8)) ||
        (length == 9 && !strncasecmp(text, "-infinity", 9))) {
        out->special = length == 8 ? NUMERIC_INFINITY : NUMERIC_MINUS_INFINITY;
        return STATUS_OK;
    }
    if (at < length && (text[at] == '-' || text[at] == '+')) negative = text[at++] == '-';
    for (; at < length; at++) {
        if (text[at] == '.' && !point) {
            point = true;
            continue;
        }
        if (text[at] < '0' || text[at] > '9')
            return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type numeric: \"%.*s\"",
                             (int)length, text);
        any = true;
        if (__builtin_mul_overflow(out->value, (__int128)10, &out->value) ||
            __builtin_add_overflow(out->value, (__int128)(text[at] - '0'), &out->value))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                             "the numeric value %.*s has more than 38 digits", (int)length, text);
        out->scale += point;
    }
    if (!any)
        return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type numeric: \"%.*s\"",
                         (int)length, text);
    if (negative) out->value = -out->value;
    return STATUS_OK;
}

static Status read_numeric(const ArrowSchema *schema, const ArrowArray *array, int64_t row, Numeric *out,
                           Error *err) {
    const char *format = schema->format;
    memset(out, 0, sizeof *out);
    if (is_text_format(format)) {
        StringView view = read_text(format, array, row);
        return numeric_from_text(stringview_data(&view), view.length, out, err);
    }
    if (!strncmp(format, "d:", 2)) {
        const char *comma = strchr(format, ',');
        out->scale = comma ? atoi(comma + 1) : 0;
        memcpy(&out->value, (const char *)array->buffers[1] + (size_t)row * 16, 16);
        return STATUS_OK;
    }
    out->value = read_integer(format, array->buffers[1], row);
    return STATUS_OK;
}

static Status rescale(Numeric value, SqlType type, __int128 *out, Error *err) {
    *out = value.value;
    if (value.special)
        return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                         "NaN and infinity do not fit a numeric with precision");
    for (; value.scale < type.scale; value.scale++)
        if (__builtin_mul_overflow(*out, (__int128)10, out))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "numeric field overflow");
    for (; value.scale > type.scale; value.scale--) {
        if (*out % 10)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                             "a numeric value has more decimals than its column");
        *out /= 10;
    }
    return STATUS_OK;
}

static Status import_numeric(const ArrowSchema *schema, const ArrowArray *array, int64_t row, SqlType type,
                             Vector *out, int k, Error *err) {
    Numeric value;
    __int128 scaled;
    TRY(read_numeric(schema, array, row, &value, err));
    if (out->physical == PHYS_NUMERIC) {
        memcpy((Numeric *)out->values + k, &value, sizeof value);
        return STATUS_OK;
    }
    TRY(rescale(value, type, &scaled, err));
    if (out->physical == PHYS_I128)
        memcpy((__int128 *)out->values + k, &scaled, 16);
    else
        ((int64_t *)out->values)[k] = (int64_t)scaled;
    return STATUS_OK;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static Status uuid_bytes(StringView text, StringView *out, Arena *arena, Error *err) {
    char *raw = arena_alloc(arena, 16);
    const char *data = stringview_data(&text);
    int digits = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        int digit = hex_digit(data[i]);
        if (digit < 0) continue;
        if (digits < 32) raw[digits / 2] = (char)(digits % 2 ? raw[digits / 2] | digit : digit << 4);
        digits++;
    }
    if (digits != 32)
        return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type uuid: \"%.*s\"",
                         (int)text.length, data);
    *out = stringview_make(raw, 16);
    return STATUS_OK;
}

/* A list as an array of one dimension. */
static Status import_list(const ArrowSchema *schema, const ArrowArray *array, int64_t row, SqlType type,
                          StringView *out, Arena *arena, Error *err) {
    int64_t first, end;
    if (schema->format[1] == 'L') {
        first = ((const int64_t *)array->buffers[1])[row];
        end = ((const int64_t *)array->buffers[1])[row + 1];
    } else {
        first = ((const int32_t *)array->buffers[1])[row];
        end = ((const int32_t *)array->buffers[1])[row + 1];
    }
    if (first < 0 || end < first || end - first > ARRAY_MAX_ELEMENTS || array->n_children != 1)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "a list's offsets are damaged");
    Vector elements;
    ArrayBuilder builder;
    SqlType element = element_type(type);
    TRY(arrow_import_column(schema->children[0], array->children[0], first, (int)(end - first), element,
                            &elements, arena, err));
    array_builder_init(&builder, element, arena);
    for (int i = 0; i < (int)(end - first); i++)
        TRY(array_builder_add_row(&builder, &elements, i, err));
    return array_builder_finish(&builder, arena, out, err);
}

static Status import_value(const ArrowSchema *schema, const ArrowArray *array, int64_t row, SqlType type,
                           Vector *out, int k, Arena *arena, Error *err) {
    const char *format = schema->format;
    const char *values = array->n_buffers > 1 ? array->buffers[1] : NULL;
    if (type.is_array && is_list_format(format))
        return import_list(schema, array, row, type, (StringView *)out->values + k, arena, err);
    if (sqltype_is(type, SQL_NUMERIC)) return import_numeric(schema, array, row, type, out, k, err);
    switch ((PhysicalType)out->physical) {
    case PHYS_BOOL: ((uint8_t *)out->values)[k] = (uint8_t)values[row >> 3] >> (row & 7) & 1; break;
    case PHYS_I8: ((int8_t *)out->values)[k] = (int8_t)read_integer(format, values, row); break;
    case PHYS_I16: ((int16_t *)out->values)[k] = (int16_t)read_integer(format, values, row); break;
    case PHYS_I32: ((int32_t *)out->values)[k] = (int32_t)read_integer(format, values, row); break;
    case PHYS_I64: ((int64_t *)out->values)[k] = read_integer(format, values, row); break;
    case PHYS_F32:
        ((float *)out->values)[k] =
            format[0] == 'f' ? ((const float *)values)[row] : (float)((const double *)values)[row];
        break;
    case PHYS_F64:
        ((double *)out->values)[k] =
            format[0] == 'f' ? (double)((const float *)values)[row] : ((const double *)values)[row];
        break;
    case PHYS_INTERVAL: {
        Interval *interval = (Interval *)out->values + k;
        int64_t nanoseconds;
        memcpy(&interval->months, values + (size_t)row * 16, 4);
        memcpy(&interval->days, values + (size_t)row * 16 + 4, 4);
        memcpy(&nanoseconds, values + (size_t)row * 16 + 8, 8);
        interval->microseconds = nanoseconds / 1000;
        break;
    }
    default: {
        StringView view = read_text(format, array, row);
        if (sqltype_is(type, SQL_UUID)) TRY(uuid_bytes(view, &view, arena, err));
        ((StringView *)out->values)[k] = view;
    }
    }
    return STATUS_OK;
}

static bool row_is_null(const ArrowArray *array, int64_t row) {
    const uint8_t *validity = array->n_buffers > 0 && array->null_count ? array->buffers[0] : NULL;
    return validity && !(validity[row >> 3] >> (row & 7) & 1);
}

/* Values that lie in the array as they lie in a vector. */
static bool is_same_layout(const ArrowSchema *schema, const Vector *out) {
    const char *format = schema->format;
    if (schema->dictionary || sqltype_is(out->type, SQL_NUMERIC)) return false;
    switch ((PhysicalType)out->physical) {
    case PHYS_I16: return !strcmp(format, "s");
    case PHYS_I32: return !strcmp(format, "i") || !strcmp(format, "tdD");
    case PHYS_I64: return fixed_bytes(format) == 8 && format[0] != 'L';
    case PHYS_F32: return format[0] == 'f';
    case PHYS_F64: return format[0] == 'g';
    default: return false;
    }
}

static void copy_column(const ArrowArray *array, int64_t first, int count, size_t width, Vector *out,
                        Arena *arena) {
    memcpy(out->values, (const char *)array->buffers[1] + (size_t)first * width, (size_t)count * width);
    if (!array->null_count || !array->buffers[0]) return;
    for (int k = 0; k < count; k++)
        if (row_is_null(array, first + k)) bitmap_clear(vector_make_validity(out, count, arena), (size_t)k);
}

Status arrow_import_column(const ArrowSchema *schema, const ArrowArray *array, int64_t first, int count,
                           SqlType type, Vector *out, Arena *arena, Error *err) {
    vector_init_flat(out, type, count > 0 ? count : 1, arena);
    size_t width = physical_width((PhysicalType)out->physical);
    if (count > 0 && is_same_layout(schema, out)) {
        copy_column(array, array->offset + first, count, width, out, arena);
        return STATUS_OK;
    }
    for (int k = 0; k < count; k++) {
        int64_t row = array->offset + first + k;
        const ArrowSchema *value_schema = schema;
        const ArrowArray *value_array = array;
        bool null = row_is_null(array, row);
        if (!null && schema->dictionary) {
            row = array->dictionary->offset + read_integer(schema->format, array->buffers[1], row);
            value_schema = schema->dictionary;
            value_array = array->dictionary;
            null = row_is_null(value_array, row);
        }
        if (null) {
            memset((char *)out->values + (size_t)k * width, 0, width);
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)k);
            continue;
        }
        TRY(import_value(value_schema, value_array, row, type, out, k, arena, err));
    }
    return STATUS_OK;
}
