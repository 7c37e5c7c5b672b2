/* Which requests have begun to write, remembered across the processes of a pool on one host.
 *
 * nginx tries a request on another process when the first one died before it answered, and marks every
 * attempt with the same SIGNALBOX_ATTEMPT_ID. Reads simply run again; a write may have taken effect, so the
 * second process must refuse it. The memory is a mapped file: 65,536 identifiers, the oldest of eight
 * overwritten. Thread-safe and lock-free.
 */
#pragma once

#include <stdbool.h>

#include "engines/base/error.h"

typedef struct Attempts Attempts;

Status attempts_open(const char *path, Attempts **out, Error *err);
void attempts_close(Attempts *attempts); /* may be NULL */
/* Called before a write begins. False: this identifier was here before, the write must not run. */
bool attempts_begin(Attempts *attempts, const char *identifier);
