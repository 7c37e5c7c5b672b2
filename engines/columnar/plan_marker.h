/* What a plan reads, as a marker (engine.h): the places of its tables' metadata. A table's metadata file is
 * never written again and no other has its name, so the same places are the same rows and the same columns.
 */
#pragma once

#include "engines/columnar/files/file_tables.h"
#include "engines/columnar/plan/plan.h"

/* False: no marker tells whether this plan's answer would be the same. */
bool plan_marker_exists(const Plan *plan, FileTables *files);
/* Of the versions that the plan holds. */
void plan_marker_append(const Plan *plan, StrBuf *out);
/* Of its tables as they are now. */
MarkerAnswer plan_marker_now(const Plan *plan, TableCatalog *catalog, bool may_wait, StrBuf *out);
/* Of tables that another engine reads. */
MarkerAnswer plan_marker_of_tables(const MarkerRequest *request, const Engine *self, TableCatalog *catalog,
                                   StrBuf *out);
