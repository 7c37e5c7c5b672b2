#include "engines/columnar/exec/arrow_export.h"

#include <stdlib.h>

#include "engines/columnar/types/array_value.h"

typedef enum ExportKind {
    EXPORT_COPY,
    EXPORT_BOOL,
    EXPORT_OID,
    EXPORT_DECIMAL,
    EXPORT_INTERVAL,
    EXPORT_STRING,
    EXPORT_UUID,
    EXPORT_NUMERIC,
    EXPORT_LIST
} ExportKind;

struct ExportColumn {
    SqlType type;
    uint8_t physical;
    uint8_t kind;
    uint32_t in_width, out_width;
    uint8_t *validity; /* NULL until the first NULL */
    int64_t null_count;
    char *data; /* values, or the bytes of strings */
    size_t data_bytes, data_capacity;
    int32_t *offsets;
    int64_t row_capacity;
    int64_t rows;
    struct ExportColumn *child; /* of a list: its elements */
    bool is_row;                /* comes as a row value */
};

static void *grow(void *memory, size_t bytes) {
    void *grown = realloc(memory, bytes ? bytes : 1);
    if (!grown) abort();
    return grown;
}

static ExportKind kind_of(SqlType type, PhysicalType physical) {
    if (type.is_array) return EXPORT_LIST;
    switch (physical) {
    case PHYS_BOOL: return EXPORT_BOOL;
    case PHYS_STRING: return sqltype_is(type, SQL_UUID) ? EXPORT_UUID : EXPORT_STRING;
    case PHYS_INTERVAL: return EXPORT_INTERVAL;
    case PHYS_NUMERIC: return EXPORT_NUMERIC;
    default:
        if (sqltype_is(type, SQL_NUMERIC)) return EXPORT_DECIMAL;
        return sqltype_is(type, SQL_OID) ? EXPORT_OID : EXPORT_COPY;
    }
}

/* How a column leaves: rows as their text; an array's numerics have the scale each has. */
static SqlType exported_type(SqlType type) {
    if (type.id == SQL_RECORD) type.id = SQL_OTHER; /* as its text */
    return type.is_array && type.id == SQL_NUMERIC ? sqltype_array_of(sqltype_of(SQL_NUMERIC)) : type;
}

static void column_init(ExportColumn *column, SqlType type) {
    memset(column, 0, sizeof *column);
    column->type = exported_type(type);
    column->is_row = type.id == SQL_RECORD;
    column->physical = (uint8_t)physical_type_of(column->type);
    column->kind = (uint8_t)kind_of(column->type, (PhysicalType)column->physical);
    column->in_width = (uint32_t)physical_width((PhysicalType)column->physical);
    switch ((ExportKind)column->kind) {
    case EXPORT_BOOL: column->out_width = 1; break; /* bytes here, bits when finished */
    case EXPORT_OID: column->out_width = 4; break;
    case EXPORT_DECIMAL:
    case EXPORT_INTERVAL: column->out_width = 16; break;
    case EXPORT_COPY: column->out_width = column->in_width; break;
    default: column->out_width = 0;
    }
    if (column->kind != EXPORT_LIST) return;
    SqlType element = array_element_type(type);
    column->child = grow(NULL, sizeof *column->child);
    column_init(column->child, element.id == SQL_NUMERIC ? sqltype_of(SQL_NUMERIC) : element);
}

void arrow_export_init(ArrowExport *out, const PlanColumn *columns, int column_count) {
    memset(out, 0, sizeof *out);
    out->column_count = column_count;
    out->columns = calloc((size_t)column_count + 1, sizeof *out->columns);
    if (!out->columns) abort();
    for (int i = 0; i < column_count; i++)
        column_init(&out->columns[i], columns[i].type);
}

static void column_clear(ExportColumn *column) {
    free(column->validity);
    free(column->data);
    free(column->offsets);
    column->validity = NULL;
    column->data = NULL;
    column->offsets = NULL;
    column->data_bytes = column->data_capacity = 0;
    column->rows = column->row_capacity = column->null_count = 0;
    if (column->child) column_clear(column->child);
}

static void column_deinit(ExportColumn *column) {
    column_clear(column);
    if (!column->child) return;
    column_deinit(column->child);
    free(column->child);
}

