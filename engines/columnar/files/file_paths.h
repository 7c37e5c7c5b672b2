/* The files that statements may name. Only what lies below the directories of
 * engines.columnar.file_directories is there, by its real path: neither ".." nor a symbolic link leads out.
 */
#pragma once

#include <stdint.h>

#include "engines/base/arena.h"
#include "engines/base/error.h"

enum { FILE_PATHS_MAX = 10000 };

typedef struct FilePath {
    const char *path; /* real, absolute */
    int64_t bytes, modified_ns;
    uint64_t device, inode;
} FilePath;

typedef struct FilePathList {
    FilePath *items;
    int count, capacity;
} FilePathList;

/* Adds the regular files that `pattern` (a path, with *, ? and [] as a shell has them) means, sorted. A
 * relative one is looked for in each directory in turn until something is found. `directories`: colons
 * between them. 58P01 when nothing matches, 42501 for what lies outside, 54000 beyond FILE_PATHS_MAX. */
Status file_paths_add(FilePathList *list, const char *directories, const char *pattern, Arena *arena,
                      Error *err);
/* The path a new file gets: its directory must be there and lie inside; the file may be. */
Status file_paths_target(const char *directories, const char *path, Arena *arena, const char **out,
                         Error *err);
