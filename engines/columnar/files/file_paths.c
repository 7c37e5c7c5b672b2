#include "engines/columnar/files/file_paths.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool has_parent_component(const char *path) {
    for (const char *at = path; (at = strstr(at, "..")); at += 2) {
        bool begins = at == path || at[-1] == '/';
        if (begins && (at[2] == 0 || at[2] == '/')) return true;
    }
    return false;
}

/* One after the other; NULL at the end. */
static const char *next_directory(const char **rest, Arena *arena) {
    while (**rest) {
        const char *end = strchrnul(*rest, ':');
        const char *found = arena_strndup(arena, *rest, (size_t)(end - *rest));
        *rest = *end ? end + 1 : end;
        if (found[0]) return found;
    }
    return NULL;
}

static bool lies_below(const char *real_path, const char *real_directory) {
    size_t length = strlen(real_directory);
    if (length == 1) return true; /* "/" */
    return !strncmp(real_path, real_directory, length) && real_path[length] == '/';
}

static bool is_inside(const char *real_path, const char *directories, Arena *arena) {
    const char *rest = directories, *directory;
    char real[PATH_MAX];
    while ((directory = next_directory(&rest, arena)))
        if (realpath(directory, real) && lies_below(real_path, real)) return true;
    return false;
}

static Status outside(const char *path, Error *err) {
    (void)error_set(err, "42501", "\"%.300s\" is not below a directory of engines.columnar.file_directories",
                    path);
    return STATUS_ERROR;
}

static Status add_file(FilePathList *list, const char *directories, const char *found, Arena *arena,
                       Error *err) {
    char real[PATH_MAX];
    struct stat info;
    if (!realpath(found, real) || stat(real, &info) != 0)
        return error_set_errno(err, errno, "cannot look at \"%.300s\"", found);
    if (!is_inside(real, directories, arena)) return outside(found, err);
    if (!S_ISREG(info.st_mode)) return STATUS_OK;
    if (list->count == FILE_PATHS_MAX)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "more than %d files are meant", FILE_PATHS_MAX);
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        FilePath *grown = ARENA_NEW_ARRAY(arena, FilePath, list->capacity);
        if (list->count) memcpy(grown, list->items, sizeof *grown * (size_t)list->count);
        list->items = grown;
    }
    list->items[list->count++] =
        (FilePath){.path = arena_strdup(arena, real),
                   .bytes = info.st_size,
                   .modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
                   .device = info.st_dev,
                   .inode = info.st_ino};
    return STATUS_OK;
}

static Status add_matches(FilePathList *list, const char *directories, const char *pattern, Arena *arena,
                          Error *err) {
    glob_t matches;
    int code = glob(pattern, 0, NULL, &matches);
    if (code == GLOB_NOMATCH) return STATUS_OK;
    if (code != 0) return error_set(err, SQLSTATE_IO_ERROR, "cannot look for \"%.300s\"", pattern);
    Status status = STATUS_OK;
    for (size_t i = 0; i < matches.gl_pathc && status == STATUS_OK; i++)
        status = add_file(list, directories, matches.gl_pathv[i], arena, err);
    globfree(&matches);
    return status;
}

Status file_paths_add(FilePathList *list, const char *directories, const char *pattern, Arena *arena,
                      Error *err) {
    int before = list->count;
    if (has_parent_component(pattern)) return outside(pattern, err);
    if (pattern[0] == '/') {
        TRY(add_matches(list, directories, pattern, arena, err));
    } else {
        const char *rest = directories, *directory;
        while (list->count == before && (directory = next_directory(&rest, arena)))
            TRY(add_matches(list, directories, arena_printf(arena, "%s/%s", directory, pattern), arena, err));
    }
    if (list->count > before) return STATUS_OK;
    (void)error_set(err, SQLSTATE_UNDEFINED_FILE, "no file matches \"%.300s\"", pattern);
    return error_add_hint(err, "Files are looked for in %s.", directories[0] ? directories : "no directory");
}

Status file_paths_target(const char *directories, const char *path, Arena *arena, const char **out,
                         Error *err) {
    const char *rest = directories;
    if (has_parent_component(path)) return outside(path, err);
    const char *full = path;
    if (path[0] != '/') {
        const char *directory = next_directory(&rest, arena);
        if (!directory) return outside(path, err);
        full = arena_printf(arena, "%s/%s", directory, path);
    }
    const char *slash = strrchr(full, '/');
    char real[PATH_MAX];
    if (!slash[1]) return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%.300s\" names no file", path);
    if (!realpath(slash == full ? "/" : arena_strndup(arena, full, (size_t)(slash - full)), real))
        return error_set_errno(err, errno, "cannot write \"%.300s\"", path);
    const char *target = arena_printf(arena, "%s%s", strcmp(real, "/") ? real : "", slash);
    if (!is_inside(target, directories, arena)) return outside(path, err);
    struct stat info;
    if (lstat(target, &info) == 0 && !S_ISREG(info.st_mode))
        return error_set(err, "42809", "\"%.300s\" is there and no regular file", path);
    *out = target;
    return STATUS_OK;
}
