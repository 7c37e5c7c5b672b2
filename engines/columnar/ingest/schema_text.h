/* Columns as a user writes them: "id int8, \"Full name\" varchar(40), price numeric(10,2)". */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"
#include "engines/columnar/iceberg/table_catalog.h"

/* Names fold to lower case unless quoted; types by PostgreSQL's names. 42601 for bad syntax (with position),
 * 42704 for an unknown type, 42701 for a column given twice. Columns and names live in `arena`. */
Status schema_text_parse(const char *text, Arena *arena, TableColumn **columns, int *count, Error *err);
