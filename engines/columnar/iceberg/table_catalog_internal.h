/* What table_catalog.c and table_append.c share. */
#pragma once

#include <pthread.h>

#include "engines/columnar/iceberg/catalog_db.h"
#include "engines/columnar/iceberg/manifest.h"
#include "engines/columnar/iceberg/table_pins.h"
#include "engines/columnar/iceberg/table_version.h"

enum { CACHE_SETS = 256, CACHE_WAYS = 4, COMMIT_LOCKS = 16 };

#define DEFAULT_NAMESPACE "default"

typedef struct CacheSlot {
    TableVersion *version;
    uint64_t last_use;
} CacheSlot;

struct TableCatalog {
    CatalogDb *db;
    char *warehouse;                  /* absolute */
    struct AppendLanes *append_lanes; /* append_group.c */
    TablePins *pins;                  /* NULL: the warehouse cannot be written to */
    pthread_mutex_t lock;             /* guards cache and clock */
    CacheSlot cache[CACHE_SETS][CACHE_WAYS];
    uint64_t clock;
    /* Commits of one process to one table queue here, so that they do not fail each other's compare-and-swap.
     */
    pthread_mutex_t commit_locks[COMMIT_LOCKS];
};

/* An append that is not grouped with others. */
Status table_append_begin_alone(TableCatalog *catalog, const char *namespace_name, const char *name,
                                bool replace, TableAppend **out, Error *err);
struct AppendLanes *append_lanes_create(void);
void append_lanes_destroy(struct AppendLanes *lanes);

uint64_t table_catalog_hash(const char *namespace_name, const char *name);
/* Makes the directory of a new table of this name, which nobody else has then. */
Status table_catalog_make_directory(const TableCatalog *catalog, const char *namespace_name, const char *name,
                                    Arena *arena, char **out, Error *err);
/* Deletes what the snapshots of a dropped table's metadata refer to, and its metadata. */
void table_catalog_purge(const char *location, Arena *arena);
Status table_catalog_undefined(const char *namespace_name, const char *name, Error *err);
/* For crash tests: called with the name of each step a commit has just finished. NULL outside tests. */
extern void (*table_append_step_hook)(const char *step);
static inline void table_step_done(const char *step) {
    if (table_append_step_hook) table_append_step_hook(step);
}
