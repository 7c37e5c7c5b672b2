/* percentile_cont, percentile_disc, mode, and the ranks a row would have: read off the sorted rows. */
#include <math.h>

#include "engines/columnar/exec/aggregate_internal.h"
#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/types/array_value.h"

static const RowColumn *column_at(const OrderedCall *ordered, int arg) {
    return &ordered->layout.rows.columns[arg];
}

static bool row_is_null(const RowColumn *column, const char *row) {
    return row[column->null_offset];
}

/* Rows whose value is not NULL: they stand together, at one end. */
static char **without_nulls(const OrderedCall *ordered, char **rows, int64_t *count) {
    const RowColumn *column = column_at(ordered, ordered->call->order[0].arg);
    int64_t start = 0, end = *count;
    while (start < end && row_is_null(column, rows[start]) &&
           !query_is_stopped_each(ordered->query, start + 1))
        start++;
    while (end > start && row_is_null(column, rows[end - 1]) && !query_is_stopped_each(ordered->query, end))
        end--;
    *count = end - start;
    return rows + start;
}

static Status check_fraction(double fraction, Error *err) {
    if (fraction >= 0 && fraction <= 1) return STATUS_OK;
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "percentile value %g is not between 0 and 1",
                     fraction);
}

static int64_t disc_position(double fraction, int64_t count) {
    int64_t position = (int64_t)ceil(fraction * (double)count);
    return position < 1 ? 0 : position - 1;
}

/* ---- percentiles
 * -------------------------------------------------------------------------------------------- */

typedef struct Percentile {
    const OrderedCall *ordered;
    const RowColumn *value;
    bool continuous;
    Arena *arena;
} Percentile;

static void interpolate(const Percentile *percentile, const char *low, const char *high, double share,
                        void *out) {
    if (percentile->value->physical == PHYS_F64) {
        double a, b;
        memcpy(&a, low + percentile->value->offset, sizeof a);
        memcpy(&b, high + percentile->value->offset, sizeof b);
        *(double *)out = low == high ? a : a + share * (b - a);
        return;
    }
    Interval a, b, part;
    memcpy(&a, low + percentile->value->offset, sizeof a);
    memcpy(&b, high + percentile->value->offset, sizeof b);
    part = (Interval){b.months - a.months, b.days - a.days, b.microseconds - a.microseconds};
    if (low != high && interval_scale(part, share, false, &part))
        a = (Interval){a.months + part.months, a.days + part.days, a.microseconds + part.microseconds};
    *(Interval *)out = a;
}

/* One percentile of one group's values, at least one of them. */
static void percentile_value(const Percentile *percentile, char **rows, int64_t count, double fraction,
                             char *out) {
    if (!percentile->continuous) {
        memcpy(out, rows[disc_position(fraction, count)] + percentile->value->offset,
               percentile->value->width);
        return;
    }
    double position = fraction * (double)(count - 1), low = floor(position);
    interpolate(percentile, rows[(int64_t)low], rows[(int64_t)ceil(position)], position - low, out);
}

static Status percentile_array(const Percentile *percentile, const StringView *fractions, char **rows,
                               int64_t count, StringView *out, Error *err) {
    ArrayValue wanted;
    ArrayBuilder builder;
    TRY(array_open(fractions, &wanted, err));
    Vector one;
    vector_init_flat(&one, percentile->value->type, 1, percentile->arena);
    array_builder_init(&builder, percentile->value->type, percentile->arena);
    for (int i = 0; i < wanted.count; i++) {
        double fraction;
        if (array_is_null(&wanted, i)) {
            TRY(array_builder_add(&builder, NULL, err));
            continue;
        }
        memcpy(&fraction, wanted.values + (size_t)i * sizeof fraction, sizeof fraction);
        TRY(check_fraction(fraction, err));
        percentile_value(percentile, rows, count, fraction, one.values);
        TRY(array_builder_add_row(&builder, &one, 0, err));
    }
    return array_builder_finish_shaped(&builder, wanted.dimension_count, wanted.dimensions, percentile->arena,
                                       out, err);
}

/* One group. The fraction is the same in all its rows. */
static Status percentile_of(const Percentile *percentile, char **rows, int64_t count, Vector *out, int at,
                            bool *is_null, Error *err) {
    const RowColumn *direct = column_at(percentile->ordered, 0);
    *is_null = true;
    if (count && row_is_null(direct, rows[0])) return STATUS_OK;
    size_t width = physical_width((PhysicalType)out->physical);
    if (!direct->type.is_array) {
        double fraction;
        if (!count) return STATUS_OK;
        memcpy(&fraction, rows[0] + direct->offset, sizeof fraction);
        TRY(check_fraction(fraction, err));
        rows = without_nulls(percentile->ordered, rows, &count);
        if (count)
            percentile_value(percentile, rows, count, fraction, (char *)out->values + width * (size_t)at);
        *is_null = count == 0;
        return STATUS_OK;
    }
    rows = without_nulls(percentile->ordered, rows, &count);
    if (!count) return STATUS_OK;
    StringView fractions;
    memcpy(&fractions, rows[0] + direct->offset, sizeof fractions);
    *is_null = false;
    return percentile_array(percentile, &fractions, rows, count, (StringView *)out->values + at, err);
}

