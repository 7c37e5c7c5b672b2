/* Rows into one new file, as CSV, one JSON object a line, or Parquet. The file appears whole, under its name,
 * when it is finished; until then, and after an abort, what was there before stays. */
#pragma once

#include "engines/columnar/copy_options.h"
#include "engines/columnar/plan/plan.h"

typedef struct CopyWriter CopyWriter;

/* `path` is absolute and allowed (file_paths.h). COPY_FORMAT_AUTO is CSV. */
Status copy_writer_open(const char *path, const CopyOptions *options, const PlanColumn *columns,
                        int column_count, CopyWriter **out, Error *err);
Status copy_writer_add(CopyWriter *writer, const Batch *batch, Error *err);
/* Durable on return. The writer is gone after either. */
Status copy_writer_finish(CopyWriter *writer, Error *err);
void copy_writer_abort(CopyWriter *writer);
