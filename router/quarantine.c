#include "router/quarantine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Quarantine {
    pthread_mutex_t lock;
    uint64_t *fingerprints; /* ascending */
    int count;
};

Quarantine *quarantine_create(void) {
    Quarantine *quarantine = calloc(1, sizeof *quarantine);
    if (!quarantine) abort();
    pthread_mutex_init(&quarantine->lock, NULL);
    return quarantine;
}

void quarantine_destroy(Quarantine *quarantine) {
    if (!quarantine) return;
    pthread_mutex_destroy(&quarantine->lock);
    free(quarantine->fingerprints);
    free(quarantine);
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

bool quarantine_set(Quarantine *quarantine, const uint64_t *fingerprints, int count) {
    uint64_t *sorted = calloc((size_t)count + 1, sizeof *sorted);
    if (!sorted) abort();
    if (count) memcpy(sorted, fingerprints, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    pthread_mutex_lock(&quarantine->lock);
    bool same = quarantine->count == count &&
                (!count || !memcmp(sorted, quarantine->fingerprints, (size_t)count * sizeof *sorted));
    uint64_t *old = quarantine->fingerprints;
    quarantine->fingerprints = sorted;
    quarantine->count = count;
    pthread_mutex_unlock(&quarantine->lock);
    free(old);
    return !same;
}

int quarantine_count(Quarantine *quarantine) {
    pthread_mutex_lock(&quarantine->lock);
    int count = quarantine->count;
    pthread_mutex_unlock(&quarantine->lock);
    return count;
}

static bool holds(Quarantine *quarantine, uint64_t fingerprint) {
    pthread_mutex_lock(&quarantine->lock);
    bool found = quarantine->count && bsearch(&fingerprint, quarantine->fingerprints,
                                              (size_t)quarantine->count, sizeof fingerprint, compare);
    pthread_mutex_unlock(&quarantine->lock);
    return found;
}

/* It can run the statement, though it may be down just now. */
static bool could(const EngineVerdict *verdict) {
    return verdict->eligible || strcmp(verdict->sqlstate, SQLSTATE_ENGINE_DOWN) == 0;
}

/* PostgreSQL, else the first row store: the others hold copies. One that is down is still the source: better
 * no answer than one that is known to differ. */
static int source_of(const ChoiceInput *input, const Decision *decision) {
    int source = -1;
    for (int i = input->engine_count - 1; i >= 0; i--) {
        const char *kind = input->engines[i]->ops->kind;
        if (!could(&decision->candidates[i].verdict) || !strcmp(kind, "columnar")) continue;
        if (source < 0 || !strcmp(kind, "postgres") ||
            strcmp(input->engines[source]->ops->kind, "postgres") != 0)
            source = i;
    }
    return source;
}

unsigned quarantine_refuse(const ChoiceInput *input, Decision *decision) {
    if (!input->quarantine || input->forced >= 0 || input->features->kind != STATEMENT_READ ||
        !holds(input->quarantine, decision->fingerprint))
        return 0;
    int source = source_of(input, decision);
    unsigned refused = 0;
    for (int i = 0; source >= 0 && i < input->engine_count; i++) {
        EngineVerdict *verdict = &decision->candidates[i].verdict;
        if (i == source || !verdict->eligible) continue;
        refused |= 1u << i;
        verdict->eligible = false;
        snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", SQLSTATE_NO_ENGINE);
        snprintf(verdict->why, sizeof verdict->why,
                 "answers of this shape differed from %s's; see /api/v1/history/differences",
                 input->engines[source]->name);
    }
    return refused;
}
