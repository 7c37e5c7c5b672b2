/* The beginning of a CSV input: its dialect and the names of its columns. */
#pragma once

#include "engines/columnar/ingest/text_blocks.h"

/* Fills the plan's dialect, header, names and field_count from the input's beginning (padded, changed and
 * restored at text[length] only). `header_bytes` = how much of it the header's record takes, 0 = it has none.
 */
Status csv_header_find(InputPlan *plan, const IngestOptions *options, char *text, size_t length, bool whole,
                       Arena *arena, size_t *header_bytes, Error *err);
