#include "router/placements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "router/resolve.h"

typedef struct Placement {
    char *schema; /* NULL: each engine's default schema */
    char *name;
    int engines[ROUTER_MAX_CANDIDATES];
    int engine_count;
} Placement;

struct Placements {
    Engine *const *engines;
    int engine_count;
    Placement *items;
    int count;
};

/* A disabled engine has no index, and no copy. */
static void read_engines(const Placements *placements, const char *names, Placement *out) {
    for (const char *at = names; *at;) {
        size_t length = strcspn(at, ":");
        for (int i = 0; i < placements->engine_count && out->engine_count < ROUTER_MAX_CANDIDATES; i++)
            if (strlen(placements->engines[i]->name) == length &&
                memcmp(placements->engines[i]->name, at, length) == 0)
                out->engines[out->engine_count++] = i;
        at += length + (at[length] == ':');
    }
}

Placements *placements_create(const Config *config, Engine *const *engines, int engine_count) {
    Placements *placements = calloc(1, sizeof *placements);
    Placement *items = calloc((size_t)config->placement_count + 1, sizeof *items);
    if (!placements || !items) abort();
    *placements = (Placements){
        .engines = engines, .engine_count = engine_count, .items = items, .count = config->placement_count};
    for (int i = 0; i < config->placement_count; i++) {
        const char *table = config->placements[i].table, *dot = strchr(table, '.');
        items[i].schema = dot ? strndup(table, (size_t)(dot - table)) : NULL;
        items[i].name = strdup(dot ? dot + 1 : table);
        if (!items[i].name || (dot && !items[i].schema)) abort();
        read_engines(placements, config->placements[i].engines, &items[i]);
    }
    return placements;
}

void placements_destroy(Placements *placements) {
    if (!placements) return;
    for (int i = 0; i < placements->count; i++) {
        free(placements->items[i].schema);
        free(placements->items[i].name);
    }
    free(placements->items);
    free(placements);
}

static const Placement *find_item(const Placements *placements, const char *schema, const char *name) {
    for (int i = 0; i < placements->count; i++) {
        const Placement *item = &placements->items[i];
        bool same_schema = !item->schema || !schema ? item->schema == schema : !strcmp(item->schema, schema);
        if (same_schema && strcmp(item->name, name) == 0) return item;
    }
    return NULL;
}

int placements_find(const Placements *placements, const char *schema, const char *name,
                    const RegistryTable *const *found, int found_count,
                    const RegistryTable *out[ROUTER_MAX_CANDIDATES]) {
    const Placement *item = placements ? find_item(placements, schema, name) : NULL;
    int first = -1, copies = 0;
    memset(out, 0, ROUTER_MAX_CANDIDATES * sizeof *out);
    for (int i = 0; item && i < item->engine_count; i++)
        for (int j = 0; j < found_count; j++) {
            if (found[j]->engine != placements->engines[item->engines[i]]) continue;
            out[item->engines[i]] = found[j];
            copies++;
            if (first < 0) first = item->engines[i];
        }
    /* A table of that name in an engine that is not declared leaves the name ambiguous. */
    return copies >= 2 && copies == found_count ? first : -1;
}

void placements_settle_home(Resolution *resolution, int engine_count) {
    unsigned everywhere = (1u << engine_count) - 1, common = everywhere;
    int first = -1;
    for (int i = 0; i < resolution->count; i++) {
        const ResolvedUse *use = &resolution->uses[i];
        unsigned here = use->engine >= 0 ? 1u << use->engine : everywhere;
        for (int engine = 0; use->copies && engine < engine_count; engine++)
            here |= use->copies[engine] ? 1u << engine : 0;
        if (use->copies && first < 0) first = use->engine;
        common &= here;
    }
    if (first < 0) return;
    if (!common) {
        resolution->home = RESOLUTION_SEVERAL;
        return;
    }
    resolution->home = common >> first & 1 ? first : __builtin_ctz(common);
    for (int i = 0; i < resolution->count; i++) {
        ResolvedUse *use = &resolution->uses[i];
        if (!use->copies) continue;
        use->engine = resolution->home;
        use->entry = use->copies[resolution->home];
    }
}

static const RegistryTable *copy_of(const Resolution *resolution, const TableBinding *binding, int engine) {
    for (int i = 0; i < resolution->count; i++) {
        const ResolvedUse *use = &resolution->uses[i];
        if (use->copies && use->entry && use->entry->table == binding->table) return use->copies[engine];
    }
    return NULL;
}

const Statement *placements_rebind(const Resolution *resolution, const Statement *statement, int engine,
                                   Arena *arena) {
    TableBinding *bindings = NULL;
    for (int i = 0; i < statement->binding_count; i++) {
        const RegistryTable *copy = copy_of(resolution, &statement->bindings[i], engine);
        if (!copy || copy->table == statement->bindings[i].table) continue;
        if (!bindings) {
            bindings = ARENA_NEW_ARRAY(arena, TableBinding, statement->binding_count);
            memcpy(bindings, statement->bindings, (size_t)statement->binding_count * sizeof *bindings);
        }
        bindings[i].engine = copy->engine;
        bindings[i].table = copy->table;
    }
    if (!bindings) return statement;
    Statement *own = ARENA_NEW(arena, Statement);
    *own = *statement;
    own->bindings = bindings;
    return own;
}
