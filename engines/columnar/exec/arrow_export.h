/* Batches out as Arrow arrays, in the mapping of engines/base/arrow_stream.h. For exec/ and the intake above
 * it. */
#pragma once

#include "engines/base/arrow_stream.h"
#include "engines/columnar/plan/plan.h"

typedef struct ExportColumn ExportColumn;
typedef struct ArrowExport {
    ExportColumn *columns;
    int column_count;
    int64_t row_count;
    int64_t bytes;
} ArrowExport;

void arrow_export_init(ArrowExport *out, const PlanColumn *columns, int column_count);
void arrow_export_deinit(ArrowExport *out);
/* Adds the batch's selected rows [first, first + count). 0A000 for an array of several dimensions, which a
 * list of the column's type cannot show. */
Status arrow_export_append(ArrowExport *out, const Batch *batch, int first, int count, Error *err);
/* Moves what was gathered into `array`; the export is empty again. */
void arrow_export_finish(ArrowExport *out, ArrowArray *array);
void arrow_export_schema(const PlanColumn *columns, int column_count, ArrowSchema *out);
/* Canonical text of a numeric; returns its length (room for 64 + scale bytes). */
int numeric_to_text(Numeric value, char *out);
enum { NUMERIC_TEXT_BYTES = 1100 };
