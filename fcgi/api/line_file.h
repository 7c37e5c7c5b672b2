/* A file that gets whole lines appended, by any thread: for logs that machines read.
 *
 *   line_file_open → line_file_write (there when it returns) | line_file_add (within a second)
 *   → line_file_flush (about once a second), line_file_reopen (after rotation) → line_file_close
 *
 * Each write is whole lines with O_APPEND, so the processes of a pool may share a file.
 */
#pragma once

#include <stddef.h>

#include "engines/base/error.h"

typedef struct LineFile LineFile;

Status line_file_open(const char *path, LineFile **out, Error *err);
void line_file_close(LineFile *file); /* writes what is left; may be NULL */
/* The same path, anew. When it cannot be opened lines go on to where they went. */
void line_file_reopen(LineFile *file);
void line_file_write(LineFile *file, const char *line, size_t bytes);
void line_file_add(LineFile *file, const char *line, size_t bytes);
void line_file_flush(LineFile *file);
