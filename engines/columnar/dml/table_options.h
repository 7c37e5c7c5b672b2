/* WITH (...) of CREATE TABLE and CREATE TABLE AS, SET (...) of ALTER TABLE. Internal to dml/. */
#pragma once

#include "engines/columnar/iceberg/table_change.h"
#include "engines/columnar/plan/logical.h"

typedef struct TableOptions {
    const char *partitioning, *sort_order; /* NULL = not written */
    PropertyPair *properties;
    int property_count;
} TableOptions;

/* Names without a dot are this program's own (22023 for one it does not know), others are properties of the
 * table as Iceberg's specification and its engines name them. */
bool table_options_any(const TableOptions *options);
Status table_options_apply(const TableOptions *options, TableChange *change, Error *err);
Status table_options_read(Binder *binder, PgQuery__Node *const *options, size_t count, TableOptions *out,
                          Error *err);
