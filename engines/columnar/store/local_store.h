/* Files of a warehouse on a local directory. Everything a commit relies on is durable when these return: the
 * bytes, and the directory entry that names them.
 *
 * Files are written once under a name nobody else uses (they carry a UUID) and never changed. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"

enum { STORE_UUID_BYTES = 37 };

/* A random (version 4) UUID in lower-case text. */
void store_make_uuid(char text[STORE_UUID_BYTES]);
uint64_t store_random_u64(void);

/* As `mkdir -p`; directories made are durable. An existing directory is fine. */
Status store_make_directories(const char *path, Error *err);
/* Creates `path` (which must not exist) and its directory entry. On failure nothing is left behind. */
Status store_write_durable(const char *path, const void *data, size_t bytes, Error *err);
/* The same but for the directory entry, which becomes durable with the next file that is written durably to
 * the directory. */
Status store_write_synced(const char *path, const void *data, size_t bytes, Error *err);
Status store_sync_directory_of(const char *path, Error *err);
/* The whole file, NUL-terminated for text readers, in the arena; 54000 beyond `limit_bytes`. */
Status store_read_file(const char *path, size_t limit_bytes, Arena *arena, char **out, size_t *bytes,
                       Error *err);

/* Absolute path without "." and ".." components resolved against the working directory (symbolic links stay).
 */
Status store_absolute_path(const char *path, Arena *arena, char **out, Error *err);
/* "file:///a/b", "file:/a/b" or "/a/b" → "/a/b"; anything else 0A000 naming the scheme. */
Status store_path_from_uri(const char *uri, Arena *arena, const char **out, Error *err);
char *store_uri_from_path(const char *absolute_path, Arena *arena);