void arrow_export_deinit(ArrowExport *out) {
    for (int i = 0; i < out->column_count; i++)
        column_deinit(&out->columns[i]);
    free(out->columns);
    memset(out, 0, sizeof *out);
}

static void make_room(ExportColumn *column, int count) {
    if (column->rows + count <= column->row_capacity) return;
    int64_t capacity =
        column->row_capacity * 2 > column->rows + count ? column->row_capacity * 2 : column->rows + count;
    if (column->out_width)
        column->data = grow(column->data, (size_t)capacity * column->out_width);
    else
        column->offsets = grow(column->offsets, (size_t)(capacity + 1) * sizeof(int32_t));
    if (column->validity) column->validity = grow(column->validity, (size_t)(capacity + 63) / 64 * 8);
    column->row_capacity = capacity;
}

static char *string_room(ExportColumn *column, size_t bytes) {
    if (column->data_bytes + bytes > column->data_capacity) {
        column->data_capacity = (column->data_bytes + bytes) * 2 + 256;
        column->data = grow(column->data, column->data_capacity);
    }
    return column->data + column->data_bytes;
}

static void set_null(ExportColumn *column, int64_t row) {
    if (!column->validity) {
        size_t bytes = (size_t)(column->row_capacity + 63) / 64 * 8;
        column->validity = grow(NULL, bytes);
        memset(column->validity, 0xFF, bytes);
    }
    column->validity[row >> 3] &= (uint8_t) ~(1u << (row & 7));
    column->null_count++;
}

static inline size_t value_at(const Vector *vector, int row) {
    switch (vector->encoding) {
    case VECTOR_CONSTANT: return 0;
    case VECTOR_DICTIONARY: return vector->codes[row];
    default: return (size_t)row;
    }
}

int numeric_to_text(Numeric value, char *out) {
    if (value.special) {
        const char *text = numeric_special_text(value);
        strcpy(out, text);
        return (int)strlen(text);
    }
    char digits[64];
    int count = 0, at = 0;
    unsigned __int128 magnitude =
        value.value < 0 ? -(unsigned __int128)value.value : (unsigned __int128)value.value;
    do {
        digits[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude);
    if (value.value < 0) out[at++] = '-';
    int scale = value.scale < 0 ? 0 : value.scale > 1000 ? 1000 : value.scale;
    if (count <= scale) out[at++] = '0';
    for (int i = count - 1; i >= scale; i--)
        out[at++] = digits[i];
    if (scale) {
        out[at++] = '.';
        for (int i = scale - 1; i >= 0; i--)
            out[at++] = i < count ? digits[i] : '0';
    }
    out[at] = 0;
    return at;
}

static void uuid_to_text(const char *raw, char *out) {
    static const char hex[] = "0123456789abcdef";
    int at = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
        out[at++] = hex[(uint8_t)raw[i] >> 4];
        out[at++] = hex[(uint8_t)raw[i] & 15];
    }
}

static void append_bytes(ExportColumn *column, const char *data, size_t length) {
    char *into = string_room(column, length);
    if (length) memcpy(into, data, length);
    column->data_bytes += length;
}

static void append_text_value(ExportColumn *column, const char *values, size_t index) {
    if (column->kind == EXPORT_NUMERIC) {
        Numeric value;
        memcpy(&value, values + index * sizeof value, sizeof value);
        char *into = string_room(column, NUMERIC_TEXT_BYTES);
        column->data_bytes += (size_t)numeric_to_text(value, into);
        return;
    }
    const StringView *view = (const StringView *)values + index;
    if (column->kind == EXPORT_UUID && view->length == 16) {
        uuid_to_text(stringview_data(view), string_room(column, 36));
        column->data_bytes += 36;
        return;
    }
    append_bytes(column, stringview_data(view), view->length);
}

static void append_texts(ExportColumn *column, const Vector *vector, const uint16_t *selection, int first,
                         int count) {
    const char *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    if (!column->rows) column->offsets[0] = 0;
    for (int k = 0; k < count; k++) {
        int row = selection ? selection[first + k] : first + k;
        if (!vector_is_null(vector, row)) append_text_value(column, values, value_at(vector, row));
        column->offsets[column->rows + k + 1] = (int32_t)column->data_bytes;
    }
}

