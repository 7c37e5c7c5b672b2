/* Which rows a frame has. Bounds only grow within a partition, so one pass over the rows finds them all. */
#include "engines/columnar/exec/window_internal.h"
#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/kernels/numeric_math.h"

/* ---- offsets ---------------------------------------------------------------------------------------------
 */

static __int128 interval_span(Interval value) {
    return ((__int128)value.months * 30 + value.days) * INT64_C(86400000000) + value.microseconds;
}

static Status read_offset(Query *query, const Expr *expr, const char *which, bool range, SqlType key_type,
                          FrameOffset *out, Error *err) {
    Program *program;
    if (!expr) return STATUS_OK;
    TRY(program_compile(query, expr, &program, err));
    const Vector *constant = program_constant(program);
    if (!constant)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                            "a frame offset that is not constant is not available in the columnar engine");
    if (vector_is_null(constant, 0))
        return error_set(err, "22004", "frame %s offset must not be null", which);
    switch ((PhysicalType)constant->physical) {
    case PHYS_F64:
        out->real = *(const double *)constant->values;
        out->negative = out->real < 0 || out->real != out->real;
        break;
    case PHYS_NUMERIC:
        memcpy(&out->number, constant->values, sizeof out->number);
        out->negative =
            out->number.special < 0 || out->number.special == NUMERIC_NAN || out->number.value < 0;
        break;
    case PHYS_INTERVAL:
        out->span = *(const Interval *)constant->values;
        out->negative = key_type.id == SQL_TIME ? out->span.microseconds < 0 : interval_span(out->span) < 0;
        break;
    default:
        out->count = *(const int64_t *)constant->values;
        out->negative = out->count < 0;
        if (out->negative && !range)
            return error_set(err, "22013", "frame %s offset must not be negative", which);
    }
    return STATUS_OK;
}

Status frame_prepare(Query *query, WindowPlan *plan, Error *err) {
    const WindowFrame *frame = &plan->call->frame;
    bool range = frame->mode == FRAME_RANGE;
    TRY(read_offset(query, frame->start_offset, "starting", range, plan->key_type, &plan->start, err));
    TRY(read_offset(query, frame->end_offset, "ending", range, plan->key_type, &plan->end, err));
    plan->from_start = frame->start == BOUND_UNBOUNDED_PRECEDING;
    plan->whole_partition = plan->from_start && frame->end == BOUND_UNBOUNDED_FOLLOWING;
    if (!range || (!frame->start_offset && !frame->end_offset)) return STATUS_OK;
    switch (plan->key_type.id) {
    case SQL_FLOAT4:
    case SQL_FLOAT8: plan->range = RANGE_FLOAT; break;
    case SQL_NUMERIC: plan->range = RANGE_NUMERIC; break;
    default: plan->range = RANGE_INTEGER;
    }
    return STATUS_OK;
}

/* ---- values of the key, as they are compared -------------------------------------------------------------
 */

typedef union RangeValue {
    __int128 whole;
    double real;
    Numeric number;
} RangeValue;

static Status read_date(const char *value, __int128 *out, Error *err) {
    int32_t date;
    bool bad = false;
    memcpy(&date, value, sizeof date);
    *out = timestamp_from_date(date, &bad);
    return bad ? error_set(err, "22008", "date out of range for timestamp") : STATUS_OK;
}

static Status read_number(const RowColumn *column, const char *value, Numeric *out) {
    int64_t narrow;
    __int128 wide;
    if (column->physical == PHYS_NUMERIC) {
        memcpy(out, value, sizeof *out);
    } else if (column->physical == PHYS_I64) {
        memcpy(&narrow, value, sizeof narrow);
        *out = numeric_make(narrow, column->type.scale);
    } else {
        memcpy(&wide, value, sizeof wide);
        *out = numeric_make(wide, column->type.scale);
    }
    return STATUS_OK;
}

