#include "router/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/column_values.h"
#include "engines/base/hash.h"
#include "engines/base/log.h"

struct EngineTables {
    _Atomic int references;
    Arena arena;
    TableList list;
    uint64_t fingerprint;
};

struct Registry {
    Engine *engines[ROUTER_MAX_CANDIDATES];
    int engine_count;
    const struct Placements *placements;
    pthread_mutex_t refresh_mutex; /* one refresh at a time */
    pthread_mutex_t mutex;         /* what follows */
    RegistrySnapshot *current;
    int64_t refreshed_ns;
    char failures[ROUTER_MAX_CANDIDATES][256];
};

static void tables_release(EngineTables *set) {
    if (set && atomic_fetch_sub(&set->references, 1) == 1) {
        arena_deinit(&set->arena);
        free(set);
    }
}

/* ---- describing ------------------------------------------------------------------------------------------
 */

static uint64_t hash_text(const char *text, uint64_t seed) {
    return text ? hash64_bytes(text, strlen(text), seed) : hash64_u64(seed);
}

/* Row estimates move all the time; only a change of magnitude is news. */
static uint64_t magnitude(double value) {
    uint64_t bits = 0;
    for (double rest = value; rest >= 1 && bits < 64; rest /= 2)
        bits++;
    return bits;
}

static uint64_t fingerprint_table(const TableDesc *table, uint64_t seed) {
    uint64_t hash = hash_text(table->name, hash_text(table->schema, hash_text(table->kind, seed)));
    hash = hash64_combine(hash, magnitude(table->row_estimate) << 2 | (uint64_t)table->is_volatile << 1 |
                                    (uint64_t)table->has_triggers);
    for (int i = 0; i < table->column_count; i++) {
        const ColumnDesc *column = &table->columns[i];
        hash = hash_text(column->type_name, hash_text(column->name, hash));
        uint64_t type = (uint64_t)column->type.id | (uint64_t)column->type.is_array << 8 |
                        (uint64_t)(uint16_t)column->type.precision << 16 |
                        (uint64_t)(uint16_t)column->type.scale << 32 | (uint64_t)column->nullable << 48;
        hash = hash64_combine(hash, type);
        hash = hash64_combine(hash, magnitude(column->distinct) << 32 ^ column_values_digest(column->values));
    }
    for (int i = 0; i < table->key_count; i++) {
        const KeyDesc *key = &table->keys[i];
        hash =
            hash_text(key->name, hash64_combine(hash, (uint64_t)key->unique | (uint64_t)key->primary << 1));
        for (int column = 0; column < key->column_count; column++)
            hash = hash64_combine(hash, (uint64_t)(int64_t)key->columns[column]);
    }
    return hash;
}

static uint64_t fingerprint(const TableList *list) {
    uint64_t hash = hash_text(list->default_schema, (uint64_t)list->count);
    for (int i = 0; i < list->next_schema_count; i++)
        hash = hash_text(list->next_schemas[i], hash + 1);
    for (int i = 0; i < list->count; i++)
        hash = fingerprint_table(&list->tables[i], hash);
    for (int i = 0; i < list->function_count; i++) {
        const FunctionDesc *function = &list->functions[i];
        hash = hash_text(function->name, hash_text(function->schema, hash + (uint64_t)function->volatility));
    }
    return hash;
}

static EngineTables *describe(Engine *engine, Error *err) {
    EngineTables *set = calloc(1, sizeof *set);
    if (!set) abort();
    set->references = 1;
    arena_init(&set->arena);
    if (engine->ops->describe(engine, &set->arena, &set->list, err) != STATUS_OK) {
        tables_release(set);
        return NULL;
    }
    set->fingerprint = fingerprint(&set->list);
    return set;
}

/* ---- snapshots -------------------------------------------------------------------------------------------
 */

static uint32_t slot_of(const RegistrySnapshot *snapshot, const char *name) {
    return (uint32_t)hash_text(name, 0) & snapshot->slot_mask;
}

