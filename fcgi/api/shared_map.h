/* A small file mapped by every process of a pool: memory they share on one host. Zero when new. */
#pragma once

#include <stddef.h>

#include "engines/base/error.h"

/* Made when missing, never through a symbolic link. All processes give the same `bytes`. */
Status shared_map_open(const char *path, size_t bytes, void **out, Error *err);
void shared_map_close(void *memory, size_t bytes);
