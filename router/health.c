#include "router/health.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"

/* That an engine is down is believed for a moment only: the first statement after its restart shall work. */
enum { FRESH_NS = 500 * 1000 * 1000, FRESH_DOWN_NS = 20 * 1000 * 1000, PATIENCE_NS = 100 * 1000 * 1000 };

typedef struct HealthEntry {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    EngineHealth health;
    int64_t seen_ns; /* 0 = never */
    EngineBreaker breaker;
    int successes; /* while half-open */
    int64_t open_until_ns, open_for_ns;
    int64_t probe_until_ns; /* while half-open: a statement tries the engine, others wait for what it finds */
    bool refused;           /* one that did not wait longer was decided without the engine */
    _Atomic bool attentive; /* not closed, or failures counted: successes matter */
    bool asking; /* a thread is inside health(), which may wait for a server; others wait a moment at most */
} HealthEntry;

struct HealthBoard {
    Engine *const *engines;
    int engine_count;
    _Atomic uint64_t changes;
    HealthEntry entries[ROUTER_MAX_CANDIDATES];
};

HealthBoard *health_create(Engine *const *engines, int engine_count) {
    HealthBoard *board = calloc(1, sizeof *board);
    if (!board) abort();
    board->engines = engines;
    board->engine_count = engine_count;
    for (int i = 0; i < engine_count; i++) {
        pthread_mutex_init(&board->entries[i].mutex, NULL);
        pthread_cond_init(&board->entries[i].answered, NULL);
    }
    return board;
}

void health_destroy(HealthBoard *board) {
    if (!board) return;
    for (int i = 0; i < board->engine_count; i++) {
        pthread_cond_destroy(&board->entries[i].answered);
        pthread_mutex_destroy(&board->entries[i].mutex);
    }
    free(board);
}

static bool begin_asking(HealthEntry *entry, bool only_when_stale) {
    pthread_mutex_lock(&entry->mutex);
    int64_t fresh_ns = entry->health.up ? FRESH_NS : FRESH_DOWN_NS;
    bool stale = entry->seen_ns == 0 || clock_now_ns() - entry->seen_ns > fresh_ns;
    bool mine = !entry->asking && (stale || !only_when_stale);
    entry->asking |= mine;
    pthread_mutex_unlock(&entry->mutex);
    return mine;
}

static bool ask(HealthBoard *board, int index) {
    HealthEntry *entry = &board->entries[index];
    EngineHealth now = {0};
    board->engines[index]->ops->health(board->engines[index], &now);
    pthread_mutex_lock(&entry->mutex);
    bool first = entry->seen_ns == 0, flipped = !first && now.up != entry->health.up;
    entry->health = now;
    entry->seen_ns = clock_now_ns();
    entry->asking = false;
    pthread_cond_broadcast(&entry->answered);
    if (flipped) atomic_fetch_add(&board->changes, 1);
    pthread_mutex_unlock(&entry->mutex);
    if (flipped || (first && !now.up))
        log_line(now.up ? LOG_INFO : LOG_WARN, now.up ? "engine.up" : "engine.down",
                 "engine=%s message=\"%s\"", board->engines[index]->name, now.message);
    return flipped;
}

/* ---- breaker
 * ------------------------------------------------------------------------------------------------- */

/* A probe that is never run, or not within this time, makes way for another. */
enum { OPEN_NS = 500 * 1000 * 1000, PROBE_NS = 1000 * 1000 * 1000, MOST_OPEN_SECONDS = 10 };

/* With the entry's mutex held. Those who wait for it look again. */
static void end_probe(HealthEntry *entry) {
    entry->probe_until_ns = 0;
    entry->refused = false;
    pthread_cond_broadcast(&entry->answered);
}

/* With the entry's mutex held. What is cached was decided under the old state. */
static void enter(HealthBoard *board, int index, BreakerState state) {
    HealthEntry *entry = &board->entries[index];
    if (entry->breaker.state == state) return;
    entry->breaker.state = state;
    entry->successes = 0;
    end_probe(entry);
    atomic_fetch_add(&board->changes, 1);
    log_line(state == BREAKER_OPEN ? LOG_WARN : LOG_INFO, "engine.breaker",
             "engine=%s state=%s failures=%d message=\"%s\"", board->engines[index]->name,
             breaker_state_name(state), entry->breaker.failures, entry->breaker.message);
}

static void open_breaker(HealthBoard *board, int index) {
    HealthEntry *entry = &board->entries[index];
    int64_t most_ns = (int64_t)MOST_OPEN_SECONDS * 1000000000;
    bool again = entry->breaker.state == BREAKER_HALF_OPEN;
    entry->open_for_ns = again ? entry->open_for_ns * 2 : OPEN_NS;
    if (entry->open_for_ns > most_ns) entry->open_for_ns = most_ns;
    entry->open_until_ns = clock_now_ns() + entry->open_for_ns;
    entry->breaker.opened++;
    enter(board, index, BREAKER_OPEN);
}

void health_note_failure(HealthBoard *board, int index, const char *message) {
    HealthEntry *entry = &board->entries[index];
    pthread_mutex_lock(&entry->mutex);
    atomic_store(&entry->attentive, true);
    if (entry->breaker.failures < INT32_MAX) entry->breaker.failures++;
    snprintf(entry->breaker.message, sizeof entry->breaker.message, "%.255s", message);
    bool enough = entry->breaker.failures >= BREAKER_FAILURES && entry->breaker.state == BREAKER_CLOSED;
    if (enough || entry->breaker.state == BREAKER_HALF_OPEN) open_breaker(board, index);
    pthread_mutex_unlock(&entry->mutex);
}