static void index_tables(RegistrySnapshot *snapshot) {
    uint32_t size = 16;
    while (size < (uint32_t)snapshot->table_count * 2)
        size *= 2;
    snapshot->slot_mask = size - 1;
    snapshot->slots = calloc(size, sizeof *snapshot->slots);
    if (!snapshot->slots) abort();
    for (int i = 0; i < snapshot->table_count; i++) {
        uint32_t slot = slot_of(snapshot, snapshot->tables[i].table->name);
        while (snapshot->slots[slot] != 0)
            slot = (slot + 1) & snapshot->slot_mask;
        snapshot->slots[slot] = i + 1;
    }
}

/* Takes over the references in `sets`. */
static RegistrySnapshot *snapshot_create(Registry *registry, EngineTables **sets, uint64_t version) {
    RegistrySnapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot) abort();
    snapshot->references = 1;
    snapshot->version = version;
    snapshot->engines = registry->engines;
    snapshot->engine_count = registry->engine_count;
    snapshot->placements = registry->placements;
    int count = 0;
    for (int i = 0; i < registry->engine_count; i++) {
        snapshot->sets[i] = sets[i];
        count += sets[i] ? sets[i]->list.count : 0;
    }
    snapshot->tables = calloc((size_t)count + 1, sizeof *snapshot->tables);
    if (!snapshot->tables) abort();
    for (int i = 0; i < registry->engine_count; i++)
        for (int table = 0; sets[i] && table < sets[i]->list.count; table++)
            snapshot->tables[snapshot->table_count++] =
                (RegistryTable){.engine = registry->engines[i], .table = &sets[i]->list.tables[table]};
    index_tables(snapshot);
    return snapshot;
}

void registry_retain(RegistrySnapshot *snapshot) {
    atomic_fetch_add(&snapshot->references, 1);
}

void registry_release(RegistrySnapshot *snapshot) {
    if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) != 1) return;
    for (int i = 0; i < snapshot->engine_count; i++)
        tables_release(snapshot->sets[i]);
    free(snapshot->tables);
    free(snapshot->slots);
    free(snapshot);
}

RegistrySnapshot *registry_acquire(Registry *registry) {
    pthread_mutex_lock(&registry->mutex);
    RegistrySnapshot *snapshot = registry->current;
    registry_retain(snapshot);
    pthread_mutex_unlock(&registry->mutex);
    return snapshot;
}

Registry *registry_create(Engine *const *engines, int engine_count, const struct Placements *placements) {
    Registry *registry = calloc(1, sizeof *registry);
    if (!registry) abort();
    registry->placements = placements;
    registry->engine_count = engine_count < ROUTER_MAX_CANDIDATES ? engine_count : ROUTER_MAX_CANDIDATES;
    for (int i = 0; i < registry->engine_count; i++)
        registry->engines[i] = engines[i];
    pthread_mutex_init(&registry->mutex, NULL);
    pthread_mutex_init(&registry->refresh_mutex, NULL);
    EngineTables *none[ROUTER_MAX_CANDIDATES] = {0};
    registry->current = snapshot_create(registry, none, 1);
    return registry;
}

void registry_destroy(Registry *registry) {
    if (!registry) return;
    registry_release(registry->current);
    pthread_mutex_destroy(&registry->mutex);
    pthread_mutex_destroy(&registry->refresh_mutex);
    free(registry);
}

static void note_failure(Registry *registry, int index, const char *message) {
    pthread_mutex_lock(&registry->mutex);
    bool news = strcmp(registry->failures[index], message) != 0;
    snprintf(registry->failures[index], sizeof registry->failures[index], "%.250s", message);
    pthread_mutex_unlock(&registry->mutex);
    if (news && message[0])
        log_warn("registry.describe_failed", "engine=%s error=\"%s\"", registry->engines[index]->name,
                 message);
}

