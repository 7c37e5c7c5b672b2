#include "engines/columnar/exec/rows.h"

#include <stdlib.h>

#include "engines/base/hash.h"

enum { STORE_BLOCK_BYTES = 256 << 10 };

/* ---- plain rows ------------------------------------------------------------------------------------------
 */

void row_layout_init(RowLayout *layout, const SqlType *types, int count, uint32_t begin, Arena *arena) {
    layout->column_count = count;
    layout->columns = ARENA_NEW_ARRAY(arena, RowColumn, count + 1);
    layout->begin = begin;
    uint32_t offset = begin;
    for (int i = 0; i < count; i++) {
        RowColumn *column = &layout->columns[i];
        column->type = types[i];
        column->physical = (uint8_t)physical_type_of(types[i]);
        column->width = (uint32_t)physical_width((PhysicalType)column->physical);
        uint32_t align = column->width >= 8 ? 8 : column->width;
        offset = (offset + align - 1) / align * align;
        column->offset = offset;
        offset += column->width;
    }
    for (int i = 0; i < count; i++)
        layout->columns[i].null_offset = offset++;
    layout->width = (offset + 7) & ~7u;
}

static inline uint32_t value_index(const Vector *vector, uint32_t row) {
    switch (vector->encoding) {
    case VECTOR_CONSTANT: return 0;
    case VECTOR_DICTIONARY: return vector->codes[row];
    default: return row;
    }
}

static void scatter_nulls(const RowColumn *column, const Vector *vector, const uint16_t *selection,
                          int selected, char *base, size_t stride) {
    char *out = base + column->null_offset;
    if (!vector->validity) {
        for (int k = 0; k < selected; k++)
            out[(size_t)k * stride] = 0;
        return;
    }
    for (int k = 0; k < selected; k++)
        out[(size_t)k * stride] = vector_is_null(vector, selection ? selection[k] : k);
}

static void scatter_strings(const RowColumn *column, const Vector *vector, const uint16_t *selection,
                            int selected, char *base, size_t stride, Arena *strings) {
    const StringView *values =
        vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    for (int k = 0; k < selected; k++) {
        uint32_t row = selection ? selection[k] : (uint32_t)k;
        StringView view;
        if (vector_is_null(vector, (int)row)) {
            memset(&view, 0, sizeof view);
        } else {
            view = values[value_index(vector, row)];
            if (view.length > 12) view.pointer = arena_memdup(strings, view.pointer, view.length);
        }
        memcpy(base + (size_t)k * stride + column->offset, &view, sizeof view);
    }
}

void rows_scatter(const RowLayout *layout, int index, const Vector *vector, const uint16_t *selection,
                  int selected, char *base, size_t stride, Arena *strings) {
    const RowColumn *column = &layout->columns[index];
    scatter_nulls(column, vector, selection, selected, base, stride);
    if (column->physical == PHYS_STRING) {
        scatter_strings(column, vector, selection, selected, base, stride, strings);
        return;
    }
    char *out = base + column->offset;
    if (vector->encoding == VECTOR_SEQUENCE) {
        for (int k = 0; k < selected; k++) {
            int64_t value = vector->sequence_start + (selection ? selection[k] : k) * vector->sequence_step;
            memcpy(out + (size_t)k * stride, &value, sizeof value);
        }
        return;
    }
    const char *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    /* One loop per width, so that the copy of a value is a single move. */
#define SCATTER(WIDTH)                                                                                       \
    for (int k = 0; k < selected; k++)                                                                       \
    memcpy(out + (size_t)k * stride,                                                                         \
           values + (size_t)value_index(vector, selection ? selection[k] : (uint32_t)k) * WIDTH, WIDTH)
    switch (column->width) {
    case 1: SCATTER(1); break;
    case 2: SCATTER(2); break;
    case 4: SCATTER(4); break;
    case 8: SCATTER(8); break;
    case 16: SCATTER(16); break;
    default: SCATTER(column->width);
    }
#undef SCATTER
}

