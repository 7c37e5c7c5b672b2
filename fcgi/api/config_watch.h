/* The configuration file while serving: whether it has changed, and what became of reading it again.
 *
 *   config_watch_open (before the file is read) → config_watch_changed (about once a second)
 *   → config_watch_note (after each reading) → config_watch_close
 *
 * Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/error.h"

typedef struct ConfigWatch ConfigWatch;

ConfigWatch *config_watch_open(const char *path); /* the file need not exist */
void config_watch_close(ConfigWatch *watch);      /* may be NULL */
/* Another file than the one that was read, by time of change, size or inode, and the same as when last asked:
 * one that is just being written may be read half, without the rules that deny. */
bool config_watch_changed(ConfigWatch *watch);
/* `failure` NULL = it was taken over. */
void config_watch_note(ConfigWatch *watch, const Error *failure);

typedef struct ConfigState {
    int64_t loaded_wall_us;   /* the configuration in use */
    uint64_t loads, failures; /* since the start */
    char error[1024];         /* of the last reading, "" = it went well */
} ConfigState;
void config_watch_state(ConfigWatch *watch, ConfigState *out);
