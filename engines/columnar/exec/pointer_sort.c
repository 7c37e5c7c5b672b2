#include "engines/columnar/exec/pointer_sort.h"

#include <string.h>

enum { FEW_ITEMS = 12 };

typedef struct PointerSort {
    Query *query;
    PointerCompare compare;
    const void *context;
    int64_t moved;
    bool stopped;
} PointerSort;

static void insertion_sort(const PointerSort *sort, char **items, int64_t count) {
    for (int64_t i = 1; i < count; i++) {
        char *moving = items[i];
        int64_t j = i;
        for (; j > 0 && sort->compare(sort->context, moving, items[j - 1]) < 0; j--)
            items[j] = items[j - 1];
        items[j] = moving;
    }
}

static bool is_stopped(PointerSort *sort) {
    if (query_is_stopped_each(sort->query, ++sort->moved)) sort->stopped = true;
    return sort->stopped;
}

static void merge_sort(PointerSort *sort, char **items, char **scratch, int64_t count) {
    if (count <= FEW_ITEMS) {
        insertion_sort(sort, items, count);
        return;
    }
    int64_t half = count / 2, left = 0, right = half, at = 0;
    merge_sort(sort, items, scratch, half);
    merge_sort(sort, items + half, scratch, count - half);
    if (is_stopped(sort) || sort->compare(sort->context, items[half - 1], items[half]) <= 0) return;
    memcpy(scratch, items, sizeof *items * (size_t)half);
    while (left < half && right < count && !is_stopped(sort))
        items[at++] =
            sort->compare(sort->context, scratch[left], items[right]) <= 0 ? scratch[left++] : items[right++];
    if (sort->stopped) return;
    memcpy(items + at, scratch + left, sizeof *items * (size_t)(half - left));
}

Status pointer_sort(Query *query, char **items, char **scratch, int64_t count, PointerCompare compare,
                    const void *context, Error *err) {
    PointerSort sort = {.query = query, .compare = compare, .context = context};
    merge_sort(&sort, items, scratch, count);
    return sort.stopped ? query_check(query, err) : STATUS_OK;
}