/* `value`: the field of a row that is not NULL. */
static Status read_value(const RowColumn *column, const char *value, RangeValue *out, Error *err) {
    switch ((PhysicalType)column->physical) {
    case PHYS_F32: {
        float real;
        memcpy(&real, value, sizeof real);
        out->real = real;
        return STATUS_OK;
    }
    case PHYS_F64: memcpy(&out->real, value, sizeof out->real); return STATUS_OK;
    case PHYS_I16: {
        int16_t whole;
        memcpy(&whole, value, sizeof whole);
        out->whole = whole;
        return STATUS_OK;
    }
    case PHYS_I32: {
        int32_t whole;
        if (sqltype_is(column->type, SQL_DATE)) return read_date(value, &out->whole, err);
        memcpy(&whole, value, sizeof whole);
        out->whole = whole;
        return STATUS_OK;
    }
    case PHYS_INTERVAL: {
        Interval span;
        memcpy(&span, value, sizeof span);
        out->whole = interval_span(span);
        return STATUS_OK;
    }
    case PHYS_I64:
        if (!sqltype_is(column->type, SQL_NUMERIC)) {
            int64_t whole;
            memcpy(&whole, value, sizeof whole);
            out->whole = whole;
            return STATUS_OK;
        }
        return read_number(column, value, &out->number);
    default: return read_number(column, value, &out->number);
    }
}

static Status shift_time(const WindowPlan *plan, __int128 base, const FrameOffset *offset, bool subtract,
                         __int128 *out, Error *err) {
    Interval span = offset->span;
    if (plan->key_type.id == SQL_TIME) { /* its days and months do not count */
        *out = subtract ? base - span.microseconds : base + span.microseconds;
        return STATUS_OK;
    }
    if (plan->key_type.id == SQL_INTERVAL) {
        *out = subtract ? base - interval_span(span) : base + interval_span(span);
        return STATUS_OK;
    }
    int64_t shifted = (int64_t)base;
    if (timestamp_is_finite(shifted)) {
        if (subtract) {
            if (span.months == INT32_MIN || span.days == INT32_MIN || span.microseconds == INT64_MIN)
                return error_set(err, "22008", "interval out of range");
            span = (Interval){-span.months, -span.days, -span.microseconds};
        }
        if (!timestamp_add_interval(shifted, span, &shifted))
            return error_set(err, "22008", "timestamp out of range");
    }
    *out = shifted;
    return STATUS_OK;
}

/* base ± offset */
static Status shift_value(const WindowPlan *plan, const RangeValue *base, const FrameOffset *offset,
                          bool subtract, RangeValue *out, Error *err) {
    if (offset->negative)
        return error_set(err, "22013", "invalid preceding or following size in window function");
    if (plan->range == RANGE_FLOAT) {
        /* An infinite offset against the opposite infinity takes every value in, as PostgreSQL has it. */
        out->real = subtract ? base->real - offset->real : base->real + offset->real;
        return STATUS_OK;
    }
    if (plan->range == RANGE_NUMERIC) {
        if (offset->number.special && base->number.special && base->number.special != NUMERIC_NAN &&
            (base->number.special > 0) == subtract) {
            out->number = numeric_nan();
            return STATUS_OK;
        }
        bool done =
            base->number.special || (subtract ? numeric_subtract(base->number, offset->number, &out->number)
                                              : numeric_add(base->number, offset->number, &out->number));
        if (base->number.special) out->number = base->number;
        return done ? STATUS_OK : numeric_overflow(err);
    }
    if (sqltype_is_integer(plan->key_type)) {
        out->whole = subtract ? base->whole - offset->count : base->whole + offset->count;
        return STATUS_OK;
    }
    return shift_time(plan, base->whole, offset, subtract, &out->whole, err);
}

static bool is_nan(RangeClass class, const RangeValue *value) {
    if (class == RANGE_FLOAT) return value->real != value->real;
    return class == RANGE_NUMERIC && value->number.special == NUMERIC_NAN;
}

static int compare_values(RangeClass class, const RangeValue *a, const RangeValue *b) {
    if (class == RANGE_INTEGER) return a->whole < b->whole ? -1 : a->whole > b->whole;
    if (class == RANGE_NUMERIC) return numeric_compare(a->number, b->number);
    bool left_nan = a->real != a->real, right_nan = b->real != b->real;
    if (left_nan || right_nan) return left_nan - right_nan;
    return a->real < b->real ? -1 : a->real > b->real;
}

/* ---- RANGE with offsets ----------------------------------------------------------------------------------
 */

typedef struct RangeBound {
    RangeValue value;
    bool everything; /* ∞ - ∞: nothing but NaN is out of it */
    bool base_null;
} RangeBound;

