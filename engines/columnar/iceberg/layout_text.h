/* Partitioning and sort orders as they are written in SQL options: "month(ts), bucket(16, id)" and
 * "ts desc nulls last, bucket(16, id)". Names are folded to lower case unless in double quotes, as
 * PostgreSQL's are. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/columnar/iceberg/transform.h"

typedef struct LayoutItem {
    const char *column;
    Transform transform;
    bool descending, nulls_first;
} LayoutItem;

/* 42601 when it cannot be read, 0A000 for an unknown transform. `ordering` allows ASC, DESC, NULLS FIRST and
 * LAST; nulls go last when ascending, first when descending, unless said. */
Status layout_parse(const char *text, bool ordering, Arena *arena, LayoutItem **out, int *count, Error *err);

/* The same texts back; "" when there is nothing. */
void layout_spec_text(const PartitionSpec *spec, const TableColumn *columns, int column_count, StrBuf *out);
void layout_sort_text(const SortOrder *order, const TableColumn *columns, int column_count, StrBuf *out);
