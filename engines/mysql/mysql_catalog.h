/* What describe() learned that TableDesc has no room for: which text columns compare exactly.
 *
 * PostgreSQL's "=" on text is equality of bytes. A MySQL column does the same only under a binary collation
 * that does not pad ("utf8mb4_nopad_bin"); everything else needs an explicit collation in the statement we
 * send. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "engines/engine.h"

typedef struct MysqlCatalog {
    pthread_mutex_t lock;
    Arena arena;
    char **exact_columns; /* "schema\1table\1column", sorted */
    int count;
} MysqlCatalog;

void mysql_catalog_init(MysqlCatalog *catalog);
void mysql_catalog_deinit(MysqlCatalog *catalog);
/* Takes over `keys` (strings are copied). */
void mysql_catalog_replace(MysqlCatalog *catalog, char *const *keys, int count);
bool mysql_catalog_is_exact(MysqlCatalog *catalog, const char *schema, const char *table, const char *column);
