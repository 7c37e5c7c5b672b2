/* Partition transforms (Iceberg specification, "Partition Transforms" and Appendix B, "32-bit Hash
 * Requirements"): identity, bucket, truncate, year, month, day, hour, void. Values are bounds
 * (ParquetBound) of the source's and the result's type. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/table_layout.h"
#include "engines/columnar/types/vector.h"

/* "bucket[16]" etc.; anything unknown gives TRANSFORM_UNKNOWN. */
Transform transform_parse(const char *name);
void transform_name(Transform transform, char name[32]);
/* "bucket(16, id)" and so on, as partitioning is given in SQL; the sort order's spelling too. */
void transform_sql(Transform transform, const char *column, StrBuf *out);
/* SQL_INVALID when the transform does not take the type. */
SqlType transform_result_type(Transform transform, SqlType source);
/* Strings of the result point into the value or, when it is cut, still into the value. */
void transform_apply(Transform transform, SqlType source, const PartitionValue *value, PartitionValue *out);
/* murmur3_x86_32 with seed 0. */
uint32_t transform_hash_bytes(const void *data, size_t length);
/* The hash that bucket uses. */
uint32_t transform_hash(SqlType source, const union ParquetBound *value);

/* The value in a row of a vector (any encoding). */
void partition_value_of(const Vector *vector, int row, PartitionValue *out);
bool partition_value_equals(SqlType type, const PartitionValue *a, const PartitionValue *b);
uint64_t partition_value_hash(SqlType type, const PartitionValue *value);
int partition_value_compare(SqlType type, const union ParquetBound *a, const union ParquetBound *b);
/* As in a path below the data directory: dates and times in words ("2024-03"), NULL as "null". */
void partition_value_text(const PartitionField *field, const PartitionValue *value, StrBuf *out);