Status registry_refresh(Registry *registry, bool *changed, Error *err) {
    pthread_mutex_lock(&registry->refresh_mutex);
    RegistrySnapshot *old = registry_acquire(registry);
    EngineTables *sets[ROUTER_MAX_CANDIDATES] = {0};
    bool differs = false;
    int read = 0;
    Error first = {0};
    for (int i = 0; i < registry->engine_count; i++) {
        Error failure = {0};
        EngineTables *fresh = describe(registry->engines[i], &failure);
        note_failure(registry, i, fresh ? "" : failure.message);
        if (fresh)
            read++;
        else if (!error_is_set(&first))
            first = failure;
        bool same = fresh && old->sets[i] && fresh->fingerprint == old->sets[i]->fingerprint;
        if (!fresh || same) { /* keep what there is: decisions point into it */
            tables_release(fresh);
            fresh = old->sets[i];
            if (fresh) atomic_fetch_add(&fresh->references, 1);
        } else {
            differs = true;
        }
        sets[i] = fresh;
    }
    RegistrySnapshot *replaced = NULL;
    RegistrySnapshot *next = differs ? snapshot_create(registry, sets, old->version + 1) : NULL;
    for (int i = 0; !differs && i < registry->engine_count; i++)
        tables_release(sets[i]);
    pthread_mutex_lock(&registry->mutex);
    registry->refreshed_ns = clock_now_ns();
    if (next) {
        replaced = registry->current;
        registry->current = next;
    }
    pthread_mutex_unlock(&registry->mutex);
    registry_release(replaced);
    registry_release(old);
    pthread_mutex_unlock(&registry->refresh_mutex);
    *changed = differs;
    if (read == 0 && registry->engine_count > 0) {
        if (err) *err = first;
        return STATUS_ERROR;
    }
    return STATUS_OK;
}

bool registry_is_incomplete(Registry *registry) {
    bool incomplete = false;
    pthread_mutex_lock(&registry->mutex);
    for (int i = 0; i < registry->engine_count; i++)
        incomplete |= registry->failures[i][0] != 0;
    pthread_mutex_unlock(&registry->mutex);
    return incomplete;
}

void registry_failure(Registry *registry, int index, char *text, size_t text_bytes) {
    pthread_mutex_lock(&registry->mutex);
    snprintf(text, text_bytes, "%s", registry->failures[index]);
    pthread_mutex_unlock(&registry->mutex);
}

uint64_t registry_version(Registry *registry) {
    pthread_mutex_lock(&registry->mutex);
    uint64_t version = registry->current->version;
    pthread_mutex_unlock(&registry->mutex);
    return version;
}

int64_t registry_age_ns(Registry *registry) {
    pthread_mutex_lock(&registry->mutex);
    int64_t refreshed_ns = registry->refreshed_ns;
    pthread_mutex_unlock(&registry->mutex);
    return refreshed_ns == 0 ? INT64_MAX : clock_now_ns() - refreshed_ns;
}

/* ---- finding ---------------------------------------------------------------------------------------------
 */

int registry_engine_index(const RegistrySnapshot *snapshot, const char *engine_name) {
    for (int i = 0; i < snapshot->engine_count; i++)
        if (strcmp(snapshot->engines[i]->name, engine_name) == 0) return i;
    return -1;
}

/* Where an unqualified name finds this table in its engine: the earlier the better, -1 = not at all. */
static int search_rank(const RegistrySnapshot *snapshot, const RegistryTable *entry) {
    const TableList *list = NULL;
    for (int i = 0; i < snapshot->engine_count && !list; i++)
        if (snapshot->engines[i] == entry->engine && snapshot->sets[i]) list = &snapshot->sets[i]->list;
    const char *schema = entry->table->schema;
    if (!list || !list->default_schema || !schema || strcmp(schema, list->default_schema) == 0) return 0;
    for (int i = 0; i < list->next_schema_count; i++)
        if (strcmp(schema, list->next_schemas[i]) == 0) return i + 1;
    return -1;
}

