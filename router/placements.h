/* One logical table with several placements: what the configuration declares ([placements]) about copies that
 * hold the same rows.
 *
 *   placements_create(config) → placements_find (per name, from any thread) → placements_destroy
 *
 * A read of such a table may run on any engine that has a copy. Its writes are ambiguous and refused unless
 * they name the engine: nothing keeps the copies equal.
 */
#pragma once

#include "router/registry.h"

typedef struct Placements Placements;
struct Resolution;

Placements *placements_create(const Config *config, Engine *const *engines, int engine_count);
void placements_destroy(Placements *placements);

/* Of the tables `found` under one written name, those that are declared copies of one another: out[engine
 * index] = the table there or NULL. Returns the first declared engine that has it, -1 when the name is not
 * declared or fewer than two of its engines have it. `schema` is as written, NULL when it was not. */
int placements_find(const Placements *placements, const char *schema, const char *name,
                    const RegistryTable *const *found, int found_count,
                    const RegistryTable *out[ROUTER_MAX_CANDIDATES]);

/* Settles which engine is the home of a statement that reads tables with several copies: the one that has
 * every table; RESOLUTION_SEVERAL when none has. Nothing changes when no table has copies. */
void placements_settle_home(struct Resolution *resolution, int engine_count);

/* `statement` itself, or a copy in `arena` whose bindings are `engine`'s tables where it has copies. */
const Statement *placements_rebind(const struct Resolution *resolution, const Statement *statement,
                                   int engine, Arena *arena);