void rows_gather(const RowLayout *layout, int index, char *const *rows, int count, const uint16_t *positions,
                 int capacity, Vector *out, Arena *arena) {
    const RowColumn *column = &layout->columns[index];
    vector_init_flat(out, column->type, capacity > 0 ? capacity : 1, arena);
    char *values = out->values;
    if (positions && count < capacity) memset(values, 0, (size_t)capacity * column->width);
    bool any_null = false;
    size_t width = column->width;
#define GATHER(WIDTH)                                                                                        \
    for (int k = 0; k < count; k++) {                                                                        \
        size_t at = positions ? positions[k] : (size_t)k;                                                    \
        any_null |= !rows[k] || rows[k][column->null_offset];                                                \
        if (rows[k])                                                                                         \
            memcpy(values + at * (WIDTH), rows[k] + column->offset, WIDTH);                                  \
        else                                                                                                 \
            memset(values + at * (WIDTH), 0, WIDTH);                                                         \
    }
    switch (width) {
    case 1: GATHER(1); break;
    case 2: GATHER(2); break;
    case 4: GATHER(4); break;
    case 8: GATHER(8); break;
    case 16: GATHER(16); break;
    default: GATHER(width);
    }
#undef GATHER
    if (!any_null) return;
    uint64_t *validity = vector_make_validity(out, capacity, arena);
    for (int k = 0; k < count; k++)
        if (!rows[k] || rows[k][column->null_offset])
            bitmap_clear(validity, positions ? positions[k] : (size_t)k);
}

/* ---- storage ---------------------------------------------------------------------------------------------
 */

void row_store_init(RowStore *store, Query *query, size_t row_width) {
    memset(store, 0, sizeof *store);
    store->query = query;
    store->row_width = row_width;
    charged_arena_init(&store->strings);
}

void row_store_deinit(RowStore *store) {
    if (!store->query) return;
    for (int i = 0; i < store->block_count; i++)
        query_free(store->query, store->blocks[i].data,
                   (size_t)store->blocks[i].row_capacity * store->row_width);
    free(store->blocks);
    charged_arena_deinit(store->query, &store->strings);
    memset(store, 0, sizeof *store);
}

Status row_store_append(RowStore *store, int count, char **out, Error *err) {
    TRY(charged_arena_settle(store->query, &store->strings, err));
    RowBlock *last = store->block_count ? &store->blocks[store->block_count - 1] : NULL;
    if (!last || last->row_capacity - last->row_count < count) {
        if (store->block_count == store->block_capacity) {
            store->block_capacity = store->block_capacity ? store->block_capacity * 2 : 8;
            store->blocks = realloc(store->blocks, sizeof *store->blocks * (size_t)store->block_capacity);
            if (!store->blocks) abort();
        }
        /* Blocks grow with the store: small results stay small. */
        int64_t rows = STORE_BLOCK_BYTES / (int64_t)store->row_width;
        if (store->row_count < rows) rows = store->row_count;
        if (rows < count) rows = count;
        void *data;
        TRY(query_alloc(store->query, (size_t)rows * store->row_width, &data, err));
        last = &store->blocks[store->block_count++];
        *last = (RowBlock){.data = data, .row_capacity = rows};
    }
    *out = last->data + (size_t)last->row_count * store->row_width;
    last->row_count += count;
    store->row_count += count;
    return STATUS_OK;
}

int64_t row_store_bytes(const RowStore *store) {
    int64_t bytes = store->strings.charged_bytes;
    for (int i = 0; i < store->block_count; i++)
        bytes += store->blocks[i].row_capacity * (int64_t)store->row_width;
    return bytes;
}

/* ---- keys ------------------------------------------------------------------------------------------------
 */

static KeyKind kind_of(SqlType type, PhysicalType physical) {
    switch (physical) {
    case PHYS_I128: return KEY_I128;
    case PHYS_INTERVAL: return KEY_INTERVAL;
    case PHYS_NUMERIC: return KEY_NUMERIC;
    case PHYS_STRING: return sqltype_is(type, SQL_BPCHAR) ? KEY_BPCHAR : KEY_STRING;
    default: return KEY_WORD;
    }
}