/* True when `entry` takes the place of one that the same engine finds later, or is found later itself. */
static bool displaces(const RegistrySnapshot *snapshot, const RegistryTable *entry, const RegistryTable **out,
                      int count) {
    for (int i = 0; i < count; i++) {
        if (out[i]->engine != entry->engine) continue;
        int rank = search_rank(snapshot, entry), other = search_rank(snapshot, out[i]);
        if (rank == other) continue; /* without a default schema all of them are found */
        if (rank < other) out[i] = entry;
        return true;
    }
    return false;
}

int registry_find(const RegistrySnapshot *snapshot, int engine, const char *schema, const char *name,
                  const RegistryTable **out, int capacity) {
    int found = 0;
    for (uint32_t slot = slot_of(snapshot, name); snapshot->slots[slot] != 0;
         slot = (slot + 1) & snapshot->slot_mask) {
        const RegistryTable *entry = &snapshot->tables[snapshot->slots[slot] - 1];
        if (strcmp(entry->table->name, name) != 0 ||
            (engine >= 0 && snapshot->engines[engine] != entry->engine))
            continue;
        const char *lives_in = entry->table->schema;
        if (schema ? lives_in && strcmp(lives_in, schema) != 0 : search_rank(snapshot, entry) < 0) continue;
        if (!schema && displaces(snapshot, entry, out, found < capacity ? found : capacity)) continue;
        if (found < capacity) out[found] = entry;
        found++;
    }
    return found;
}

/* The first function of the name, `count` when there is none. */
static int first_function(const TableList *list, const char *name) {
    int low = 0, high = list->function_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(list->functions[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

char registry_function(const RegistrySnapshot *snapshot, const char *schema, const char *name,
                       const Engine **engine, bool *built_in) {
    char worst = 0; /* the letters ascend as it gets worse */
    *built_in = true;
    for (int i = 0; i < snapshot->engine_count; i++) {
        const TableList *list = snapshot->sets[i] ? &snapshot->sets[i]->list : NULL;
        if (!list) continue;
        for (int at = first_function(list, name);
             at < list->function_count && strcmp(list->functions[at].name, name) == 0; at++) {
            const FunctionDesc *function = &list->functions[at];
            const char *lives_in = function->schema ? function->schema : "pg_catalog";
            if (schema && strcmp(schema, lives_in) != 0) continue;
            worst = function->volatility > worst ? function->volatility : worst;
            *engine = snapshot->engines[i];
            *built_in &= function->schema == NULL;
        }
    }
    return worst;
}

/* Levenshtein distance, given up beyond `limit`. */
static int edit_distance(const char *a, const char *b, int limit) {
    enum { LONGEST = 64 };
    int length_a = (int)strlen(a), length_b = (int)strlen(b);
    if (length_a >= LONGEST || length_b >= LONGEST || abs(length_a - length_b) > limit) return limit + 1;
    int row[LONGEST + 1];
    for (int j = 0; j <= length_b; j++)
        row[j] = j;
    for (int i = 1; i <= length_a; i++) {
        int diagonal = row[0], best = i;
        row[0] = i;
        for (int j = 1; j <= length_b; j++) {
            int replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            int shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replaced < shifted ? replaced : shifted;
            best = row[j] < best ? row[j] : best;
        }
        if (best > limit) return limit + 1;
    }
    return row[length_b];
}

const RegistryTable *registry_nearest(const RegistrySnapshot *snapshot, const char *name) {
    enum { MOST_TABLES = 5000 };
    int limit = (int)strlen(name) / 3;
    limit = limit < 1 ? 1 : limit > 4 ? 4 : limit;
    const RegistryTable *nearest = NULL;
    for (int i = 0; i < snapshot->table_count && i < MOST_TABLES; i++) {
        int distance = edit_distance(name, snapshot->tables[i].table->name, limit);
        if (distance <= limit) {
            nearest = &snapshot->tables[i];
            limit = distance - 1;
        }
    }
    return nearest;
}