static Status make_bound(FrameCursor *cursor, const RowColumn *column, int64_t row, bool start,
                         RangeBound *out, Error *err) {
    const WindowPlan *plan = cursor->plan;
    FrameBound kind = start ? plan->call->frame.start : plan->call->frame.end;
    const FrameOffset *offset = start ? &plan->start : &plan->end;
    const char *data = cursor->range->rows[row];
    memset(out, 0, sizeof *out);
    out->base_null = data[column->null_offset];
    if (out->base_null) return STATUS_OK;
    RangeValue base = {0};
    TRY(read_value(column, data + column->offset, &base, err));
    bool subtract = (kind == BOUND_OFFSET_PRECEDING) != plan->descending;
    TRY(shift_value(plan, &base, offset, subtract, &out->value, err));
    /* Infinity less infinity. */
    out->everything = !is_nan(plan->range, &base) && is_nan(plan->range, &out->value);
    return STATUS_OK;
}

/* Whether the row at the edge is on the far side: for a start, still before the frame; for an end, within. */
static Status edge_passes(FrameCursor *cursor, const RowColumn *column, const RangeBound *bound, int64_t row,
                          bool start, bool *passes, Error *err) {
    const WindowPlan *plan = cursor->plan;
    const char *data = cursor->range->rows[row];
    bool null = data[column->null_offset];
    if (null || bound->base_null) {
        if (start)
            *passes = plan->nulls_first ? null && !bound->base_null : !null && bound->base_null;
        else
            *passes = plan->nulls_first ? null : bound->base_null;
        return STATUS_OK;
    }
    RangeValue value = {0};
    TRY(read_value(column, data + column->offset, &value, err));
    int order = compare_values(plan->range, &value, &bound->value);
    if (plan->descending) order = -order;
    if (bound->everything) /* NaN is behind it, or before it in descending order */
        *passes = is_nan(plan->range, &value) ? plan->descending : !start;
    else
        *passes = start ? order < 0 : order <= 0;
    return STATUS_OK;
}

static Status move_edge(FrameCursor *cursor, bool start, int64_t *edge, Error *err) {
    const RowColumn *column = &cursor->range->window->sort.layout.rows.columns[cursor->plan->range_key];
    RangeBound bound;
    TRY(make_bound(cursor, column, cursor->peers_start, start, &bound, err));
    while (*edge < cursor->high) {
        bool passes;
        TRY(query_check_each(cursor->range->query, *edge, err));
        TRY(edge_passes(cursor, column, &bound, *edge, start, &passes, err));
        if (!passes) break;
        ++*edge;
    }
    return STATUS_OK;
}

static Status enter_peers(FrameCursor *cursor, Error *err) {
    if (cursor->plan->range == RANGE_NONE) return STATUS_OK;
    const WindowFrame *frame = &cursor->plan->call->frame;
    if (frame->start_offset) TRY(move_edge(cursor, true, &cursor->head, err));
    if (frame->end_offset) TRY(move_edge(cursor, false, &cursor->tail, err));
    return STATUS_OK;
}

/* ---- the cursor ------------------------------------------------------------------------------------------
 */

void frame_cursor_init(FrameCursor *cursor, WindowRange *range, const WindowPlan *plan) {
    *cursor = (FrameCursor){.range = range, .plan = plan, .flags = range->flags[plan->spec]};
}

void frame_cursor_deinit(FrameCursor *cursor) {
    query_free(cursor->range->query, cursor->groups, sizeof(int64_t) * (size_t)cursor->group_capacity);
}

static Status add_group_start(FrameCursor *cursor, int64_t start, Error *err) {
    if (cursor->group_count == cursor->group_capacity) {
        int64_t capacity = cursor->group_capacity ? cursor->group_capacity * 2 : 256;
        void *memory = cursor->groups;
        TRY(query_realloc(cursor->range->query, &memory, sizeof(int64_t) * (size_t)cursor->group_capacity,
                          sizeof(int64_t) * (size_t)capacity, err));
        cursor->groups = memory;
        cursor->group_capacity = capacity;
    }
    cursor->groups[cursor->group_count++] = start;
    return STATUS_OK;
}

static Status enter_frame_partition(FrameCursor *cursor, int64_t row, Error *err) {
    const uint8_t *flags = cursor->flags;
    int64_t end = row + 1, count = cursor->range->count;
    while (end < count && !(flags[end] & ROW_STARTS_PARTITION))
        end++;
    cursor->low = cursor->head = cursor->tail = row;
    cursor->high = end;
    cursor->group = -1;
    cursor->group_count = 0;
    if (cursor->plan->call->frame.mode != FRAME_GROUPS) return STATUS_OK;
    for (int64_t i = row; i < end; i++)
        if (flags[i] & ROW_STARTS_PEERS) TRY(add_group_start(cursor, i, err));
    return add_group_start(cursor, end, err);
}

