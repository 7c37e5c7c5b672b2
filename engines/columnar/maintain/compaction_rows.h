/* Rows for compaction: a plan over the files, run by the executor. */
#pragma once

#include "engines/columnar/exec/executor.h"
#include "engines/columnar/iceberg/maintenance.h"

/* `resources` must outlive the rewriter's use. */
MaintenanceRewriter compaction_rewriter(const ExecutorResources *resources);
