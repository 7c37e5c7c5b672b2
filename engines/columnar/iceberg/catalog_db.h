/* The database behind a TableCatalog: the rows of iceberg_tables, as PyIceberg's SqlCatalog and the JDBC
 * catalog (V1) make them, in an SQLite file (catalog_sqlite.c) or in PostgreSQL (catalog_postgres.c). Both
 * keep a small pool of connections; one thread uses one connection at a time, and a process that forks opens
 * its own. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/table_catalog.h"

#define CATALOG_NAME "default"
/* Other programs make no table in a namespace that is not there; a new catalog has this one. */
#define CATALOG_DEFAULT_NAMESPACE                                                                            \
    "INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value)"       \
    " VALUES ('" CATALOG_NAME "', 'default', 'exists', 'true') ON CONFLICT DO NOTHING"

typedef struct CatalogDb CatalogDb;

/* What a database must be able to do; the functions below say what each means. */
typedef struct CatalogDbOps {
    const char *kind; /* as people call it */
    void (*close)(CatalogDb *db);
    Status (*find)(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location, bool *found,
                   Error *err);
    Status (*find_settled)(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                           bool *found, Error *err);
    Status (*find_at_once)(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                           bool *found, bool *waits, Error *err); /* NULL = it always waits */
    Status (*insert)(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                     Error *err);
    Status (*swap)(CatalogDb *db, const char *namespace_name, const char *name, const char *old_location,
                   const char *new_location, bool *swapped, Error *err);
    Status (*rename)(CatalogDb *db, const char *namespace_name, const char *name, const char *new_name,
                     bool *renamed, Error *err);
    Status (*remove)(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                     bool *deleted, Error *err);
    Status (*list)(CatalogDb *db, Arena *arena, TableName **out, int *count, Error *err);
    Status (*namespaces)(CatalogDb *db, Arena *arena, const char ***out, int *count, Error *err);
    Status (*create_namespace)(CatalogDb *db, const char *name, bool *done, Error *err);
    Status (*drop_namespace)(CatalogDb *db, const char *name, bool *done, Error *err);
    Status (*definitions)(CatalogDb *db, DefinitionKind kind, const char *name, Arena *arena,
                          Definition **out, int *count, Error *err);
    Status (*define)(CatalogDb *db, const Definition *definition, bool replace, bool *done, Error *err);
    Status (*undefine)(CatalogDb *db, const Definition *definition, bool *done, Error *err);
} CatalogDbOps;

struct CatalogDb {
    const CatalogDbOps *ops;
};

/* Whether the configured text is a connection string of PostgreSQL: a postgresql:// address, or settings that
 * begin with KEYWORD=. Anything else is the path of an SQLite file. */
bool catalog_db_is_postgres(const char *text);
/* SQLite: the file is made when there is none. PostgreSQL: nothing is connected to before the first use, so
 * that a server that is down for now keeps nobody from starting. */
Status catalog_db_open(const char *text, CatalogDb **out, Error *err);
Status catalog_sqlite_open(const char *path, CatalogDb **out, Error *err);
Status catalog_postgres_open(const char *conninfo, CatalogDb **out, Error *err);
void catalog_db_close(CatalogDb *db);

/* Metadata location (URI); `found` tells whether there is such a table. */
Status catalog_db_find(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                       bool *found, Error *err);
/* The same after a write to this row that failed: waits until that write can no longer take effect. */
Status catalog_db_find_settled(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                               bool *found, Error *err);
/* The same for those who must not wait; `waits`: that could not be done. */
Status catalog_db_find_at_once(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                               bool *found, bool *waits, Error *err);
/* 42P07 when the name is taken. Also makes the namespace known. */
Status catalog_db_insert(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                         Error *err);
/* Compare-and-swap; `swapped` false when the row no longer says `old_location`. Durable on return. An error
 * may mean that the swap took place nonetheless: catalog_db_find_settled tells. */
Status catalog_db_swap(CatalogDb *db, const char *namespace_name, const char *name, const char *old_location,
                       const char *new_location, bool *swapped, Error *err);
/* 42P07 when the new name is taken; `renamed` false when there is no such table. */
Status catalog_db_rename(CatalogDb *db, const char *namespace_name, const char *name, const char *new_name,
                         bool *renamed, Error *err);
Status catalog_db_delete(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                         bool *deleted, Error *err);
Status catalog_db_list(CatalogDb *db, Arena *arena, TableName **out, int *count, Error *err);
/* Those made and those that tables are in, sorted. */
Status catalog_db_namespaces(CatalogDb *db, Arena *arena, const char ***out, int *count, Error *err);
/* `done` false: there is one of the name. */
Status catalog_db_create_namespace(CatalogDb *db, const char *name, bool *done, Error *err);
/* `done` false: there is none, or tables are in it. */
Status catalog_db_drop_namespace(CatalogDb *db, const char *name, bool *done, Error *err);
/* Views and functions (table_catalog.h). */
Status catalog_db_definitions(CatalogDb *db, DefinitionKind kind, const char *name, Arena *arena,
                              Definition **out, int *count, Error *err);
Status catalog_db_define(CatalogDb *db, const Definition *definition, bool replace, bool *done, Error *err);
Status catalog_db_undefine(CatalogDb *db, const Definition *definition, bool *done, Error *err);
static inline const char *catalog_db_kind_text(DefinitionKind kind) {
    return kind == DEFINITION_VIEW ? "view" : "function";
}
