#include "fcgi/api/config_watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engines/base/clock.h"

typedef struct FileMark {
    struct timespec changed;
    off_t bytes;
    ino_t inode; /* 0 = there is no file */
} FileMark;

struct ConfigWatch {
    char *path;
    pthread_mutex_t lock;
    FileMark mark;    /* of the file that was read */
    FileMark written; /* as it was when last looked at */
    ConfigState state;
};

static FileMark mark_of(const char *path) {
    struct stat found;
    if (stat(path, &found) != 0) return (FileMark){0};
    return (FileMark){.changed = found.st_mtim, .bytes = found.st_size, .inode = found.st_ino};
}

static bool same_mark(const FileMark *a, const FileMark *b) {
    return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->bytes == b->bytes && a->inode == b->inode;
}

ConfigWatch *config_watch_open(const char *path) {
    ConfigWatch *watch = calloc(1, sizeof *watch);
    if (!watch || !(watch->path = strdup(path))) abort();
    pthread_mutex_init(&watch->lock, NULL);
    watch->mark = watch->written = mark_of(path);
    watch->state.loaded_wall_us = clock_wall_us();
    return watch;
}

void config_watch_close(ConfigWatch *watch) {
    if (!watch) return;
    pthread_mutex_destroy(&watch->lock);
    free(watch->path);
    free(watch);
}

bool config_watch_changed(ConfigWatch *watch) {
    FileMark now = mark_of(watch->path);
    pthread_mutex_lock(&watch->lock);
    bool rests = same_mark(&now, &watch->written);
    bool changed = rests && !same_mark(&now, &watch->mark);
    if (changed) watch->mark = now;
    watch->written = now;
    pthread_mutex_unlock(&watch->lock);
    return changed;
}

void config_watch_note(ConfigWatch *watch, const Error *failure) {
    pthread_mutex_lock(&watch->lock);
    ConfigState *state = &watch->state;
    snprintf(state->error, sizeof state->error, "%s", failure ? failure->message : "");
    if (failure) {
        state->failures++;
    } else {
        state->loads++;
        state->loaded_wall_us = clock_wall_us();
    }
    pthread_mutex_unlock(&watch->lock);
}

void config_watch_state(ConfigWatch *watch, ConfigState *out) {
    pthread_mutex_lock(&watch->lock);
    *out = watch->state;
    pthread_mutex_unlock(&watch->lock);
}