#define COPY_VALUES(WIDTH)                                                                                   \
    for (int k = 0; k < count; k++)                                                                          \
    memcpy(into + (size_t)k * (WIDTH),                                                                       \
           values + value_at(vector, selection ? selection[first + k] : first + k) * (WIDTH), WIDTH)

static void append_copies(ExportColumn *column, const Vector *vector, const uint16_t *selection, int first,
                          int count, char *into) {
    const char *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    if (vector->encoding == VECTOR_SEQUENCE) {
        for (int k = 0; k < count; k++)
            ((int64_t *)into)[k] = vector->sequence_start +
                                   (selection ? selection[first + k] : first + k) * vector->sequence_step;
        return;
    }
    switch (column->out_width) {
    case 1: COPY_VALUES(1); break;
    case 2: COPY_VALUES(2); break;
    case 4: COPY_VALUES(4); break;
    default: COPY_VALUES(8);
    }
}

static void append_converted(ExportColumn *column, const Vector *vector, const uint16_t *selection, int first,
                             int count, char *into) {
    const char *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    for (int k = 0; k < count; k++) {
        size_t index = value_at(vector, selection ? selection[first + k] : first + k);
        if (column->kind == EXPORT_OID) {
            ((uint32_t *)into)[k] = (uint32_t)((const int64_t *)values)[index];
        } else if (column->kind == EXPORT_DECIMAL) {
            __int128 value;
            if (column->physical == PHYS_I128)
                memcpy(&value, values + index * 16, 16);
            else
                value = ((const int64_t *)values)[index];
            memcpy(into + (size_t)k * 16, &value, 16);
        } else {
            Interval value = ((const Interval *)values)[index];
            int64_t nanoseconds;
            if (__builtin_mul_overflow(value.microseconds, 1000, &nanoseconds))
                nanoseconds = 0; /* NULL's rest */
            memcpy(into + (size_t)k * 16, &value.months, 4);
            memcpy(into + (size_t)k * 16 + 4, &value.days, 4);
            memcpy(into + (size_t)k * 16 + 8, &nanoseconds, 8);
        }
    }
}

static void append_column(ExportColumn *column, const Vector *vector, const uint16_t *selection, int first,
                          int count);

/* Row values as their texts, through the cast. */
static Status print_rows(const Vector *vector, int rows, const uint16_t *selection, int selected,
                         Arena *arena, Vector *out, Error *err) {
    const ScalarFunction *cast = cast_function(sqltype_of(SQL_RECORD), sqltype_of(SQL_TEXT), CAST_EXPLICIT);
    Vector flat, text;
    vector_flatten(vector, rows, &flat, arena);
    vector_init_flat(&text, sqltype_of(SQL_TEXT), rows > 0 ? rows : 1, arena);
    memset(text.values, 0, sizeof(StringView) * (size_t)(rows > 0 ? rows : 1));
    if (flat.validity) {
        uint64_t *validity = vector_make_validity(&text, rows, arena);
        memcpy(validity, flat.validity, bitmap_bytes((size_t)rows));
    }
    KernelCall call = {.args = &flat,
                       .arg_count = 1,
                       .row_count = rows,
                       .selection = selection,
                       .selected = selected,
                       .out = &text,
                       .arena = arena};
    TRY(cast->eval(&call, err));
    *out = text;
    return STATUS_OK;
}

/* Elements behind those of the rows before; the offsets tell where each row's end. */
static Status append_lists(ExportColumn *column, const Vector *vector, const uint16_t *selection, int first,
                           int count, Error *err) {
    const char *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    Arena arena;
    Status status = STATUS_OK;
    arena_init(&arena);
    if (!column->rows) column->offsets[0] = 0;
    for (int k = 0; k < count && status == STATUS_OK; k++) {
        int row = selection ? selection[first + k] : first + k;
        if (!vector_is_null(vector, row)) {
            ArrayValue array;
            Vector elements;
            status = array_open((const StringView *)values + value_at(vector, row), &array, err);
            if (status == STATUS_OK && array.dimension_count > 1) {
                status = error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                                   "a multidimensional array cannot be shown as a list");
                (void)error_add_hint(err, "Cast the array to text, for example column::text");
            }
            if (status == STATUS_OK && array.physical != column->child->physical)
                status = error_set(err, SQLSTATE_DATA_CORRUPTED, "array value is damaged");
            if (status != STATUS_OK) break;
            SqlType element = column->child->is_row ? sqltype_of(SQL_RECORD) : column->child->type;
            array_elements(&array, element, &arena, &elements);
            if (column->child->is_row)
                status = print_rows(&elements, array.count, NULL, array.count, &arena, &elements, err);
            if (status != STATUS_OK) break;
            if (array.count) append_column(column->child, &elements, NULL, 0, array.count);
            arena_reset(&arena);
        }
        column->offsets[column->rows + k + 1] = (int32_t)column->child->rows;
    }
    arena_deinit(&arena);
    return status;
}

