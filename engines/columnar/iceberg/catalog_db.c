#include "engines/columnar/iceberg/catalog_db.h"

#include <string.h>

bool catalog_db_is_postgres(const char *text) {
    if (strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0) return true;
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    size_t space = strspn(text + word, " ");
    return word > 0 && text[word + space] == '=';
}

Status catalog_db_open(const char *text, CatalogDb **out, Error *err) {
    return catalog_db_is_postgres(text) ? catalog_postgres_open(text, out, err)
                                        : catalog_sqlite_open(text, out, err);
}

void catalog_db_close(CatalogDb *db) {
    if (db) db->ops->close(db);
}

Status catalog_db_find(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                       bool *found, Error *err) {
    *found = false;
    return db->ops->find(db, namespace_name, name, location, found, err);
}

Status catalog_db_find_settled(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                               bool *found, Error *err) {
    *found = false;
    return db->ops->find_settled(db, namespace_name, name, location, found, err);
}

Status catalog_db_find_at_once(CatalogDb *db, const char *namespace_name, const char *name, StrBuf *location,
                               bool *found, bool *waits, Error *err) {
    *found = false;
    *waits = !db->ops->find_at_once;
    if (*waits) return STATUS_OK;
    return db->ops->find_at_once(db, namespace_name, name, location, found, waits, err);
}

Status catalog_db_insert(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                         Error *err) {
    return db->ops->insert(db, namespace_name, name, location, err);
}

Status catalog_db_swap(CatalogDb *db, const char *namespace_name, const char *name, const char *old_location,
                       const char *new_location, bool *swapped, Error *err) {
    return db->ops->swap(db, namespace_name, name, old_location, new_location, swapped, err);
}

Status catalog_db_rename(CatalogDb *db, const char *namespace_name, const char *name, const char *new_name,
                         bool *renamed, Error *err) {
    return db->ops->rename(db, namespace_name, name, new_name, renamed, err);
}

Status catalog_db_delete(CatalogDb *db, const char *namespace_name, const char *name, const char *location,
                         bool *deleted, Error *err) {
    return db->ops->remove(db, namespace_name, name, location, deleted, err);
}

Status catalog_db_list(CatalogDb *db, Arena *arena, TableName **out, int *count, Error *err) {
    return db->ops->list(db, arena, out, count, err);
}

Status catalog_db_definitions(CatalogDb *db, DefinitionKind kind, const char *name, Arena *arena,
                              Definition **out, int *count, Error *err) {
    return db->ops->definitions(db, kind, name, arena, out, count, err);
}

Status catalog_db_define(CatalogDb *db, const Definition *definition, bool replace, bool *done, Error *err) {
    return db->ops->define(db, definition, replace, done, err);
}

Status catalog_db_undefine(CatalogDb *db, const Definition *definition, bool *done, Error *err) {
    return db->ops->undefine(db, definition, done, err);
}

Status catalog_db_namespaces(CatalogDb *db, Arena *arena, const char ***out, int *count, Error *err) {
    return db->ops->namespaces(db, arena, out, count, err);
}

Status catalog_db_create_namespace(CatalogDb *db, const char *name, bool *done, Error *err) {
    return db->ops->create_namespace(db, name, done, err);
}

Status catalog_db_drop_namespace(CatalogDb *db, const char *name, bool *done, Error *err) {
    return db->ops->drop_namespace(db, name, done, err);
}
