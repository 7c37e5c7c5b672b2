#include "engines/columnar/iceberg/path_set.h"

#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"

void path_set_init(PathSet *set, Arena *arena) {
    *set = (PathSet){.arena = arena, .capacity = 256};
    set->slots = calloc(set->capacity, sizeof *set->slots);
    if (!set->slots) abort();
}

void path_set_deinit(PathSet *set) {
    free(set->slots);
    set->slots = NULL;
}

/* The slot that holds the path, or the free one where it would go. */
static size_t find(const PathSet *set, const char *path) {
    size_t slot = hash64_bytes(path, strlen(path), 0) & (set->capacity - 1);
    while (set->slots[slot] && strcmp(set->slots[slot], path) != 0)
        slot = (slot + 1) & (set->capacity - 1);
    return slot;
}

static void grow(PathSet *set) {
    PathSet larger = {.capacity = set->capacity * 2, .count = set->count, .arena = set->arena};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) abort();
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i]) larger.slots[find(&larger, set->slots[i])] = set->slots[i];
    free(set->slots);
    *set = larger;
}

bool path_set_add(PathSet *set, const char *path) {
    if (set->count * 2 >= set->capacity) grow(set);
    size_t slot = find(set, path);
    if (set->slots[slot]) return false;
    set->slots[slot] = arena_strdup(set->arena, path);
    set->count++;
    return true;
}

bool path_set_has(const PathSet *set, const char *path) {
    return set->slots[find(set, path)] != NULL;
}
