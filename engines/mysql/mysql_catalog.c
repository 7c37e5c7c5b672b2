#include "engines/mysql/mysql_catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mysql_catalog_init(MysqlCatalog *catalog) {
    memset(catalog, 0, sizeof *catalog);
    pthread_mutex_init(&catalog->lock, NULL);
    arena_init(&catalog->arena);
}

void mysql_catalog_deinit(MysqlCatalog *catalog) {
    arena_deinit(&catalog->arena);
    pthread_mutex_destroy(&catalog->lock);
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void mysql_catalog_replace(MysqlCatalog *catalog, char *const *keys, int count) {
    Arena arena;
    arena_init(&arena);
    char **copies = ARENA_NEW_ARRAY(&arena, char *, count + 1);
    for (int i = 0; i < count; i++)
        copies[i] = arena_strdup(&arena, keys[i]);
    qsort(copies, (size_t)count, sizeof *copies, compare_keys);
    pthread_mutex_lock(&catalog->lock);
    Arena old = catalog->arena;
    catalog->arena = arena;
    catalog->noted_columns = copies;
    catalog->count = count;
    pthread_mutex_unlock(&catalog->lock);
    arena_deinit(&old);
}

static bool has(MysqlCatalog *catalog, const char *key) {
    pthread_mutex_lock(&catalog->lock);
    bool found = catalog->count &&
                 bsearch(&key, catalog->noted_columns, (size_t)catalog->count, sizeof(char *), compare_keys);
    pthread_mutex_unlock(&catalog->lock);
    return found;
}

/* Names have 64 characters at most. */
enum { LONGEST_KEY = 3 * 64 * 4 + 16 };

bool mysql_catalog_is_exact(MysqlCatalog *catalog, const char *schema, const char *table,
                            const char *column) {
    char key[LONGEST_KEY];
    snprintf(key, sizeof key, MYSQL_CATALOG_EXACT, schema, table, column);
    return has(catalog, key);
}

bool mysql_catalog_is_year(MysqlCatalog *catalog, const char *schema, const char *table, const char *column) {
    char key[LONGEST_KEY];
    snprintf(key, sizeof key, MYSQL_CATALOG_YEAR, schema, table, column);
    return has(catalog, key);
}
