/* What describe() learned that TableDesc has no room for: which text columns compare exactly, and which
 * columns are YEARs.
 *
 * PostgreSQL's "=" on text is equality of bytes. A MySQL column does the same only under a binary collation
 * that does not pad ("utf8mb4_nopad_bin"); everything else needs an explicit collation in the statement we
 * send. A YEAR takes a number of two digits that it is compared with for a year of this or the last century.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "engines/engine.h"

typedef struct MysqlCatalog {
    pthread_mutex_t lock;
    Arena arena;
    char **noted_columns; /* keys of the two forms below, sorted */
    int count;
} MysqlCatalog;

#define MYSQL_CATALOG_EXACT "%s\1%s\1%s"
#define MYSQL_CATALOG_YEAR  "%s\1%s\1%s\1year"

void mysql_catalog_init(MysqlCatalog *catalog);
void mysql_catalog_deinit(MysqlCatalog *catalog);
/* Takes over `keys` (strings are copied). */
void mysql_catalog_replace(MysqlCatalog *catalog, char *const *keys, int count);
bool mysql_catalog_is_exact(MysqlCatalog *catalog, const char *schema, const char *table, const char *column);
bool mysql_catalog_is_year(MysqlCatalog *catalog, const char *schema, const char *table, const char *column);
