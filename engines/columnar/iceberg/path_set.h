/* A set of file paths, for telling the files that something refers to from those that nothing does. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"

typedef struct PathSet {
    const char **slots; /* open addressing, a power of two of them */
    size_t capacity, count;
    Arena *arena;
} PathSet;

/* Paths are copied to `arena`; the table of slots is malloc'd. */
void path_set_init(PathSet *set, Arena *arena);
void path_set_deinit(PathSet *set);
/* True when it was not in the set before. */
bool path_set_add(PathSet *set, const char *path);
bool path_set_has(const PathSet *set, const char *path);