/* Start of the peer group `group`; the partition's ends beyond its first and last. */
static int64_t group_start(const FrameCursor *cursor, int64_t group) {
    int64_t last = cursor->group_count - 1;
    return cursor->groups[group < 0 ? 0 : group > last ? last : group];
}

/* a + b, no more than `most`; both from 0 up. */
static int64_t add_capped(int64_t a, int64_t b, int64_t most) {
    return b > most - a ? most : a + b;
}

static int64_t frame_start(const FrameCursor *cursor, int64_t row) {
    const WindowFrame *frame = &cursor->plan->call->frame;
    int64_t offset = cursor->plan->start.count;
    switch (frame->start) {
    case BOUND_UNBOUNDED_PRECEDING: return cursor->low;
    case BOUND_CURRENT: return frame->mode == FRAME_ROWS ? row : cursor->peers_start;
    case BOUND_UNBOUNDED_FOLLOWING: return cursor->high;
    default: break;
    }
    bool back = frame->start == BOUND_OFFSET_PRECEDING;
    if (frame->mode == FRAME_RANGE) return cursor->head;
    if (frame->mode == FRAME_GROUPS)
        return back ? group_start(cursor, offset > cursor->group ? 0 : cursor->group - offset)
                    : group_start(cursor, add_capped(cursor->group, offset, cursor->group_count));
    if (back) return offset > row - cursor->low ? cursor->low : row - offset;
    return add_capped(row, offset, cursor->high);
}

static int64_t frame_end(const FrameCursor *cursor, int64_t row) {
    const WindowFrame *frame = &cursor->plan->call->frame;
    int64_t offset = cursor->plan->end.count;
    switch (frame->end) {
    case BOUND_UNBOUNDED_PRECEDING: return cursor->low;
    case BOUND_CURRENT: return frame->mode == FRAME_ROWS ? row + 1 : cursor->peers_end;
    case BOUND_UNBOUNDED_FOLLOWING: return cursor->high;
    default: break;
    }
    bool back = frame->end == BOUND_OFFSET_PRECEDING;
    if (frame->mode == FRAME_RANGE) return cursor->tail;
    if (frame->mode == FRAME_GROUPS)
        return back ? (offset > cursor->group ? cursor->low : group_start(cursor, cursor->group - offset + 1))
                    : group_start(cursor, add_capped(cursor->group + 1, offset, cursor->group_count));
    if (back) return offset > row - cursor->low ? cursor->low : row + 1 - offset;
    return add_capped(row + 1, offset, cursor->high);
}

static void make_hole(const FrameCursor *cursor, int64_t row, FrameRows *out) {
    out->hole_start = out->hole_end = out->end;
    out->kept = -1;
    switch (cursor->plan->call->frame.exclusion) {
    case EXCLUDE_NONE: return;
    case EXCLUDE_CURRENT:
        out->hole_start = row;
        out->hole_end = row + 1;
        return;
    case EXCLUDE_TIES: out->kept = row; break;
    case EXCLUDE_GROUP: break;
    }
    out->hole_start = cursor->peers_start;
    out->hole_end = cursor->peers_end;
}

Status frame_cursor_fill(FrameCursor *cursor, int64_t first, int count, FrameRows *out, Error *err) {
    const uint8_t *flags = cursor->flags;
    for (int64_t row = first; row < first + count; row++) {
        if (flags[row] & ROW_STARTS_PARTITION) TRY(enter_frame_partition(cursor, row, err));
        if (flags[row] & ROW_STARTS_PEERS) {
            cursor->peers_start = row;
            cursor->group++;
            int64_t end = row + 1;
            while (end < cursor->high && !(flags[end] & ROW_STARTS_PEERS))
                end++;
            cursor->peers_end = end;
            TRY(enter_peers(cursor, err));
        }
        FrameRows *frame = out + (row - first);
        frame->start = frame_start(cursor, row);
        frame->end = frame_end(cursor, row);
        if (frame->end < frame->start) frame->end = frame->start;
        make_hole(cursor, row, frame);
    }
    return STATUS_OK;
}
