/* Entries in order: by the bytes of their prefixes while there are many, by comparing rows where few are left
 * or prefixes are the same. */
#include "engines/columnar/exec/sort_internal.h"

enum { FEW_ENTRIES = 16, RADIX_ENTRIES = 512, UNCHECKED_ROWS = 16384 };

uint32_t sort_common_bytes(const SortLayout *layout, const RowStore *store, const char *sample) {
    uint32_t ordered = layout->ordered_bytes, common = ordered > 8 ? ordered - 8 : 0;
    for (int b = 0; b < store->block_count && common && !query_is_stopped(store->query); b++)
        for (int64_t r = 0; r < store->blocks[b].row_count && common; r++) {
            const char *key = store->blocks[b].data + (size_t)r * store->row_width + layout->key_begin;
            const char *other = sample + layout->key_begin;
            uint32_t same = 0;
            while (same < common && key[same] == other[same])
                same++;
            common = same;
        }
    return common;
}

int64_t sort_add_entries(const SortLayout *layout, const RowStore *store, uint32_t skip, SortEntry *out) {
    int64_t count = 0;
    for (int b = 0; b < store->block_count && !query_is_stopped(store->query); b++)
        for (int64_t r = 0; r < store->blocks[b].row_count; r++) {
            char *row = store->blocks[b].data + (size_t)r * store->row_width;
            out[count++] = (SortEntry){sort_prefix(layout, row + skip), row};
        }
    return count;
}

static void insertion_sort(const SortLayout *layout, SortEntry *entries, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        SortEntry moving = entries[i];
        int64_t j = i;
        for (; j > 0 && sort_compare_entries(layout, &moving, &entries[j - 1]) < 0; j--)
            entries[j] = entries[j - 1];
        entries[j] = moving;
    }
}

/* Merge sort: no worst case. */
static void merge_sort(Query *query, const SortLayout *layout, SortEntry *entries, SortEntry *scratch,
                       int64_t count) {
    if (count <= FEW_ENTRIES) {
        insertion_sort(layout, entries, count);
        return;
    }
    int64_t half = count / 2, left = 0, right = half, at = 0;
    merge_sort(query, layout, entries, scratch, half);
    merge_sort(query, layout, entries + half, scratch, count - half);
    if (count > UNCHECKED_ROWS && query_is_stopped(query)) return;
    if (sort_compare_entries(layout, &entries[half - 1], &entries[half]) <= 0) return;
    memcpy(scratch, entries, sizeof *entries * (size_t)half);
    while (left < half && right < count) {
        if (query_is_stopped_each(query, at + 1)) return;
        entries[at++] = sort_compare_entries(layout, &scratch[left], &entries[right]) <= 0 ? scratch[left++]
                                                                                           : entries[right++];
    }
    while (left < half)
        entries[at++] = scratch[left++];
}

/* By one byte of the prefix, then each of its values by the next. */
static void radix_sort(Query *query, const SortLayout *layout, SortEntry *entries, SortEntry *scratch,
                       int64_t count, int shift) {
    int64_t starts[257] = {0};
    if (count < RADIX_ENTRIES || shift < 0) {
        merge_sort(query, layout, entries, scratch, count);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (query_is_stopped_each(query, i + 1)) return;
        starts[(entries[i].prefix >> shift & 255) + 1]++;
    }
    if (starts[(entries[0].prefix >> shift & 255) + 1] == count) {
        radix_sort(query, layout, entries, scratch, count, shift - 8);
        return;
    }
    for (int value = 0; value < 256; value++)
        starts[value + 1] += starts[value];
    int64_t places[256];
    memcpy(places, starts, sizeof places);
    for (int64_t i = 0; i < count; i++) {
        if (query_is_stopped_each(query, i + 1)) return;
        scratch[places[entries[i].prefix >> shift & 255]++] = entries[i];
    }
    for (int64_t i = 0; i < count; i += UNCHECKED_ROWS) {
        if (i && query_is_stopped(query)) return;
        memcpy(entries + i, scratch + i,
               sizeof *entries * (size_t)(count - i < UNCHECKED_ROWS ? count - i : UNCHECKED_ROWS));
    }
    for (int value = 0; value < 256; value++)
        if (starts[value + 1] - starts[value] > 1)
            radix_sort(query, layout, entries + starts[value], scratch, starts[value + 1] - starts[value],
                       shift - 8);
}

static bool in_order(Query *query, const SortLayout *layout, const SortEntry *entries, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        if (query_is_stopped_each(query, i)) return true;
        if (sort_compare_entries(layout, &entries[i - 1], &entries[i]) > 0) return false;
    }
    return true;
}

void sort_entries(Query *query, const SortLayout *layout, SortEntry *entries, SortEntry *scratch,
                  int64_t count) {
    if (in_order(query, layout, entries, count)) return;
    radix_sort(query, layout, entries, scratch, count, 56);
}
