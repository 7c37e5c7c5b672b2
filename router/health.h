/* Which engines are up, as last seen. Asked by the tick every second or so, and by decisions when the answer
 * is older than half a second (or, of an engine that is down, a few hundredths): an engine's health() is
 * cheap but not free. Thread-safe. */
#pragma once

#include "router/router.h"

typedef struct HealthBoard HealthBoard;

HealthBoard *health_create(Engine *const *engines, int engine_count);
void health_destroy(HealthBoard *board);
/* Asks every engine; true when one went up or down since it was last seen. */
bool health_check_all(HealthBoard *board);
/* The state of engine `index`; `message` (may be NULL) says why it is down. */
bool health_is_up(HealthBoard *board, int index, char *message, size_t message_bytes);
/* Changes seen so far, whoever saw them: a cached decision made before a change is stale. */
uint64_t health_changes(const HealthBoard *board);
