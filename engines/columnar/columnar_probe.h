/* How fast the columnar engine is on this machine: EngineOps.probe. */
#pragma once

#include "engines/engine.h"

#define COLUMNAR_DEFAULT_CONSTANTS                                                                           \
    {                                                                                                        \
        [CONSTANT_LATENCY_MS] = 0.006, [CONSTANT_SCANNED_ROW_NS] = 3, [CONSTANT_PROBED_ROW_NS] = 40,         \
        [CONSTANT_SENT_BYTE_NS] = 0.2                                                                        \
    }

Status columnar_probe(Engine *engine, double out[ENGINE_CONSTANT_COUNT], Error *err);