void health_note_success(HealthBoard *board, int index) {
    HealthEntry *entry = &board->entries[index];
    if (!atomic_load_explicit(&entry->attentive, memory_order_relaxed)) return;
    pthread_mutex_lock(&entry->mutex);
    /* While it is open only statements end that began before: they prove nothing. */
    if (entry->breaker.state == BREAKER_HALF_OPEN && ++entry->successes >= BREAKER_SUCCESSES) {
        enter(board, index, BREAKER_CLOSED);
    } else if (entry->breaker.state == BREAKER_HALF_OPEN) {
        end_probe(entry);
        atomic_fetch_add(&board->changes, 1); /* what was decided without it */
    }
    if (entry->breaker.state == BREAKER_CLOSED) {
        entry->breaker.failures = 0;
        atomic_store(&entry->attentive, false);
    }
    pthread_mutex_unlock(&entry->mutex);
}

void health_breaker(HealthBoard *board, int index, EngineBreaker *out) {
    pthread_mutex_lock(&board->entries[index].mutex);
    *out = board->entries[index].breaker;
    pthread_mutex_unlock(&board->entries[index].mutex);
}

const char *breaker_state_name(BreakerState state) {
    static const char *const names[] = {"closed", "open", "half-open"};
    return names[state];
}

/* With the entry's mutex held: an open breaker whose time is over is tried again. */
static BreakerState state_now(HealthBoard *board, int index) {
    HealthEntry *entry = &board->entries[index];
    if (entry->breaker.state == BREAKER_OPEN && entry->health.up && clock_now_ns() >= entry->open_until_ns)
        enter(board, index, BREAKER_HALF_OPEN);
    return entry->breaker.state;
}

static struct timespec moment_after(int64_t wait_ns) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += wait_ns;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return until;
}

/* With the entry's mutex held: whether the breaker lets this statement through. Of a half-open one it does so
 * for one at a time, which is not remembered as a decision; the others wait a moment for what it finds. */
static bool lets_through(HealthBoard *board, int index, bool *probe) {
    HealthEntry *entry = &board->entries[index];
    struct timespec until = moment_after(PATIENCE_NS);
    bool patient = true;
    for (;;) {
        BreakerState state = state_now(board, index);
        if (state != BREAKER_HALF_OPEN) return state == BREAKER_CLOSED;
        if (clock_now_ns() >= entry->probe_until_ns) break;
        if (!patient) {
            entry->refused = true;
            return false;
        }
        patient = pthread_cond_timedwait(&entry->answered, &entry->mutex, &until) == 0;
    }
    entry->probe_until_ns = clock_now_ns() + PROBE_NS;
    *probe = true;
    return true;
}

void health_end_choice(HealthBoard *board, int index, bool chosen) {
    HealthEntry *entry = &board->entries[index];
    pthread_mutex_lock(&entry->mutex);
    if (entry->breaker.state == BREAKER_HALF_OPEN) {
        if (chosen || entry->refused) atomic_fetch_add(&board->changes, 1);
        if (!chosen) end_probe(entry);
    }
    pthread_mutex_unlock(&entry->mutex);
}

/* ---- asking
 * -------------------------------------------------------------------------------------------------- */

bool health_check_all(HealthBoard *board) {
    bool flipped = false;
    for (int i = 0; i < board->engine_count; i++)
        if (begin_asking(&board->entries[i], false)) flipped |= ask(board, i);
    for (int i = 0; i < board->engine_count; i++) { /* an open breaker need not wait for a statement */
        pthread_mutex_lock(&board->entries[i].mutex);
        (void)state_now(board, i);
        pthread_mutex_unlock(&board->entries[i].mutex);
    }
    return flipped;
}

/* ---- asked by decisions
 * -------------------------------------------------------------------------------------- */

/* Statements that come together with the first one after a restart shall work like it: they wait for its
 * answer, unless that takes longer than a server nearby needs. */
static void await_answer(HealthEntry *entry) {
    struct timespec until = {0};
    pthread_mutex_lock(&entry->mutex);
    while (entry->asking && entry->seen_ns != 0 && !entry->health.up) {
        if (until.tv_sec == 0) until = moment_after(PATIENCE_NS);
        if (pthread_cond_timedwait(&entry->answered, &entry->mutex, &until) != 0) break;
    }
    pthread_mutex_unlock(&entry->mutex);
}

bool health_admits(HealthBoard *board, int index, bool *probe, char *message, size_t message_bytes) {
    HealthEntry *entry = &board->entries[index];
    if (begin_asking(entry, true))
        ask(board, index);
    else
        await_answer(entry);
    *probe = false;
    pthread_mutex_lock(&entry->mutex);
    bool up = entry->seen_ns == 0 || entry->health.up; /* not known yet: the engine will tell */
    bool open = up && !lets_through(board, index, probe);
    if (message && open)
        snprintf(message, message_bytes, "it failed %d times in a row: %s", entry->breaker.failures,
                 entry->breaker.message);
    else if (message)
        snprintf(message, message_bytes, "%s", entry->health.message);
    pthread_mutex_unlock(&entry->mutex);
    return up && !open;
}

uint64_t health_changes(const HealthBoard *board) {
    return atomic_load(&board->changes);
}
