/* Sets of characters, and the classes they divide all characters into. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/kernels/regex_internal.h"

void regex_set_add(Regex *regex, RegexSet *set, uint32_t low, uint32_t high) {
    if (set->count == set->capacity) {
        int capacity = set->capacity ? set->capacity * 2 : 4;
        CharacterRange *ranges = arena_alloc(&regex->arena, sizeof *ranges * (size_t)capacity);
        if (set->count) memcpy(ranges, set->ranges, sizeof *ranges * (size_t)set->count);
        set->ranges = ranges;
        set->capacity = capacity;
    }
    set->ranges[set->count++] = (CharacterRange){low, high};
}

static int by_low(const void *a, const void *b) {
    uint32_t x = ((const CharacterRange *)a)->low, y = ((const CharacterRange *)b)->low;
    return x < y ? -1 : x > y;
}

void regex_set_normalise(RegexSet *set) {
    if (set->count == 0) return;
    qsort(set->ranges, (size_t)set->count, sizeof *set->ranges, by_low);
    int kept = 0;
    for (int i = 1; i < set->count; i++) {
        CharacterRange *last = &set->ranges[kept];
        if (set->ranges[i].low <= last->high || set->ranges[i].low == last->high + 1) {
            if (set->ranges[i].high > last->high) last->high = set->ranges[i].high;
        } else {
            set->ranges[++kept] = set->ranges[i];
        }
    }
    set->count = kept + 1;
}

void regex_set_complement(Regex *regex, RegexSet *set) {
    regex_set_normalise(set);
    RegexSet out = {0};
    uint32_t next = 0;
    for (int i = 0; i < set->count; i++) {
        if (set->ranges[i].low > next) regex_set_add(regex, &out, next, set->ranges[i].low - 1);
        next = set->ranges[i].high + 1;
    }
    if (next <= CHARACTER_LAST) regex_set_add(regex, &out, next, CHARACTER_LAST);
    *set = out;
}

void regex_set_add_class(Regex *regex, RegexSet *set, CharacterClass wanted, bool complement) {
    int count = 0;
    const CharacterRange *ranges = character_ranges(wanted, &count);
    uint32_t next = 0;
    for (int i = 0; i < count; i++) {
        if (!complement) regex_set_add(regex, set, ranges[i].low, ranges[i].high);
        if (complement && ranges[i].low > next) regex_set_add(regex, set, next, ranges[i].low - 1);
        next = ranges[i].high + 1;
    }
    if (complement && next <= CHARACTER_LAST) regex_set_add(regex, set, next, CHARACTER_LAST);
}

/* ---- classes --------------------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool set_has(const RegexSet *set, uint32_t point) {
    int low = 0, high = set->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (set->ranges[middle].high < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->ranges[low].low <= point;
}

static void find_intervals(Regex *regex) {
    size_t total = 1;
    for (int s = 0; s < regex->set_count; s++)
        total += 2 * (size_t)regex->sets[s].count;
    uint32_t *starts = arena_alloc(&regex->arena, sizeof *starts * total);
    int count = 0;
    starts[count++] = 0;
    for (int s = 0; s < regex->set_count; s++)
        for (int i = 0; i < regex->sets[s].count; i++) {
            starts[count++] = regex->sets[s].ranges[i].low;
            starts[count++] = regex->sets[s].ranges[i].high + 1;
        }
    qsort(starts, (size_t)count, sizeof *starts, by_value);
    int kept = 1;
    for (int i = 1; i < count; i++)
        if (starts[i] != starts[kept - 1] && starts[i] <= CHARACTER_LAST) starts[kept++] = starts[i];
    regex->interval_starts = starts;
    regex->interval_count = kept;
}

/* The sets an interval is in, as the words of a bitmap. */
static void signature_of(const Regex *regex, uint32_t point, uint64_t *words, int count) {
    memset(words, 0, sizeof *words * (size_t)count);
    for (int s = 0; s < regex->set_count; s++)
        if (set_has(&regex->sets[s], point)) words[s / 64] |= (uint64_t)1 << (s % 64);
}

/* The last two sets are the newline and the characters of words, for the contexts. */
static void describe_classes(Regex *regex, const uint64_t *signatures, int words) {
    int newline = regex->set_count - 2, word = regex->set_count - 1;
    regex->set_words = regex->class_count / 64 + 1;
    regex->class_contexts = arena_alloc(&regex->arena, (size_t)regex->class_count);
    regex->set_members =
        arena_zalloc(&regex->arena, sizeof(uint64_t) * (size_t)regex->set_words * (size_t)regex->set_count);
    for (int c = 0; c < regex->class_count; c++) {
        const uint64_t *signature = signatures + (size_t)c * (size_t)words;
        for (int s = 0; s < regex->set_count; s++)
            if (signature[s / 64] >> (s % 64) & 1)
                regex->set_members[(size_t)s * (size_t)regex->set_words + (size_t)(c / 64)] |= (uint64_t)1
                                                                                               << (c % 64);
        regex->class_contexts[c] = signature[newline / 64] >> (newline % 64) & 1 ? REGEX_AFTER_NEWLINE
                                   : signature[word / 64] >> (word % 64) & 1     ? REGEX_AFTER_WORD
                                                                                 : REGEX_AFTER_OTHER;
    }
}

void regex_make_classes(Regex *regex) {
    for (int s = 0; s < regex->set_count; s++)
        regex_set_normalise(&regex->sets[s]);
    find_intervals(regex);
    int words = (regex->set_count + 63) / 64, slots = 16;
    while (slots < regex->interval_count * 2)
        slots *= 2;
    uint64_t *signatures =
        arena_alloc(&regex->arena, sizeof *signatures * (size_t)words * (size_t)(regex->interval_count + 1));
    int *table = arena_zalloc(&regex->arena, sizeof *table * (size_t)slots);
    regex->interval_classes = arena_alloc(&regex->arena, sizeof(uint16_t) * (size_t)regex->interval_count);
    regex->class_count = 0;
    for (int i = 0; i < regex->interval_count; i++) {
        uint64_t *mine = signatures + (size_t)regex->class_count * (size_t)words, hash = 0;
        signature_of(regex, regex->interval_starts[i], mine, words);
        for (int w = 0; w < words; w++)
            hash = (hash ^ mine[w]) * 0x9E3779B97F4A7C15u;
        int slot = (int)(hash >> 32) & (slots - 1);
        while (table[slot] && memcmp(signatures + (size_t)(table[slot] - 1) * (size_t)words, mine,
                                     sizeof *mine * (size_t)words))
            slot = (slot + 1) & (slots - 1);
        if (!table[slot]) table[slot] = ++regex->class_count;
        regex->interval_classes[i] = (uint16_t)(table[slot] - 1);
    }
    describe_classes(regex, signatures, words);
    for (uint32_t c = 0; c < 128; c++) {
        int at = regex->interval_count - 1;
        while (regex->interval_starts[at] > c)
            at--;
        regex->ascii_classes[c] = regex->interval_classes[at];
    }
}

uint16_t regex_class_of(const Regex *regex, uint32_t point) {
    if (point < 128) return regex->ascii_classes[point];
    int low = 0, high = regex->interval_count;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (regex->interval_starts[middle] <= point)
            low = middle;
        else
            high = middle;
    }
    return regex->interval_classes[low];
}
