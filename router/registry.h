/* Which tables live where: what every engine described, as immutable snapshots.
 *
 *   registry_create → registry_refresh (any thread, one at a time inside) → registry_acquire → find ... →
 * release
 *
 * A snapshot is read without a lock and lives as long as someone holds it (decisions do). An engine that
 * cannot be read keeps its last tables. A refresh that finds nothing new keeps the snapshot, so cached
 * decisions stay.
 */
#pragma once

#include "engines/engine.h"
#include "router/router.h"

typedef struct EngineTables EngineTables; /* one engine's tables, shared between snapshots */

struct Placements;

typedef struct RegistrySnapshot {
    _Atomic int references;
    uint64_t version;
    int engine_count;
    Engine *const *engines;
    EngineTables *sets[ROUTER_MAX_CANDIDATES]; /* NULL = never described */
    RegistryTable *tables;                     /* of all engines, in their order */
    int table_count;
    int *slots; /* hash index by table name: table + 1, 0 = free */
    uint32_t slot_mask;
    const struct Placements *placements; /* the router's, outlives the snapshot; may be NULL */
} RegistrySnapshot;

typedef struct Registry Registry;

/* `placements` (placements.h, may be NULL) outlives the registry and its snapshots. */
Registry *registry_create(Engine *const *engines, int engine_count, const struct Placements *placements);
void registry_destroy(Registry *registry);

/* Describes every engine again. Fails only when no engine could be read; `changed` tells whether a new
 * snapshot came. */
Status registry_refresh(Registry *registry, bool *changed, Error *err);
/* Some engine could not be read the last time. */
bool registry_is_incomplete(Registry *registry);
/* The sentence of engine `index`'s last failure to describe, "" when it worked. */
void registry_failure(Registry *registry, int index, char *text, size_t text_bytes);
uint64_t registry_version(Registry *registry);
/* Since the last refresh; INT64_MAX before the first. */
int64_t registry_age_ns(Registry *registry);

RegistrySnapshot *registry_acquire(Registry *registry);
void registry_retain(RegistrySnapshot *snapshot);
void registry_release(RegistrySnapshot *snapshot);

int registry_engine_index(const RegistrySnapshot *snapshot, const char *engine_name); /* -1 = none */
/* Tables of this name; engine -1 = any; schema NULL = each engine's search path, of which the
 * first that has it counts. Returns how many there are, of which at most `capacity` are filled in. */
int registry_find(const RegistrySnapshot *snapshot, int engine, const char *schema, const char *name,
                  const RegistryTable **out, int capacity);
/* The volatility of the functions of this name that some engine has ('i', 's', 'v': the worst of them), 0 =
 * no engine knows any. schema NULL = any. `engine` is who has it, `built_in` whether all of them are. */
char registry_function(const RegistrySnapshot *snapshot, const char *schema, const char *name,
                       const Engine **engine, bool *built_in);
/* The known table whose name is nearest to `name`, NULL when none is near. */
const RegistryTable *registry_nearest(const RegistrySnapshot *snapshot, const char *name);