void key_layout_init(KeyLayout *layout, const SqlType *types, int count, bool keep_originals, Arena *arena) {
    memset(layout, 0, sizeof *layout);
    layout->column_count = count;
    layout->columns = ARENA_NEW_ARRAY(arena, KeyColumn, count + 1);
    layout->null_words = ((uint32_t)count + 63) / 64;
    uint32_t word = layout->null_words;
    static const uint32_t kind_words[] = {1, 2, 2, 3, 2, 2};
    for (int i = 0; i < count; i++) {
        KeyColumn *column = &layout->columns[i];
        column->type = types[i];
        column->physical = (uint8_t)physical_type_of(types[i]);
        column->kind = (uint8_t)kind_of(types[i], (PhysicalType)column->physical);
        if (column->kind >= KEY_STRING) continue;
        column->word = word;
        word += kind_words[column->kind];
    }
    layout->fixed_words = word;
    for (int i = 0; i < count; i++) {
        KeyColumn *column = &layout->columns[i];
        if (column->kind < KEY_STRING) continue;
        column->word = word;
        word += 2;
        layout->string_count++;
    }
    layout->compare_words = word;
    for (int i = 0; i < count && keep_originals; i++) {
        KeyColumn *column = &layout->columns[i];
        if (column->kind != KEY_INTERVAL && column->kind != KEY_NUMERIC && column->kind != KEY_BPCHAR)
            continue;
        column->original = word;
        word += column->kind == KEY_NUMERIC ? 4 : 2;
    }
    layout->words = word;
}