static void append_column(ExportColumn *column, const Vector *vector, const uint16_t *selection, int first,
                          int count) {
    int64_t had = column->row_capacity;
    make_room(column, count);
    if (column->validity && column->row_capacity > had) /* fresh rows start valid */
        for (int64_t row = column->rows; row < (column->row_capacity + 63) / 64 * 64; row++)
            column->validity[row >> 3] |= (uint8_t)(1u << (row & 7));
    if (!column->out_width) {
        append_texts(column, vector, selection, first, count);
    } else {
        char *into = column->data + (size_t)column->rows * column->out_width;
        if (column->kind == EXPORT_COPY || column->kind == EXPORT_BOOL)
            append_copies(column, vector, selection, first, count, into);
        else
            append_converted(column, vector, selection, first, count, into);
        column->data_bytes += (size_t)count * column->out_width;
    }
    for (int k = 0; vector->validity && k < count; k++)
        if (vector_is_null(vector, selection ? selection[first + k] : first + k))
            set_null(column, column->rows + k);
    column->rows += count;
}

static Status append_list_column(ExportColumn *column, const Vector *vector, const uint16_t *selection,
                                 int first, int count, Error *err) {
    int64_t had = column->row_capacity;
    make_room(column, count);
    if (column->validity && column->row_capacity > had)
        for (int64_t row = column->rows; row < (column->row_capacity + 63) / 64 * 64; row++)
            column->validity[row >> 3] |= (uint8_t)(1u << (row & 7));
    TRY(append_lists(column, vector, selection, first, count, err));
    for (int k = 0; vector->validity && k < count; k++)
        if (vector_is_null(vector, selection ? selection[first + k] : first + k))
            set_null(column, column->rows + k);
    column->rows += count;
    column->data_bytes = column->child->data_bytes + (size_t)column->child->rows * 4;
    return STATUS_OK;
}

/* Arrow counts an interval's time in nanoseconds: 292 years of it at most. */
static Status check_intervals(const Vector *vector, const uint16_t *selection, int first, int count,
                              Error *err) {
    for (int k = 0; k < count; k++) {
        int row = selection ? selection[first + k] : first + k;
        int64_t nanoseconds;
        if (vector_is_null(vector, row)) continue;
        const Vector *source = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
        Interval value = ((const Interval *)source->values)[value_at(vector, row)];
        if (__builtin_mul_overflow(value.microseconds, 1000, &nanoseconds))
            return error_set(err, "22008", "an interval of that many hours cannot leave the columnar engine");
    }
    return STATUS_OK;
}

static Status append_row_column(ExportColumn *column, const Batch *batch, int index, int first, int count,
                                Error *err) {
    Arena arena;
    Vector texts;
    arena_init(&arena);
    Status status = print_rows(&batch->columns[index], batch->row_count, batch->selection, batch->selected,
                               &arena, &texts, err);
    if (status == STATUS_OK) append_column(column, &texts, batch->selection, first, count);
    arena_deinit(&arena);
    return status;
}

