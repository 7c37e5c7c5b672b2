/* The SQLite file behind a TableCatalog: the rows of iceberg_tables, as PyIceberg's SqlCatalog and the JDBC
 * catalog (V1) make them. A small pool of connections with prepared statements; one thread uses one
 * connection at a time. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/table_catalog.h"

#define CATALOG_NAME "default"

typedef struct CatalogDb CatalogDb;

Status catalog_db_open(const char *path, CatalogDb **out, Error *err);
void catalog_db_close(CatalogDb *db);

/* Metadata location (URI); `found` tells whether there is such a table. */
Status catalog_db_find(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                       bool *found, Error *err);
/* 42P07 when the name is taken. Also makes the namespace known. */
Status catalog_db_insert(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                         Error *err);
/* Compare-and-swap; `swapped` false when the row no longer says `old_location`. Durable on return. */
Status catalog_db_swap(CatalogDb *db, const char *namespace_name, const char *name, const char *old_location,
                       const char *new_location, bool *swapped, Error *err);
/* 42P07 when the new name is taken; `renamed` false when there is no such table. */
Status catalog_db_rename(CatalogDb *db, const char *namespace_name, const char *name, const char *new_name,
                         bool *renamed, Error *err);
Status catalog_db_delete(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                         bool *deleted, Error *err);
/* Views and functions (table_catalog.h). */
Status catalog_db_definitions(CatalogDb *db, DefinitionKind kind, const char *name, Arena *arena,
                              Definition **out, int *count, Error *err);
Status catalog_db_define(CatalogDb *db, const Definition *definition, bool replace, bool *done, Error *err);
Status catalog_db_undefine(CatalogDb *db, const Definition *definition, bool *done, Error *err);
Status catalog_db_list(CatalogDb *db, Arena *arena, TableName **out, int *count, Error *err);
