/* Request bodies too large for memory: files without a name, gone when their descriptor is closed, however
 * the process ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The directory is made when missing, for this user only. -1 (and a line in the log) when it cannot be. */
int body_spool_open(const char *directory);
/* Everything or false (and a line in the log). */
bool body_spool_write(int fd, const void *data, size_t bytes);
