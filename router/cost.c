#include "router/cost.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"

enum {
    WAYS = 8,
    HALF_LIFE_SECONDS = 6 * 3600, /* of what LONG_MEMORY_RUNS or more have shown */
    LONG_MEMORY_RUNS = 8,         /* the newest run weighs 1/8 at least */
    CLASS_MEMORY_RUNS = 64,       /* many shapes share it, none of them may pull it far */
    CLASS_WEIGHT = 2              /* a class says as much as this many runs of the shape would */
};
static const double DEVIATION_UNIT = 1.0 / 16;
static const double LOG_UNIT = 1.0 / 2048, LOG_MOST = 9; /* e^9: 8,000 times */
/* Statements of one class may be thousands of times apart: what is true of some is a hint for others, twice
 * at most. */
static const double CLASS_MOST = 0.7;
static const double LEAST_MS = 0.002;

/* value: log ratio in LOG_UNITs (16 bits), its mean deviation in DEVIATION_UNITs (8), runs (8), seconds (32),
 * from the top; 0 = empty. */
typedef struct Entry {
    _Atomic uint64_t key;
    _Atomic uint64_t value;
} Entry;

enum { BUCKETS = COST_BOOK_BYTES / (WAYS * sizeof(Entry)) };

struct CostBook {
    Entry *entries;
    bool owned;
};

CostBook *cost_book_create(void *shared) {
    CostBook *book = calloc(1, sizeof *book);
    if (!book) abort();
    book->owned = shared == NULL;
    /* Not touched before there is something to note: a pool's processes share another one at once. */
    book->entries = shared ? shared : calloc(1, COST_BOOK_BYTES);
    if (!book->entries) abort();
    return book;
}

void cost_book_destroy(CostBook *book) {
    if (!book) return;
    if (book->owned) free(book->entries);
    free(book);
}

uint32_t cost_now_seconds(void) {
    return (uint32_t)(clock_wall_us() / 1000000);
}

/* ---- entries --------------------------------------------------------------------------------------------
 */

static uint64_t key_of(const CostKey *key, bool of_class) {
    uint64_t hash = of_class ? hash64_u64((uint64_t)key->class + 1) : key->fingerprint;
    hash = hash64_bytes(key->engine, strlen(key->engine), hash);
    return hash ? hash : 1;
}

static uint64_t key_of_engine(const char *engine) {
    uint64_t hash = hash64_bytes(engine, strlen(engine), hash64_u64(0));
    return hash ? hash : 1;
}

static Entry *bucket_of(const CostBook *book, uint64_t key) {
    return &book->entries[key % BUCKETS * WAYS];
}

static Entry *find(const CostBook *book, uint64_t key) {
    Entry *bucket = bucket_of(book, key);
    for (int i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&bucket[i].key, memory_order_acquire) == key) return &bucket[i];
    return NULL;
}

static uint32_t seconds_of(uint64_t value) {
    return (uint32_t)value;
}
static int runs_of(uint64_t value) {
    return (int)(value >> 32 & 0xFF);
}
static double deviation_of(uint64_t value) {
    return (double)(value >> 40 & 0xFF) * DEVIATION_UNIT;
}
static double log_of(uint64_t value) {
    return (double)(int16_t)(value >> 48) * LOG_UNIT;
}
static uint64_t pack(double log_ratio, double deviation, int runs, uint32_t seconds) {
    double clamped = fmin(fmax(log_ratio, -LOG_MOST), LOG_MOST);
    uint64_t spread = (uint64_t)fmin(lround(deviation / DEVIATION_UNIT), 255);
    return (uint64_t)(uint16_t)(int16_t)lround(clamped / LOG_UNIT) << 48 | spread << 40 |
           (uint64_t)runs << 32 | seconds;
}

/* Two threads that claim one entry at once: the later key wins and the other's run is lost, or at worst
 * counted for the wrong shape once. */
static Entry *claim(CostBook *book, uint64_t key) {
    Entry *entry = find(book, key);
    if (entry) return entry;
    Entry *bucket = bucket_of(book, key);
    entry = bucket;
    for (int i = 0; i < WAYS; i++)
        if (seconds_of(atomic_load(&bucket[i].value)) < seconds_of(atomic_load(&entry->value)))
            entry = &bucket[i];
    atomic_store(&entry->value, 0);
    atomic_store_explicit(&entry->key, key, memory_order_release);
    return entry;
}

