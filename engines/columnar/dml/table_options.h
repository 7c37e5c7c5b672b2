/* WITH (...) of CREATE TABLE and CREATE TABLE AS, SET (...) of ALTER TABLE. Internal to dml/. */
#pragma once

#include "engines/columnar/plan/logical.h"

typedef struct TableProperty {
    const char *key, *value;
} TableProperty;

typedef struct TableOptions {
    const char *partitioning, *sort_order; /* NULL = not written */
    TableProperty *properties;
    int property_count;
} TableOptions;

/* Names without a dot are this program's own (22023 for one it does not know), others are properties of the
 * table as Iceberg's specification and its engines name them. */
Status table_options_read(Binder *binder, PgQuery__Node *const *options, size_t count, TableOptions *out,
                          Error *err);
