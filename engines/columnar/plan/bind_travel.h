/* Tables of the past, while they are bound. Private to bind_*.c. */
#pragma once

#include "engines/columnar/plan/bind.h"

/* *travels: the table is to be read as `out` says; `position` of the value in the statement, 0 when the
 * request says it. */
Status bind_travel(Binder *binder, const PgQuery__RangeVar *var, bool *travels, TableAsOf *out, int *position,
                   Error *err);
/* 42601 when a clause stands behind something that is no table. */
Status binder_check_travels(const Binder *binder, Error *err);
/* bind_metadata_table.c. *out NULL: the name is not one of a metadata table. */
Status bind_metadata_table(Query *query, PgQuery__RangeVar *var, FromItem **out, Error *err);