/* ---- mode
 * --------------------------------------------------------------------------------------------------- */

static bool mode_of(const OrderedCall *ordered, char **rows, int64_t count, char *out) {
    const RowColumn *value = column_at(ordered, ordered->call->order[0].arg);
    rows = without_nulls(ordered, rows, &count);
    int64_t best = 0, best_length = 0, start = 0;
    for (int64_t i = 1; i <= count && !query_is_stopped_each(ordered->query, i); i++) {
        if (i < count && ordered_compare_keys(ordered, rows[i - 1], rows[i]) == 0) continue;
        if (i - start > best_length) {
            best = start;
            best_length = i - start;
        }
        start = i;
    }
    if (!count) return false;
    memcpy(out, rows[best] + value->offset, value->width);
    return true;
}

/* ---- hypothetical rows
 * -------------------------------------------------------------------------------------- */

/* The row the direct arguments would make, with keys: they come first among the args, one for each key. */
static char *hypothetical_row(const OrderedCall *ordered, char *row, Arena *arena) {
    const SortLayout *layout = &ordered->layout;
    int keys = layout->key_count;
    Vector *values = ARENA_NEW_ARRAY(arena, Vector, keys);
    char *made = arena_alloc(arena, ordered->row_bytes);
    memset(made, 0, ordered->row_bytes);
    for (int k = 0; k < keys; k++) {
        rows_gather(&layout->rows, k, &row, 1, NULL, 1, &values[k], arena);
        rows_scatter(&layout->rows, ordered->call->order[k].arg, &values[k], NULL, 1, made,
                     ordered->row_bytes, arena);
    }
    sort_keys_encode(layout, values, NULL, 1, made, ordered->row_bytes);
    return made;
}

static void rank_of(const OrderedCall *ordered, char **rows, int64_t count, Vector *out, int at,
                    Arena *arena) {
    OrderedSetKind kind = ordered->call->function->ordered_set;
    int64_t before = 0, not_after = 0, distinct = 0;
    if (count) {
        char *row = hypothetical_row(ordered, rows[0], arena);
        for (int64_t i = 0; i < count && !query_is_stopped_each(ordered->query, i + 1); i++) {
            int order = ordered_compare_keys(ordered, rows[i], row);
            before += order < 0;
            not_after += order <= 0;
            distinct += order < 0 && (i == 0 || ordered_compare_keys(ordered, rows[i - 1], rows[i]) != 0);
            if (order > 0) break;
        }
    }
    switch (kind) {
    case ORDERED_SET_RANK: ((int64_t *)out->values)[at] = before + 1; break;
    case ORDERED_SET_DENSE_RANK: ((int64_t *)out->values)[at] = distinct + 1; break;
    case ORDERED_SET_PERCENT_RANK:
        ((double *)out->values)[at] = count ? (double)before / (double)count : 0;
        break;
    default: ((double *)out->values)[at] = (double)(not_after + 1) / (double)(count + 1); break;
    }
}

Status ordered_set_finalize(const OrderedCall *ordered, char ***rows, const int64_t *counts, int count,
                            Vector *out, Arena *arena, Error *err) {
    OrderedSetKind kind = ordered->call->function->ordered_set;
    bool percentiles = kind == ORDERED_SET_PERCENTILE_CONT || kind == ORDERED_SET_PERCENTILE_DISC;
    Percentile percentile = {.ordered = ordered,
                             .value = column_at(ordered, ordered->call->order[0].arg),
                             .continuous = kind == ORDERED_SET_PERCENTILE_CONT,
                             .arena = arena};
    size_t width = physical_width((PhysicalType)out->physical);
    for (int g = 0; g < count; g++) {
        bool is_null = false;
        if (percentiles)
            TRY(percentile_of(&percentile, rows[g], counts[g], out, g, &is_null, err));
        else if (kind == ORDERED_SET_MODE)
            is_null = !mode_of(ordered, rows[g], counts[g], (char *)out->values + width * (size_t)g);
        else
            rank_of(ordered, rows[g], counts[g], out, g, arena);
        if (is_null) {
            memset((char *)out->values + width * (size_t)g, 0, width);
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)g);
        }
    }
    return STATUS_OK;
}
