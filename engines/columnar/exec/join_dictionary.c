/* Probing with a dictionary: each of its values meets the build side once, rows then only look up their code.
 * When no value matches twice, the build's columns go on as dictionaries over the same codes, so that what
 * follows (grouping by them, mostly) works on codes too. */
#include <stdlib.h>

#include "engines/columnar/exec/join_internal.h"

enum { MOST_VALUES = 1 << 16 };

void join_dictionary_init(JoinDictionary *dictionary) {
    memset(dictionary, 0, sizeof *dictionary);
    charged_arena_init(&dictionary->arena);
}

void join_dictionary_deinit(JoinDictionary *dictionary, Query *query) {
    charged_arena_deinit(query, &dictionary->arena);
}

static char *next_match(const Join *join, char *candidate, uint64_t hash, const uint64_t *key) {
    while (candidate && (join_hash(candidate) != hash || !keys_equal(&join->keys, join_key(candidate), key)))
        candidate = join_next(candidate);
    return candidate;
}

/* The first build row of every value; whether any value has a second one. */
static void match_values(JoinDictionary *dictionary, const Join *join, const Vector *values, Arena *arena) {
    size_t width = physical_width((PhysicalType)values->physical), words = join->keys.words;
    uint64_t *keys = arena_alloc(arena, 8 * words * BATCH_ROWS + 8),
             *hashes = arena_alloc(arena, 8 * (size_t)BATCH_ROWS);
    dictionary->unique = dictionary->complete = true;
    for (uint32_t start = 0; start < dictionary->length; start += BATCH_ROWS) {
        int count = dictionary->length - start < BATCH_ROWS ? (int)(dictionary->length - start) : BATCH_ROWS;
        Vector part = *values;
        part.values = (char *)values->values + start * width;
        keys_encode(&join->keys, &part, NULL, count, keys, NULL);
        keys_hash(&join->keys, keys, count, hashes);
        for (int k = 0; k < count; k++) {
            char *first = next_match(join, join_chain(join, hashes[k]), hashes[k], keys + (size_t)k * words);
            dictionary->first[start + (uint32_t)k] = first;
            dictionary->complete &= first != NULL;
            if (first && next_match(join, join_next(first), hashes[k], keys + (size_t)k * words))
                dictionary->unique = false;
        }
    }
}

static bool has_null_match(const JoinDictionary *dictionary, const Vector *column) {
    for (uint32_t code = 0; column->validity && code < dictionary->length; code++)
        if (dictionary->first[code] && !bitmap_get(column->validity, code)) return true;
    return false;
}

/* The build's columns by code; a value without a match stands as zero, which no row asks for. */
static void gather_columns(JoinDictionary *dictionary, const Join *join, Arena *arena) {
    int count = join->rows.column_count, length = (int)dictionary->length;
    dictionary->columns = ARENA_NEW_ARRAY(arena, Vector, count + 1);
    dictionary->values = ARENA_NEW_ARRAY(arena, Vector, count + 1);
    for (int i = 0; i < count; i++) {
        Vector *values = &dictionary->values[i];
        rows_gather(&join->rows, i, dictionary->first, length, NULL, length, values, arena);
        dictionary->columns[i] = (Vector){.type = values->type,
                                          .physical = values->physical,
                                          .encoding = VECTOR_DICTIONARY,
                                          .validity = values->validity,
                                          .dictionary = values,
                                          .dictionary_length = dictionary->length,
                                          .dictionary_id = query_new_dictionary_id()};
        values->validity = NULL;
        if (!has_null_match(dictionary, &dictionary->columns[i])) dictionary->columns[i].validity = NULL;
    }
}

Status join_dictionary_use(JoinDictionary *dictionary, const Join *join, const Vector *key, bool first_only,
                           bool *usable, Error *err) {
    *usable = false;
    if (key->encoding != VECTOR_DICTIONARY || !key->dictionary_id || !key->dictionary_length ||
        key->dictionary_length > MOST_VALUES)
        return STATUS_OK;
    if (dictionary->id != key->dictionary_id) {
        Query *query = join->query;
        charged_arena_deinit(query, &dictionary->arena);
        join_dictionary_init(dictionary);
        Arena *arena = &dictionary->arena.arena;
        dictionary->length = key->dictionary_length;
        dictionary->first = ARENA_NEW_ARRAY(arena, char *, dictionary->length);
        match_values(dictionary, join, key->dictionary, arena);
        if (dictionary->unique) gather_columns(dictionary, join, arena);
        TRY(charged_arena_settle(query, &dictionary->arena, err));
        dictionary->id = key->dictionary_id;
    }
    *usable = dictionary->unique || first_only;
    return STATUS_OK;
}

int join_dictionary_select(const JoinDictionary *dictionary, const Vector *key, const Batch *batch,
                           uint16_t *out) {
    int count = 0;
    if (dictionary->complete && !key->validity && !batch->selection) return batch->selected;
    for (int k = 0; k < batch->selected; k++) {
        uint16_t row = (uint16_t)(batch->selection ? batch->selection[k] : k);
        out[count] = row;
        count += !vector_is_null(key, row) && dictionary->first[key->codes[row]];
    }
    return count;
}

void join_dictionary_columns(const JoinDictionary *dictionary, const Join *join, const Vector *key,
                             const Batch *batch, Vector *out, Arena *arena) {
    for (int i = 0; i < join->rows.column_count; i++) {
        out[i] = dictionary->columns[i];
        out[i].codes = key->codes;
        out[i].validity = key->validity;
        const uint64_t *known = dictionary->columns[i].validity;
        if (!known) continue;
        size_t bytes = bitmap_bytes((size_t)batch->row_count);
        out[i].validity = key->validity ? arena_memdup(arena, key->validity, bytes) : NULL;
        for (int k = 0; k < batch->selected; k++) {
            int row = batch->selection ? batch->selection[k] : k;
            if (!vector_is_null(key, row) && !bitmap_get(known, key->codes[row]))
                bitmap_clear(vector_make_validity(&out[i], batch->row_count, arena), (size_t)row);
        }
    }
}
