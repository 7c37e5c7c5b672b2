#include "router/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"

enum {
    EARLY_PROBES = 4, /* the machine may have been busy starting */
    EARLY_SECONDS = 15,
    FORGET_SECONDS = 24 * 3600 /* another machine may be behind the name by then */
};
/* Beyond, the probe has met something else than a slow machine. */
static const double MOST_RATIO = 16, FASTER_WEIGHT = 0.5, SLOWER_WEIGHT = 0.15;

typedef struct Slot {
    _Atomic uint64_t key;                           /* 0 = free */
    _Atomic uint64_t values[ENGINE_CONSTANT_COUNT]; /* the bits of a double */
    _Atomic uint32_t probes, noted_at, claimed_at;
} Slot;

enum { SLOTS = CALIBRATION_BYTES / sizeof(Slot) };

struct Calibration {
    Slot *slots;
    bool owned;
};

Calibration *calibration_create(void *shared) {
    Calibration *calibration = calloc(1, sizeof *calibration);
    if (!calibration) abort();
    calibration->owned = shared == NULL;
    calibration->slots = shared ? shared : aligned_alloc(64, CALIBRATION_BYTES);
    if (!calibration->slots) abort();
    if (!shared) memset(calibration->slots, 0, CALIBRATION_BYTES);
    return calibration;
}

void calibration_destroy(Calibration *calibration) {
    if (!calibration) return;
    if (calibration->owned) free(calibration->slots);
    free(calibration);
}

/* ---- slots
 * ------------------------------------------------------------------------------------------------------- */

static double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t key_of(const Engine *engine) {
    uint64_t kind = hash64_bytes(engine->ops->kind, strlen(engine->ops->kind), 0);
    uint64_t key = hash64_bytes(engine->name, strlen(engine->name), kind);
    return key ? key : 1;
}

static Slot *find(const Calibration *calibration, const Engine *engine) {
    uint64_t key = key_of(engine);
    for (size_t i = 0; i < SLOTS; i++)
        if (atomic_load(&calibration->slots[i].key) == key) return &calibration->slots[i];
    return NULL;
}

static void clear(Slot *slot) {
    for (int i = 0; i < ENGINE_CONSTANT_COUNT; i++)
        atomic_store(&slot->values[i], 0);
    atomic_store(&slot->probes, 0);
    atomic_store(&slot->noted_at, 0);
    atomic_store(&slot->claimed_at, 0);
}

/* A free one, else that of an engine probed longest ago: names come and go over the years. */
static Slot *claim(Calibration *calibration, const Engine *engine) {
    Slot *slot = find(calibration, engine);
    uint64_t key = key_of(engine);
    if (slot) return slot;
    slot = &calibration->slots[0];
    for (size_t i = 0; i < SLOTS; i++) {
        Slot *other = &calibration->slots[i];
        uint64_t none = 0;
        if (atomic_compare_exchange_strong(&other->key, &none, key)) return other;
        if (none == key) return other; /* another process was first */
        if (atomic_load(&other->noted_at) < atomic_load(&slot->noted_at)) slot = other;
    }
    clear(slot);
    atomic_store(&slot->key, key);
    return slot;
}

/* ---- use
 * ------------------------------------------------------------------------------------------------------- */

double calibration_apply(const Calibration *calibration, Engine *engine) {
    const Slot *slot = find(calibration, engine);
    double most = 1;
    for (int i = 0; slot && i < ENGINE_CONSTANT_COUNT; i++) {
        double value = double_of(atomic_load(&slot->values[i])), before = engine_constant(engine, i);
        if (!(value > 0) || !isfinite(value)) continue;
        if (before > 0) most = fmax(most, fmax(value / before, before / value));
        atomic_store_explicit(&engine->constants[i], value, memory_order_relaxed);
    }
    return most;
}

bool calibration_claim(Calibration *calibration, const Engine *engine, int interval_seconds,
                       uint32_t now_seconds) {
    if (interval_seconds <= 0 || !engine->ops->probe) return false;
    Slot *slot = claim(calibration, engine);
    uint32_t claimed = atomic_load(&slot->claimed_at), probes = atomic_load(&slot->probes);
    uint32_t wait = (uint32_t)interval_seconds;
    if (probes < EARLY_PROBES && wait > EARLY_SECONDS) wait = EARLY_SECONDS;
    if (claimed && now_seconds - claimed < wait && now_seconds >= claimed) return false;
    return atomic_compare_exchange_strong(&slot->claimed_at, &claimed, now_seconds);
}

static double average(double known, double measured, double compiled, bool stale) {
    if (compiled > 0) measured = fmin(fmax(measured, compiled / MOST_RATIO), compiled * MOST_RATIO);
    if (!(known > 0) || stale) return measured;
    double weight = measured < known ? FASTER_WEIGHT : SLOWER_WEIGHT;
    return known * pow(measured / known, weight);
}

void calibration_note(Calibration *calibration, const Engine *engine,
                      const double measured[ENGINE_CONSTANT_COUNT], uint32_t now_seconds) {
    Slot *slot = claim(calibration, engine);
    uint32_t noted_at = atomic_load(&slot->noted_at);
    bool stale = now_seconds > noted_at && now_seconds - noted_at > FORGET_SECONDS;
    for (int i = 0; i < ENGINE_CONSTANT_COUNT; i++) {
        if (!(measured[i] > 0) || !isfinite(measured[i])) continue;
        double known = double_of(atomic_load(&slot->values[i]));
        atomic_store(&slot->values[i],
                     bits_of(average(known, measured[i], engine->ops->default_constants[i], stale)));
    }
    atomic_fetch_add(&slot->probes, 1);
    atomic_store(&slot->noted_at, now_seconds);
}

void calibration_read(const Calibration *calibration, const Engine *engine, CalibrationState *out) {
    const Slot *slot = find(calibration, engine);
    *out = (CalibrationState){0};
    if (!slot) return;
    for (int i = 0; i < ENGINE_CONSTANT_COUNT; i++)
        out->values[i] = double_of(atomic_load(&slot->values[i]));
    out->probes = atomic_load(&slot->probes);
    out->probed_at_seconds = atomic_load(&slot->noted_at);
}

const char *engine_constant_name(EngineConstant constant) {
    switch (constant) {
    case CONSTANT_LATENCY_MS: return "latency_ms";
    case CONSTANT_SCANNED_ROW_NS: return "scanned_row_ns";
    case CONSTANT_PROBED_ROW_NS: return "probed_row_ns";
    case CONSTANT_SENT_BYTE_NS: return "sent_byte_ns";
    case ENGINE_CONSTANT_COUNT: break;
    }
    return "";
}
