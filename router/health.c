#include "router/health.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"

enum { FRESH_NS = 500 * 1000 * 1000 };

typedef struct HealthEntry {
    pthread_mutex_t mutex;
    EngineHealth health;
    int64_t seen_ns; /* 0 = never */
} HealthEntry;

struct HealthBoard {
    Engine *const *engines;
    int engine_count;
    _Atomic uint64_t changes;
    HealthEntry entries[ROUTER_MAX_CANDIDATES];
};

HealthBoard *health_create(Engine *const *engines, int engine_count) {
    HealthBoard *board = calloc(1, sizeof *board);
    if (!board)
        abort();
    board->engines = engines;
    board->engine_count = engine_count;
    for (int i = 0; i < engine_count; i++)
        pthread_mutex_init(&board->entries[i].mutex, NULL);
    return board;
}

void health_destroy(HealthBoard *board) {
    if (!board)
        return;
    for (int i = 0; i < board->engine_count; i++)
        pthread_mutex_destroy(&board->entries[i].mutex);
    free(board);
}

/* With the entry's mutex held. */
static bool ask(HealthBoard *board, int index) {
    HealthEntry *entry = &board->entries[index];
    EngineHealth now = {0};
    board->engines[index]->ops->health(board->engines[index], &now);
    bool flipped = entry->seen_ns != 0 && now.up != entry->health.up;
    if (flipped || (entry->seen_ns == 0 && !now.up))
        log_line(now.up ? LOG_INFO : LOG_WARN, now.up ? "engine.up" : "engine.down", "engine=%s message=\"%s\"",
                 board->engines[index]->name, now.message);
    entry->health = now;
    entry->seen_ns = clock_now_ns();
    if (flipped)
        atomic_fetch_add(&board->changes, 1);
    return flipped;
}

bool health_check_all(HealthBoard *board) {
    bool flipped = false;
    for (int i = 0; i < board->engine_count; i++) {
        pthread_mutex_lock(&board->entries[i].mutex);
        flipped |= ask(board, i);
        pthread_mutex_unlock(&board->entries[i].mutex);
    }
    return flipped;
}

bool health_is_up(HealthBoard *board, int index, char *message, size_t message_bytes) {
    HealthEntry *entry = &board->entries[index];
    pthread_mutex_lock(&entry->mutex);
    if (entry->seen_ns == 0 || clock_now_ns() - entry->seen_ns > FRESH_NS)
        ask(board, index);
    bool up = entry->health.up;
    if (message)
        snprintf(message, message_bytes, "%s", entry->health.message);
    pthread_mutex_unlock(&entry->mutex);
    return up;
}

uint64_t health_changes(const HealthBoard *board) { return atomic_load(&board->changes); }