static uint64_t float_bits(double value) {
    if (value != value) return UINT64_C(0x7FF8000000000000);
    if (value == 0) value = 0; /* -0 equals 0 */
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void encode_interval(Interval value, uint64_t *out) {
    __int128 span = ((__int128)value.months * 30 + value.days) * INT64_C(86400000000) + value.microseconds;
    out[0] = (uint64_t)span;
    out[1] = (uint64_t)(span >> 64);
}

/* Equal values have one form: no trailing zeros in the fraction. */
static void encode_numeric(Numeric value, uint64_t *out) {
    if (value.special) {
        out[0] = out[1] = 0;
        out[2] = UINT64_MAX - (uint64_t)(NUMERIC_NAN - value.special);
        return;
    }
    while (value.scale > 0 && value.value % 10 == 0) {
        value.value /= 10;
        value.scale--;
    }
    out[0] = (uint64_t)value.value;
    out[1] = (uint64_t)(value.value >> 64);
    out[2] = value.value ? (uint64_t)value.scale : 0;
}

static StringView trim_blanks(StringView view) {
    const char *data = stringview_data(&view);
    uint32_t length = view.length;
    while (length && data[length - 1] == ' ')
        length--;
    return length == view.length ? view : stringview_make(data, length);
}

/* numeric in any of its forms, and integers beside it. */
static Numeric read_numeric(const Vector *vector, const void *values, uint32_t index) {
    Numeric value = {.scale = sqltype_is(vector->type, SQL_NUMERIC) ? vector->type.scale : 0};
    switch ((PhysicalType)vector->physical) {
    case PHYS_I16: value.value = ((const int16_t *)values)[index]; break;
    case PHYS_I32: value.value = ((const int32_t *)values)[index]; break;
    case PHYS_I64: value.value = ((const int64_t *)values)[index]; break;
    case PHYS_I128: memcpy(&value.value, (const __int128 *)values + index, 16); break;
    default: memcpy(&value, (const Numeric *)values + index, sizeof value);
    }
    return value;
}

SqlType key_common_type(SqlType a, SqlType b) {
    if (sqltype_equals(a, b) || a.is_array || b.is_array) return a;
    if (sqltype_is_integer(a) && sqltype_is_integer(b)) return sqltype_of(SQL_INT8);
    if (sqltype_is(a, SQL_FLOAT4) || sqltype_is(a, SQL_FLOAT8)) return sqltype_of(SQL_FLOAT8);
    if (sqltype_is(a, SQL_NUMERIC) || sqltype_is(b, SQL_NUMERIC)) return sqltype_of(SQL_NUMERIC);
    return sqltype_is(b, SQL_BPCHAR) ? b : a;
}

bool key_types_meet(SqlType key, SqlType value) {
    PhysicalType a = physical_type_of(key), b = physical_type_of(value);
    if (a == b) return a != PHYS_I128 || key.scale == value.scale;
    if (a == PHYS_NUMERIC) return sqltype_is_integer(value) || sqltype_is(value, SQL_NUMERIC);
    return (sqltype_is_integer(key) && sqltype_is_integer(value)) || (a == PHYS_F64 && b == PHYS_F32);
}

static void encode_value(const KeyColumn *column, const Vector *vector, const void *values, uint32_t index,
                         uint64_t *key) {
    uint64_t *out = key + column->word;
    switch ((KeyKind)column->kind) {
    case KEY_I128: memcpy(out, (const __int128 *)values + index, 16); break;
    case KEY_INTERVAL: {
        Interval value = ((const Interval *)values)[index];
        encode_interval(value, out);
        if (column->original) memcpy(key + column->original, &value, sizeof value);
        break;
    }
    case KEY_NUMERIC: {
        Numeric value = read_numeric(vector, values, index);
        encode_numeric(value, out);
        if (column->original) memcpy(key + column->original, &value, sizeof value);
        break;
    }
    case KEY_STRING: memcpy(out, (const StringView *)values + index, 16); break;
    case KEY_BPCHAR: {
        StringView value = ((const StringView *)values)[index], trimmed = trim_blanks(value);
        memcpy(out, &trimmed, 16);
        if (column->original) memcpy(key + column->original, &value, 16);
        break;
    }
    case KEY_WORD: break;
    }
}

#define ENCODE_WORDS(TYPE, EXPRESSION)                                                                       \
    for (int k = 0; k < selected; k++) {                                                                     \
        TYPE value = ((const TYPE *)values)[value_index(vector, selection ? selection[k] : (uint32_t)k)];    \
        out[(size_t)k * stride] = (uint64_t)(EXPRESSION);                                                    \
    }

static void encode_words(const Vector *vector, const uint16_t *selection, int selected, uint64_t *out,
                         size_t stride) {
    const void *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    if (vector->encoding == VECTOR_SEQUENCE) {
        for (int k = 0; k < selected; k++)
            out[(size_t)k * stride] =
                (uint64_t)(vector->sequence_start + (selection ? selection[k] : k) * vector->sequence_step);
        return;
    }
    /* By what the vector holds: integers of any width meet as words. */
    switch ((PhysicalType)vector->physical) {
    case PHYS_BOOL: ENCODE_WORDS(uint8_t, value) break;
    case PHYS_I8: ENCODE_WORDS(int8_t, (int64_t)value) break;
    case PHYS_I16: ENCODE_WORDS(int16_t, (int64_t)value) break;
    case PHYS_I32: ENCODE_WORDS(int32_t, (int64_t)value) break;
    case PHYS_I64: ENCODE_WORDS(int64_t, value) break;
    case PHYS_F32: ENCODE_WORDS(float, float_bits((double)value)) break;
    case PHYS_F64: ENCODE_WORDS(double, float_bits(value)) break;
    default: break;
    }
}

static void encode_column(const KeyLayout *layout, int index, const Vector *vector, const uint16_t *selection,
                          int selected, uint64_t *keys, uint8_t *has_null) {
    const KeyColumn *column = &layout->columns[index];
    size_t stride = layout->words;
    if (column->kind == KEY_WORD) {
        encode_words(vector, selection, selected, keys + column->word, stride);
    } else {
        const void *values =
            vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
        for (int k = 0; k < selected; k++) {
            uint32_t row = selection ? selection[k] : (uint32_t)k;
            if (!vector_is_null(vector, (int)row))
                encode_value(column, vector, values, value_index(vector, row), keys + (size_t)k * stride);
        }
    }
    if (!vector->validity) return;
    static const uint32_t kind_words[] = {1, 2, 2, 3, 2, 2};
    for (int k = 0; k < selected; k++) {
        if (!vector_is_null(vector, selection ? selection[k] : k)) continue;
        uint64_t *key = keys + (size_t)k * stride;
        key[index / 64] |= UINT64_C(1) << (index % 64);
        memset(key + column->word, 0, 8 * (size_t)kind_words[column->kind]);
        if (column->original) memset(key + column->original, 0, column->kind == KEY_NUMERIC ? 32 : 16);
        if (has_null) has_null[k] = 1;
    }
}

void keys_encode(const KeyLayout *layout, const Vector *columns, const uint16_t *selection, int selected,
                 uint64_t *out, uint8_t *has_null) {
    for (int k = 0; k < selected; k++)
        for (uint32_t w = 0; w < layout->null_words; w++)
            out[(size_t)k * layout->words + w] = 0;
    if (has_null) memset(has_null, 0, (size_t)selected);
    for (int i = 0; i < layout->column_count; i++)
        encode_column(layout, i, &columns[i], selection, selected, out, has_null);
}

static uint64_t hash_strings(const KeyLayout *layout, const uint64_t *key, uint64_t hash) {
    for (uint32_t i = 0; i < layout->string_count; i++) {
        StringView view;
        memcpy(&view, key + layout->fixed_words + 2 * i, sizeof view);
        if (view.length <= 12) {
            hash = hash64_u64(hash ^ key[layout->fixed_words + 2 * i]);
            hash = hash64_u64(hash ^ key[layout->fixed_words + 2 * i + 1]);
        } else {
            hash = hash64_bytes(view.pointer, view.length, hash);
        }
    }
    return hash;
}

void keys_hash(const KeyLayout *layout, const uint64_t *keys, int count, uint64_t *hashes) {
    for (int k = 0; k < count; k++) {
        const uint64_t *key = keys + (size_t)k * layout->words;
        uint64_t hash = 0x51ED270B9F652295u;
        for (uint32_t w = layout->null_words; w < layout->fixed_words; w++)
            hash = hash64_u64(hash ^ key[w]);
        for (uint32_t w = 0; w < layout->null_words; w++)
            hash ^= key[w] * 0x9E3779B97F4A7C15u;
        hashes[k] = layout->string_count ? hash_strings(layout, key, hash) : hash64_u64(hash);
    }
}

bool keys_equal_strings(const KeyLayout *layout, const uint64_t *a, const uint64_t *b) {
    for (uint32_t w = layout->fixed_words; w < layout->compare_words; w += 2) {
        if (a[w] != b[w]) return false;
        if (a[w + 1] == b[w + 1]) continue;
        StringView left, right;
        memcpy(&left, a + w, sizeof left);
        memcpy(&right, b + w, sizeof right);
        if (left.length <= 12 || memcmp(left.pointer, right.pointer, left.length)) return false;
    }
    return true;
}

static void own_string(uint64_t *word, Arena *arena) {
    StringView view;
    memcpy(&view, word, sizeof view);
    if (view.length <= 12) return;
    view.pointer = arena_memdup(arena, view.pointer, view.length);
    memcpy(word, &view, sizeof view);
}

void key_own(const KeyLayout *layout, uint64_t *key, Arena *arena) {
    for (uint32_t w = layout->fixed_words; w < layout->compare_words; w += 2)
        own_string(key + w, arena);
    if (layout->words == layout->compare_words) return;
    for (int i = 0; i < layout->column_count; i++)
        if (layout->columns[i].kind == KEY_BPCHAR && layout->columns[i].original)
            own_string(key + layout->columns[i].original, arena);
}

#define DECODE_WORDS(TYPE)                                                                                   \
    for (int k = 0; k < count; k++)                                                                          \
    ((TYPE *)out->values)[k] = (TYPE)keys[k][column->word]

static double bits_float(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void keys_gather(const KeyLayout *layout, int index, uint64_t *const *keys, int count, Vector *out,
                 Arena *arena) {
    const KeyColumn *column = &layout->columns[index];
    vector_init_flat(out, column->type, count > 0 ? count : 1, arena);
    size_t width = physical_width((PhysicalType)column->physical);
    uint32_t word = column->original ? column->original : column->word;
    switch ((PhysicalType)column->physical) {
    case PHYS_BOOL: DECODE_WORDS(uint8_t); break;
    case PHYS_I8: DECODE_WORDS(int8_t); break;
    case PHYS_I16: DECODE_WORDS(int16_t); break;
    case PHYS_I32: DECODE_WORDS(int32_t); break;
    case PHYS_I64: DECODE_WORDS(int64_t); break;
    case PHYS_F32:
        for (int k = 0; k < count; k++)
            ((float *)out->values)[k] = (float)bits_float(keys[k][word]);
        break;
    default:
        for (int k = 0; k < count; k++)
            memcpy((char *)out->values + (size_t)k * width, keys[k] + word, width);
    }
    for (int k = 0; k < count; k++)
        if (keys[k][index / 64] >> (index % 64) & 1)
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)k);
}
