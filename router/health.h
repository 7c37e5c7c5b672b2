/* Which engines are up, as last seen, and a circuit breaker for each. Asked by the tick every second or so,
 * and by decisions when the answer is older than half a second (or, of an engine that is down, a few
 * hundredths): an engine's health() is cheap but not free. Thread-safe.
 *
 * Breaker: closed → (BREAKER_FAILURES statements in a row fail by the engine's fault) → open for half a
 * second, twice as long each time up to ten → half-open as soon as that is over and the engine's own health()
 * says up: statements are tried again, one at a time → closed after BREAKER_SUCCESSES of them, open after one
 * more failure.
 * An open engine counts as down. */
#pragma once

#include "router/router.h"

typedef struct HealthBoard HealthBoard;

HealthBoard *health_create(Engine *const *engines, int engine_count);
void health_destroy(HealthBoard *board);

enum { BREAKER_FAILURES = 3, BREAKER_SUCCESSES = 3 };
/* How a statement ended, by the engine's doing alone: not its user's errors, limits or cancels. */
void health_note_success(HealthBoard *board, int index);
void health_note_failure(HealthBoard *board, int index, const char *message);
void health_breaker(HealthBoard *board, int index, EngineBreaker *out);

/* Asks every engine; true when one went up or down since it was last seen. */
bool health_check_all(HealthBoard *board);
/* Whether a statement may be decided for engine `index`; `message` (may be NULL) says why not. `probe`: it is
 * the one that tries a half-open engine, and health_end_choice tells whether it will. */
bool health_admits(HealthBoard *board, int index, bool *probe, char *message, size_t message_bytes);
/* `chosen` false: another statement may try. True: this one does, and is not remembered as a decision. */
void health_end_choice(HealthBoard *board, int index, bool chosen);
/* Changes seen so far, whoever saw them: a cached decision made before a change is stale. */
uint64_t health_changes(const HealthBoard *board);
