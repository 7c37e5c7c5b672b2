#include "engines/columnar/parquet/parquet_dictionary.h"

#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/parquet/parquet_decode.h"
#include "engines/columnar/parquet/parquet_unpack.h"

/* A dictionary is given up when every other value is new, from VARIOUS_FROM entries on: before, a few
 * thousand values that repeat a hundred times each look the same. And when its entries alone take twice what
 * the values would without it, past SETTLED_FROM values: keys that come in order, a few rows each. */
enum {
    LARGEST_DICTIONARY = 1 << 18,
    LARGEST_DICTIONARY_BYTES = 8 << 20,
    VARIOUS_FROM = 1 << 14,
    SETTLED_FROM = 1 << 15,
    FIRST_SLOTS = 1 << 11,
    LARGEST_SLOTS = LARGEST_DICTIONARY * 2,
    WIDEST_ENTRY = 16,
    COLLISIONS_PER_VALUE = 32,
    CHECKED_VALUES = 1024
};

/* How values are told apart. */
typedef enum KeyKind { KEY_4, KEY_8, KEY_16, KEY_STRING } KeyKind;

typedef struct Build {
    ChunkDictionary *dictionary;
    const DenseValues *values;
    double bytes_without;
    uint64_t mask; /* slots in use - 1 */
    size_t bytes;  /* of the entries */
    int64_t collisions;
} Build;

