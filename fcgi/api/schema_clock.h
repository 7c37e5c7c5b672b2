/* How often the pool's processes on this host have changed definitions: a counter in a mapped file.
 *
 * The process that ran DDL advances it before it answers; every other one sees that before its next statement
 * and reads the tables again, so the client that made a table can use it at once whichever process it meets.
 * Thread-safe, lock-free.
 */
#pragma once

#include "engines/base/error.h"

typedef struct SchemaClock SchemaClock;

Status schema_clock_open(const char *path, SchemaClock **out, Error *err);
void schema_clock_close(SchemaClock *clock); /* may be NULL */
uint64_t schema_clock_read(const SchemaClock *clock);
void schema_clock_advance(SchemaClock *clock);
