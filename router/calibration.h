/* How fast each engine is here: the constants its estimates rest on, as short probes found them.
 *
 *   calibration_create → calibration_apply (each second) → calibration_claim → Engine.ops->probe →
 *   calibration_note → calibration_destroy
 *
 * Kept per engine and constant is an average over probes, quick to believe a faster one and slow to believe a
 * slower one, since what disturbs a probe only makes it longer. In plain memory that the processes of a pool
 * share and that outlives them (zeroed memory knows nothing); lock-free: of two probes noted at once one may
 * be lost.
 */
#pragma once

#include "engines/engine.h"

enum { CALIBRATION_BYTES = 4096 };

typedef struct Calibration Calibration;

/* `shared`: CALIBRATION_BYTES, aligned to a cache line, which outlive it; NULL = memory of its own. */
Calibration *calibration_create(void *shared);
void calibration_destroy(Calibration *calibration);

/* Gives the engine what is known. The largest ratio by which a constant changed, 1 = none. */
double calibration_apply(const Calibration *calibration, Engine *engine);
/* Whether the caller is to probe the engine now: at first soon again, then every `interval_seconds` (0 =
 * never). One process of all that ask is told so. */
bool calibration_claim(Calibration *calibration, const Engine *engine, int interval_seconds,
                       uint32_t now_seconds);
/* What a probe found; 0 = nothing. */
void calibration_note(Calibration *calibration, const Engine *engine,
                      const double measured[ENGINE_CONSTANT_COUNT], uint32_t now_seconds);

typedef struct CalibrationState {
    double values[ENGINE_CONSTANT_COUNT]; /* 0 = as compiled in */
    uint32_t probes, probed_at_seconds;
} CalibrationState;
void calibration_read(const Calibration *calibration, const Engine *engine, CalibrationState *out);

const char *engine_constant_name(EngineConstant constant); /* "latency_ms" ... */
