/* EngineOps.intake and EngineOps.table_details of the columnar engine, over its catalog. `budget`: what text
 * is read into. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/table_intake.h"

Status catalog_intake(TableCatalog *catalog, Budget *budget, const TableIntake *intake,
                      TableIntakeResult *result, Error *err);
/* EngineOps.read_rows. */
Status catalog_read_rows(Budget *budget, const TableIntake *intake, const TableRowReceiver *receiver,
                         TableIntakeResult *result, Error *err);
Status catalog_table_details(TableCatalog *catalog, const char *schema, const char *table, Arena *arena,
                             TableDetails *out, Error *err);