/* Of a shape whose runs lie far apart (a range that is empty now and everything then) an average tells little
 * of the next one: the estimate knows its literals and stands. */
static double trust_in(uint64_t value) {
    double deviation = deviation_of(value);
    return 1 / (1 + deviation * deviation);
}

/* One run alone may have met a cold cache or a busy moment, and an engine that is not chosen for it would
 * never run again to show so: what few runs say fades within minutes (one: 6, two: 23), then it is tried once
 * more. */
static double faded(uint64_t value, uint32_t now_seconds) {
    uint32_t seconds = seconds_of(value);
    double age = now_seconds > seconds ? (double)(now_seconds - seconds) : 0;
    if (runs_of(value) == 0) return 0;
    double proof = fmin((double)runs_of(value) / LONG_MEMORY_RUNS, 1);
    return age < 60 ? log_of(value) : log_of(value) * exp2(-age / (HALF_LIFE_SECONDS * proof * proof));
}

static void learn(Entry *entry, double log_ratio, int memory_runs, uint32_t now_seconds) {
    uint64_t old = atomic_load(&entry->value), fresh;
    do {
        int runs = runs_of(old);
        double weight = 1.0 / (runs + 1 < memory_runs ? runs + 1 : memory_runs);
        double known = faded(old, now_seconds), off = runs > 0 ? fabs(log_ratio - known) : 0;
        double deviation = deviation_of(old) + (off - deviation_of(old)) * weight;
        fresh = pack(known + (log_ratio - known) * weight, deviation, runs < COST_MOST_RUNS ? runs + 1 : runs,
                     now_seconds);
    } while (!atomic_compare_exchange_weak(&entry->value, &old, fresh));
}

void cost_book_note(CostBook *book, const CostKey *key, double estimated_ms, double taken_ms,
                    uint32_t now_seconds) {
    if (!(estimated_ms > LEAST_MS) || !(taken_ms > LEAST_MS) || !isfinite(estimated_ms)) return;
    double log_ratio = log(taken_ms / estimated_ms);
    learn(claim(book, key_of(key, false)), log_ratio, LONG_MEMORY_RUNS, now_seconds);
    learn(claim(book, key_of(key, true)), log_ratio, CLASS_MEMORY_RUNS, now_seconds);
    learn(claim(book, key_of_engine(key->engine)), log_ratio, CLASS_MEMORY_RUNS, now_seconds);
}

uint32_t cost_book_age_seconds(const CostBook *book, const CostKey *key, uint32_t now_seconds) {
    const Entry *entry = find(book, key_of(key, false));
    uint64_t value = entry ? atomic_load(&entry->value) : 0;
    if (runs_of(value) == 0) return UINT32_MAX;
    return now_seconds > seconds_of(value) ? now_seconds - seconds_of(value) : 0;
}

double cost_book_engine_factor(const CostBook *book, const char *engine, uint32_t now_seconds, int *runs) {
    const Entry *entry = find(book, key_of_engine(engine));
    uint64_t value = entry ? atomic_load(&entry->value) : 0;
    *runs = runs_of(value);
    return exp(faded(value, now_seconds));
}

double cost_book_factor(const CostBook *book, const CostKey *key, uint32_t now_seconds, int *runs) {
    const Entry *own = find(book, key_of(key, false)), *class = find(book, key_of(key, true));
    uint64_t own_value = own ? atomic_load(&own->value) : 0,
             class_value = class ? atomic_load(&class->value) : 0;
    int own_runs = runs_of(own_value);
    if (runs) *runs = own_runs;
    double class_weight = fmin(runs_of(class_value), CLASS_WEIGHT), weight = own_runs + class_weight;
    if (weight <= 0) return 1;
    double class_log = fmin(fmax(faded(class_value, now_seconds), -CLASS_MOST), CLASS_MOST);
    double sum = faded(own_value, now_seconds) * trust_in(own_value) * own_runs + class_log * class_weight;
    return exp(sum / weight);
}
