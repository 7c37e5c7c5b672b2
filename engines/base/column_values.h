/* What is known of the values of a column: the common ones with their shares, a histogram of the others, how
 * many are NULL, and whether they ascend as the rows lie. From a server's own statistics; read by estimates.
 *
 * Points are numbers (dates as days, times as seconds, booleans as 0 and 1) or, where a type has no such
 * order, texts. Shares are of all rows, NULLs included, and lie between 0 and 1.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/sqltype.h"

typedef struct ColumnPoint {
    double number;
    const char *text; /* NULL: `number` is it. NUL-terminated */
} ColumnPoint;

typedef struct ColumnValues {
    double null_share;
    double correlation; /* of the values with the order of the rows, -1 to 1; 0 = none or unknown */
    const ColumnPoint *common;
    const double *common_shares; /* descending */
    int common_count;
    const ColumnPoint *bounds; /* ascending; as many rows between any two neighbours; >= 2 or none */
    int bound_count;
} ColumnValues;

/* Whether points of the type are numbers. */
bool column_point_is_number(SqlType type);
/* A value as PostgreSQL and MySQL write it. False when it is none of the type. `text` is kept for types
 * without numbers, so it must live as long as the point. */
bool column_point_read(SqlType type, const char *text, ColumnPoint *out);

/* The share of rows equal to the point. `distinct`: different values of the column, <= 0 = unknown. */
double column_values_equal(const ColumnValues *values, double distinct, const ColumnPoint *point);
/* The share of rows below the point, or at it when `inclusive`. */
double column_values_below(const ColumnValues *values, double distinct, const ColumnPoint *point,
                           bool inclusive);
/* Changes when estimates would clearly change, and seldom by the luck of a sample. */
uint64_t column_values_digest(const ColumnValues *values);