static inline uint64_t load8(const void *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

PARQUET_INLINE uint64_t key_hash(KeyKind kind, const uint8_t *value, size_t width) {
    uint32_t narrow;
    switch (kind) {
    case KEY_4: memcpy(&narrow, value, sizeof narrow); return hash64_u64(narrow);
    case KEY_8: return hash64_u64(load8(value));
    case KEY_16: return hash64_bytes(value, width, 0);
    default: {
        const StringView *view = (const StringView *)(const void *)value;
        /* A short one is all in its sixteen bytes. */
        if (view->length <= 12) return hash64_u64(load8(value) ^ hash64_u64(load8(value + 8)));
        return hash64_bytes(view->pointer, view->length, 0);
    }
    }
}

PARQUET_INLINE bool same_key(KeyKind kind, const uint8_t *a, const uint8_t *b, size_t width) {
    switch (kind) {
    case KEY_4: return memcmp(a, b, 4) == 0;
    case KEY_8: return load8(a) == load8(b);
    case KEY_16: return memcmp(a, b, width) == 0;
    default: {
        const StringView *left = (const StringView *)(const void *)a;
        const StringView *right = (const StringView *)(const void *)b;
        if (load8(a) != load8(b)) return false; /* length and prefix */
        if (left->length <= 12) return load8(a + 8) == load8(b + 8);
        uint32_t length = left->length;
        const char *x = left->pointer, *y = right->pointer;
        if (length <= 32) { /* the prefix is equal: what follows, in words that may overlap */
            bool head = load8(x + 4) == load8(y + 4) && load8(x + length - 8) == load8(y + length - 8);
            return head && (length <= 20 || (load8(x + 12) == load8(y + 12) &&
                                             load8(x + length - 16) == load8(y + length - 16)));
        }
        return memcmp(x, y, length) == 0;
    }
    }
}

/* A slot: the upper half of the hash, and the entry's number + 1; 0 = free. */
static inline uint64_t slot_of(uint64_t hash, uint32_t entry) {
    return (hash & ~UINT64_C(0xFFFFFFFF)) | (entry + 1);
}

PARQUET_INLINE void grow(Build *build, KeyKind kind, size_t width) {
    ChunkDictionary *dictionary = build->dictionary;
    build->mask = build->mask * 4 + 3 < LARGEST_SLOTS - 1 ? build->mask * 4 + 3 : LARGEST_SLOTS - 1;
    memset(dictionary->slots, 0, (build->mask + 1) * sizeof *dictionary->slots);
    for (uint32_t entry = 0; entry < dictionary->seen; entry++) {
        uint64_t hash = key_hash(kind, dictionary->entries + (size_t)entry * width, width);
        uint64_t at = hash & build->mask;
        while (dictionary->slots[at])
            at = (at + 1) & build->mask;
        dictionary->slots[at] = slot_of(hash, entry);
    }
}

/* Whether value number `at`, a new one, is to become an entry; else the dictionary is given up. */
static bool may_add(Build *build, int64_t at, size_t bytes) {
    uint32_t length = build->dictionary->seen;
    build->bytes += bytes;
    if (length == LARGEST_DICTIONARY || build->bytes > LARGEST_DICTIONARY_BYTES) return false;
    if (length > VARIOUS_FROM && (int64_t)length > (at + 1) / 2) return false;
    if (at < SETTLED_FROM || build->bytes_without <= 0) return true;
    return (double)build->bytes < 2 * build->bytes_without * (double)at;
}

PARQUET_INLINE bool number_values(Build *build, KeyKind kind, size_t width) {
    ChunkDictionary *dictionary = build->dictionary;
    const uint8_t *value = build->values->data;
    int64_t count = build->values->count;
    for (int64_t i = 0; i < count; i++, value += width) {
        uint64_t hash = key_hash(kind, value, width), at = hash & build->mask, slot;
        while ((slot = dictionary->slots[at]) != 0) {
            const uint8_t *entry = dictionary->entries + (size_t)((uint32_t)slot - 1) * width;
            if (slot >> 32 == hash >> 32 && same_key(kind, value, entry, width)) break;
            at = (at + 1) & build->mask;
            build->collisions++;
        }
        /* Values chosen to collide shall not take forever, new ones or the same again. */
        if ((slot == 0 || i % CHECKED_VALUES == 0) && build->collisions > COLLISIONS_PER_VALUE * (i + 1)) {
            dictionary->seen_values = i;
            return false;
        }
        if (slot == 0) {
            size_t bytes = kind == KEY_STRING ? ((const StringView *)(const void *)value)->length + 4 : width;
            dictionary->seen_values = i;
            if (!may_add(build, i, bytes)) return false;
            slot = slot_of(hash, dictionary->seen);
            dictionary->slots[at] = slot;
            memcpy(dictionary->entries + (size_t)dictionary->seen++ * width, value, width);
            if (dictionary->seen * 2 > build->mask && build->mask < LARGEST_SLOTS - 1)
                grow(build, kind, width);
        }
        dictionary->codes[i] = (uint32_t)slot - 1;
    }
    return true;
}

static bool reserve(ChunkDictionary *dictionary, int64_t count) {
    if (dictionary->code_capacity < (size_t)count) {
        free(dictionary->codes);
        dictionary->codes = malloc((size_t)count * sizeof *dictionary->codes);
        dictionary->code_capacity = dictionary->codes ? (size_t)count : 0;
    }
    /* Pages that no dictionary reaches are never touched. */
    if (!dictionary->entries) dictionary->entries = malloc((size_t)LARGEST_DICTIONARY * WIDEST_ENTRY);
    if (!dictionary->slots) dictionary->slots = malloc(LARGEST_SLOTS * sizeof *dictionary->slots);
    return dictionary->codes && dictionary->entries && dictionary->slots;
}

void chunk_dictionary_skip(ChunkDictionary *dictionary) {
    dictionary->length = dictionary->seen = 0;
    dictionary->seen_values = 0;
}

void chunk_dictionary_build(ChunkDictionary *dictionary, const DenseValues *values, double bytes_without) {
    Build build = {
        .dictionary = dictionary, .values = values, .bytes_without = bytes_without, .mask = FIRST_SLOTS - 1};
    bool is_string = values->storage->vector_physical == PHYS_STRING, all;
    chunk_dictionary_skip(dictionary);
    if (values->count == 0 || !reserve(dictionary, values->count)) return;
    memset(dictionary->slots, 0, FIRST_SLOTS * sizeof *dictionary->slots);
    if (is_string)
        all = number_values(&build, KEY_STRING, sizeof(StringView));
    else if (values->width == 4)
        all = number_values(&build, KEY_4, 4);
    else if (values->width == 8)
        all = number_values(&build, KEY_8, 8);
    else
        all = number_values(&build, KEY_16, values->width);
    if (!all) return;
    dictionary->length = dictionary->seen;
    dictionary->seen_values = values->count;
}

/* ---- distinct values -------------------------------------------------------------------------------------
 */

/* The hash of a value as the table has it, whatever it is stored as: sketches of other files must agree. */
static uint64_t word_of(const ParquetStorage *storage, const uint8_t *value) {
    uint32_t narrow;
    if (storage->vector_physical == PHYS_BOOL) return *value;
    if (storage->bytes == 8) return load8(value);
    memcpy(&narrow, value, sizeof narrow);
    switch (storage->vector_physical) {
    case PHYS_I64: return (uint64_t)(int64_t)(int32_t)narrow;
    case PHYS_I16: return narrow & UINT16_MAX;
    default: return narrow;
    }
}

static uint64_t wide_decimal_hash(const uint8_t *value, size_t width) {
    __int128 number = 0;
    uint64_t words[2];
    (void)parquet_load_decimal(value, width, &number); /* it was stored from as many bits */
    memcpy(words, &number, sizeof words);
    return words[1] ? hash64_combine(words[0], words[1]) : hash64_u64(words[0]);
}

static void sketch_values(const DenseValues *values, const uint8_t *from, int64_t count,
                          DistinctSketch *sketch) {
    PhysicalType physical = values->storage->vector_physical;
    const uint8_t *end = from + (size_t)count * values->width;
    uint64_t previous = 0;
    for (const uint8_t *value = from; value < end; value += values->width) {
        if (physical == PHYS_STRING) {
            const StringView *view = (const StringView *)(const void *)value;
            distinct_sketch_add(sketch, hash64_bytes(stringview_data(view), view->length, 0));
        } else if (physical == PHYS_I128) {
            distinct_sketch_add(sketch, wide_decimal_hash(value, values->width));
        } else {
            uint64_t word = word_of(values->storage, value);
            if (value == from || word != previous) distinct_sketch_add(sketch, hash64_u64(word));
            previous = word;
        }
    }
}

void chunk_dictionary_sketch(const ChunkDictionary *dictionary, const DenseValues *values,
                             DistinctSketch *sketch) {
    if (values->storage->list) return; /* whole arrays were noted as they came */
    int64_t seen = dictionary->seen_values;
    sketch_values(values, dictionary->entries, dictionary->seen, sketch);
    sketch_values(values, values->data + (size_t)seen * values->width, values->count - seen, sketch);
}

void chunk_dictionary_deinit(ChunkDictionary *dictionary) {
    free(dictionary->codes);
    free(dictionary->entries);
    free(dictionary->slots);
}
