#include "engines/columnar/exec/direct_map.h"

#include <stdlib.h>

void direct_map_deinit(DirectMap *map) {
    free(map->cells);
    memset(map, 0, sizeof *map);
}

#define RANGE(TYPE)                                                                                          \
    for (int k = 0; k < selected; k++) {                                                                     \
        int64_t value = ((const TYPE *)vector->values)[selection ? selection[k] : k];                        \
        low = value < low ? value : low;                                                                     \
        high = value > high ? value : high;                                                                  \
    }

/* Bounds over the selected rows; values at NULL rows may widen them needlessly, never wrongly. */
static void value_range(const Vector *vector, const uint16_t *selection, int selected, int64_t *out_low,
                        int64_t *out_high) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    switch ((PhysicalType)vector->physical) {
    case PHYS_I16: RANGE(int16_t) break;
    case PHYS_I32: RANGE(int32_t) break;
    default: RANGE(int64_t) break;
    }
    *out_low = low;
    *out_high = high;
}

static bool fit_integers(DirectKey *key, const Vector *vector, const uint16_t *selection, int selected,
                         bool *changed) {
    int64_t low, high, span;
    if (key->hopeless) return false;
    value_range(vector, selection, selected, &low, &high);
    if (!key->is_dictionary && key->size && low >= key->base && high < key->base + key->size) return true;
    if (!key->is_dictionary && key->size) {
        low = low < key->base ? low : key->base;
        high = high > key->base + key->size - 1 ? high : key->base + key->size - 1;
    }
    if (__builtin_sub_overflow(high, low, &span) || span >= DIRECT_MAX_CELLS / 4) {
        key->hopeless = true;
        return false;
    }
    /* Some room on both sides, so that a growing range settles soon. */
    int64_t margin = span / 4 + 8;
    key->base = low < INT64_MIN + margin ? low : low - margin;
    if (__builtin_add_overflow(high, margin, &high)) high = INT64_MAX - 1;
    key->size = high - key->base + 1;
    key->is_dictionary = false;
    *changed = true;
    return true;
}

static bool fit(DirectKey *key, const Vector *vector, const uint16_t *selection, int selected,
                bool *changed) {
    if (vector->encoding == VECTOR_DICTIONARY) {
        if (!vector->dictionary_id) return false;
        if (key->is_dictionary && key->dictionary_id == vector->dictionary_id) return true;
        *key = (DirectKey){
            .is_dictionary = true, .dictionary_id = vector->dictionary_id, .size = vector->dictionary_length};
        *changed = true;
        return true;
    }
    if (vector->encoding != VECTOR_FLAT) return false;
    if (vector->physical == PHYS_BOOL) {
        if (key->size != 2 || key->is_dictionary) {
            *key = (DirectKey){.size = 2};
            *changed = true;
        }
        return true;
    }
    if (vector->physical != PHYS_I16 && vector->physical != PHYS_I32 && vector->physical != PHYS_I64)
        return false;
    return fit_integers(key, vector, selection, selected, changed);
}

#define OFFSETS(TYPE, BASE)                                                                                  \
    for (int k = 0; k < selected; k++)                                                                       \
    cells[k] += (uint32_t)(((const TYPE *)values)[selection ? selection[k] : k] - (BASE)) * multiplier

static void add_offsets(const DirectKey *key, const Vector *vector, const uint16_t *selection, int selected,
                        uint32_t multiplier, uint32_t *cells) {
    const void *values = vector->encoding == VECTOR_DICTIONARY ? (const void *)vector->codes : vector->values;
    if (vector->validity) {
        for (int k = 0; k < selected; k++) {
            int row = selection ? selection[k] : k;
            int64_t at = key->size;
            if (bitmap_get(vector->validity, (size_t)row)) {
                if (vector->encoding == VECTOR_DICTIONARY)
                    at = vector->codes[row];
                else if (vector->physical == PHYS_BOOL)
                    at = ((const uint8_t *)values)[row];
                else if (vector->physical == PHYS_I16)
                    at = ((const int16_t *)values)[row] - key->base;
                else if (vector->physical == PHYS_I32)
                    at = ((const int32_t *)values)[row] - key->base;
                else
                    at = ((const int64_t *)values)[row] - key->base;
            }
            cells[k] += (uint32_t)at * multiplier;
        }
        return;
    }
    if (vector->encoding == VECTOR_DICTIONARY)
        OFFSETS(uint32_t, 0);
    else if (vector->physical == PHYS_BOOL)
        OFFSETS(uint8_t, 0);
    else if (vector->physical == PHYS_I16)
        OFFSETS(int16_t, key->base);
    else if (vector->physical == PHYS_I32)
        OFFSETS(int32_t, key->base);
    else
        OFFSETS(int64_t, key->base);
}

static bool resize(DirectMap *map, int column_count) {
    int64_t cells = 1;
    for (int i = 0; i < column_count; i++)
        if (__builtin_mul_overflow(cells, map->keys[i].size + 1, &cells) || cells > DIRECT_MAX_CELLS)
            return false;
    if (cells > map->cell_capacity) {
        free(map->cells);
        map->cells = malloc(sizeof(uint32_t) * (size_t)cells);
        if (!map->cells) abort();
        map->cell_capacity = cells;
    }
    memset(map->cells, 0, sizeof(uint32_t) * (size_t)cells);
    map->cell_count = cells;
    return true;
}

bool direct_map_locate(DirectMap *map, const Vector *columns, int column_count, int rows,
                       const uint16_t *selection, int selected, uint32_t *cells) {
    if (column_count < 1 || column_count > DIRECT_MAX_KEYS || !selected) return false;
    bool changed = false;
    /* A constant may differ from batch to batch. Looked for first: no key may grow without its cells. */
    for (int i = 0; i < column_count; i++)
        if (columns[i].encoding == VECTOR_CONSTANT) return false;
    for (int i = 0; i < column_count; i++)
        if (!fit(&map->keys[i], &columns[i], selection, selected, &changed)) {
            map->cell_count = 0;
            return false;
        }
    if ((changed || !map->cell_count) && !resize(map, column_count)) {
        map->cell_count = 0;
        return false;
    }
    memset(cells, 0, sizeof *cells * (size_t)selected);
    uint32_t multiplier = 1;
    for (int i = 0; i < column_count; i++) {
        add_offsets(&map->keys[i], &columns[i], selection, selected, multiplier, cells);
        multiplier *= (uint32_t)(map->keys[i].size + 1);
    }
    return true;
}