Status arrow_export_append(ArrowExport *out, const Batch *batch, int first, int count, Error *err) {
    for (int i = 0; i < out->column_count; i++)
        if (out->columns[i].kind == EXPORT_INTERVAL)
            TRY(check_intervals(&batch->columns[i], batch->selection, first, count, err));
    if (count == 0) return STATUS_OK;
    out->row_count += count;
    out->bytes = 0;
    for (int i = 0; i < out->column_count; i++) {
        if (out->columns[i].is_row && out->columns[i].kind != EXPORT_LIST)
            TRY(append_row_column(&out->columns[i], batch, i, first, count, err));
        else if (out->columns[i].kind == EXPORT_LIST)
            TRY(append_list_column(&out->columns[i], &batch->columns[i], batch->selection, first, count,
                                   err));
        else
            append_column(&out->columns[i], &batch->columns[i], batch->selection, first, count);
        out->bytes +=
            (int64_t)out->columns[i].data_bytes + out->columns[i].rows * (out->columns[i].out_width ? 0 : 4);
    }
    return STATUS_OK;
}

/* ---- handing over ----------------------------------------------------------------------------------------
 */

typedef struct ArrayOwner {
    const void *buffers[3];
} ArrayOwner;

static void release_child(ArrowArray *array) {
    ArrayOwner *owner = array->private_data;
    for (int i = 0; i < 3; i++)
        free((void *)owner->buffers[i]);
    free(owner);
    for (int64_t i = 0; i < array->n_children; i++) {
        arrow_array_release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    array->release = NULL;
}

static void release_struct(ArrowArray *array) {
    for (int64_t i = 0; i < array->n_children; i++) {
        arrow_array_release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    free(array->buffers);
    array->release = NULL;
}

static char *pack_bits(const char *bytes, int64_t rows) {
    size_t size = (size_t)(rows + 63) / 64 * 8;
    char *bits = grow(NULL, size);
    memset(bits, 0, size);
    for (int64_t i = 0; i < rows; i++)
        bits[i >> 3] |= (char)((bytes[i] & 1) << (i & 7));
    return bits;
}

static ArrowArray *finish_column(ExportColumn *column) {
    ArrowArray *array = grow(NULL, sizeof *array);
    ArrayOwner *owner = grow(NULL, sizeof *owner);
    memset(owner, 0, sizeof *owner);
    if (column->kind == EXPORT_BOOL) {
        char *bits = pack_bits(column->data, column->rows);
        free(column->data);
        column->data = bits;
    }
    if (!column->out_width && !column->offsets) {
        column->offsets = grow(NULL, sizeof(int32_t));
        column->offsets[0] = 0;
    }
    if (!column->data) column->data = grow(NULL, 1);
    owner->buffers[0] = column->null_count ? column->validity : NULL;
    if (!column->null_count) free(column->validity);
    owner->buffers[1] = column->out_width ? (void *)column->data : (void *)column->offsets;
    owner->buffers[2] = column->out_width ? NULL : column->data;
    *array = (ArrowArray){.length = column->rows,
                          .null_count = column->null_count,
                          .n_buffers = column->out_width ? 2 : 3,
                          .buffers = owner->buffers,
                          .release = release_child,
                          .private_data = owner};
    if (column->child) {
        array->n_buffers = 2;
        array->n_children = 1;
        array->children = grow(NULL, sizeof(ArrowArray *));
        array->children[0] = finish_column(column->child);
    }
    column->validity = NULL;
    column->data = NULL;
    column->offsets = NULL;
    column_clear(column);
    return array;
}

void arrow_export_finish(ArrowExport *out, ArrowArray *array) {
    memset(array, 0, sizeof *array);
    array->length = out->row_count;
    array->n_buffers = 1;
    array->buffers = grow(NULL, sizeof(void *));
    array->buffers[0] = NULL;
    array->n_children = out->column_count;
    array->children = grow(NULL, sizeof(ArrowArray *) * (size_t)(out->column_count + 1));
    for (int i = 0; i < out->column_count; i++)
        array->children[i] = finish_column(&out->columns[i]);
    array->release = release_struct;
    out->row_count = out->bytes = 0;
}

void arrow_export_schema(const PlanColumn *columns, int column_count, ArrowSchema *out) {
    ArrowColumnSpec *specs = grow(NULL, sizeof *specs * (size_t)(column_count + 1));
    for (int i = 0; i < column_count; i++)
        specs[i] = (ArrowColumnSpec){columns[i].name ? columns[i].name : "", exported_type(columns[i].type),
                                     columns[i].type_name};
    arrow_schema_build(out, specs, column_count);
    free(specs);
}
