/* A column's cells at once, by the column's type. What is not spelled in the usual way takes the long one. */
#include <string.h>

#include "engines/columnar/ingest/batch_builder.h"
#include "engines/columnar/ingest/fast_parse.h"
#include "engines/columnar/ingest/json_scan.h"

void batch_builder_init(BatchBuilder *builder, const SqlType *types, int column_count, int capacity) {
    memset(builder, 0, sizeof *builder);
    arena_init(&builder->arena);
    arena_init(&builder->batch_arena);
    strbuf_init(&builder->scratch);
    builder->capacity = capacity;
    builder->batch.column_count = column_count;
    builder->batch.columns = ARENA_NEW_ARRAY(&builder->arena, Vector, column_count + 1);
    builder->validity = ARENA_NEW_ARRAY(&builder->arena, uint64_t *, column_count + 1);
    for (int i = 0; i < column_count; i++) {
        Vector *vector = &builder->batch.columns[i];
        vector_init_flat(vector, types[i], capacity, &builder->arena);
        memset(vector->values, 0, physical_width(vector->physical) * (size_t)capacity);
        builder->validity[i] = arena_alloc(&builder->arena, bitmap_bytes((size_t)capacity));
    }
}

void batch_builder_deinit(BatchBuilder *builder) {
    arena_deinit(&builder->arena);
    arena_deinit(&builder->batch_arena);
    strbuf_deinit(&builder->scratch);
}

void batch_builder_reset(BatchBuilder *builder) {
    arena_reset(&builder->batch_arena);
}

const Batch *batch_builder_batch(BatchBuilder *builder, int row_count) {
    builder->batch.row_count = builder->batch.selected = row_count;
    builder->batch.selection = NULL;
    return &builder->batch;
}

bool cell_resolve(const char *base, CellRef ref, Arena *arena, StrBuf *scratch, Cell *out,
                  const char **problem) {
    CellKind kind = cell_ref_kind(ref);
    *out = (Cell){kind, base + ref.offset, cell_ref_length(ref)};
    if (kind != CELL_QUOTED_ESCAPED && kind != CELL_STRING_ESCAPED) return true;
    strbuf_reset(scratch);
    if (kind == CELL_STRING_ESCAPED) {
        out->kind = CELL_STRING;
        if (!json_scan_unescape(out->data, out->length, scratch, problem)) return false;
    } else {
        out->kind = CELL_QUOTED;
        char quote = out->data[-1]; /* the opening one */
        for (const char *in = out->data, *end = in + out->length; in < end; in++) {
            in += *in == quote; /* the first of two */
            strbuf_append_char(scratch, *in);
        }
    }
    char *copy = arena_alloc(arena, scratch->length + TEXT_PADDING);
    memcpy(copy, strbuf_text(scratch), scratch->length);
    memset(copy + scratch->length, 0, TEXT_PADDING);
    out->data = copy;
    out->length = scratch->length;
    return true;
}

/* One column at work. */
typedef struct ColumnJob {
    BatchBuilder *builder;
    Vector *vector;
    uint64_t *validity;
    int column;
    int null_count;
    const char *base;
    const CellRef *cells;
    int row_count;
} ColumnJob;

static void put_null(ColumnJob *job, int row) {
    bitmap_clear(job->validity, (size_t)row);
    job->null_count++;
    if (job->vector->physical == PHYS_STRING)
        memset((StringView *)job->vector->values + row, 0, sizeof(StringView));
}

/* Whether the column's type would be the same had the cell been in the sample. */
static bool is_as_sampled(const ColumnJob *job, const Cell *cell) {
    const ColumnProfile *sampled = job->builder->sampled[job->column];
    if (!sampled) return true;
    ColumnProfile profile = *sampled;
    column_profile_add(&profile, cell);
    SqlType type = column_profile_type(&profile), have = job->vector->type;
    if (column_profile_is_empty(sampled)) return column_profile_is_empty(&profile);
    if (type.id == SQL_NUMERIC && have.id == SQL_NUMERIC) return type.scale == have.scale;
    return sqltype_equals(type, have);
}

static bool put_any(ColumnJob *job, int row) {
    BatchBuilder *builder = job->builder;
    const char *problem = "";
    Cell cell;
    Error err = {0};
    if (!cell_resolve(job->base, job->cells[row], &builder->batch_arena, &builder->scratch, &cell,
                      &problem)) {
        (void)error_set(&err, SQLSTATE_INVALID_TEXT, "%s", problem);
        put_null(job, row);
        return builder->failed(builder->context, job->column, row, false, &err);
    }
    bool empty_is_null =
        cell.kind == CELL_TEXT || (cell.kind == CELL_QUOTED && !sqltype_is_text(job->vector->type));
    if (cell.kind == CELL_NULL || (cell.length == 0 && empty_is_null)) {
        put_null(job, row);
        return true;
    }
    bool conflict = builder->sampled && !is_as_sampled(job, &cell);
    if (!conflict && batch_builder_put(builder, job->vector, row, &cell, &err) == STATUS_OK) return true;
    put_null(job, row);
    return builder->failed(builder->context, job->column, row, conflict, &err);
}

static inline bool is_plain(CellRef ref) {
    CellKind kind = cell_ref_kind(ref);
    return kind == CELL_TEXT || kind == CELL_NUMBER || kind == CELL_QUOTED;
}

static bool put_integers(ColumnJob *job) {
    void *values = job->vector->values;
    PhysicalType physical = (PhysicalType)job->vector->physical;
    int64_t limit = physical == PHYS_I16 ? INT16_MAX : physical == PHYS_I32 ? INT32_MAX : INT64_MAX;
    for (int row = 0; row < job->row_count; row++) {
        CellRef ref = job->cells[row];
        int64_t value;
        if (is_plain(ref) && fast_integer(job->base + ref.offset, cell_ref_length(ref), &value) &&
            value <= limit && value >= -limit) {
            if (physical == PHYS_I64)
                ((int64_t *)values)[row] = value;
            else if (physical == PHYS_I32)
                ((int32_t *)values)[row] = (int32_t)value;
            else
                ((int16_t *)values)[row] = (int16_t)value;
        } else if (!put_any(job, row)) {
            return false;
        }
    }
    return true;
}

static bool put_decimals(ColumnJob *job) {
    SqlType type = job->vector->type;
    int64_t *values = job->vector->values, limit = (int64_t)power_of_ten[type.precision];
    for (int row = 0; row < job->row_count; row++) {
        CellRef ref = job->cells[row];
        if (is_plain(ref) &&
            fast_decimal(job->base + ref.offset, cell_ref_length(ref), type.scale, &values[row]) &&
            values[row] < limit && values[row] > -limit)
            continue;
        if (!put_any(job, row)) return false;
    }
    return true;
}

static bool put_doubles(ColumnJob *job) {
    double *values = job->vector->values;
    for (int row = 0; row < job->row_count; row++) {
        CellRef ref = job->cells[row];
        if (is_plain(ref) && fast_double(job->base + ref.offset, cell_ref_length(ref), &values[row]))
            continue;
        if (!put_any(job, row)) return false;
    }
    return true;
}

static bool put_dates(ColumnJob *job) {
    int32_t *values = job->vector->values;
    for (int row = 0; row < job->row_count; row++) {
        CellRef ref = job->cells[row];
        int64_t days;
        CellKind kind = cell_ref_kind(ref);
        if (kind != CELL_NULL && kind != CELL_QUOTED_ESCAPED && kind != CELL_STRING_ESCAPED &&
            cell_ref_length(ref) == 10 && fast_date(job->base + ref.offset, &days))
            values[row] = (int32_t)days;
        else if (!put_any(job, row))
            return false;
    }
    return true;
}

static bool put_timestamps(ColumnJob *job) {
    int64_t *values = job->vector->values;
    bool wants_utc = job->vector->type.id == SQL_TIMESTAMPTZ;
    for (int row = 0; row < job->row_count; row++) {
        CellRef ref = job->cells[row];
        bool utc;
        CellKind kind = cell_ref_kind(ref);
        if (kind != CELL_NULL && kind != CELL_QUOTED_ESCAPED && kind != CELL_STRING_ESCAPED &&
            fast_timestamp(job->base + ref.offset, cell_ref_length(ref), &values[row], &utc) &&
            utc == wants_utc)
            continue;
        if (!put_any(job, row)) return false;
    }
    return true;
}

/* stringview_make, knowing that the text is padded. */
static inline StringView view_of(const char *data, uint32_t length) {
    StringView view;
    view.length = length;
    if (length > 12) {
        memcpy(view.prefix, data, 4);
        view.pointer = data;
        return view;
    }
    uint64_t low = fast_load8(data), high = fast_load8(data + 8);
    if (length < 8) {
        low &= (UINT64_C(1) << length * 8) - 1;
        high = 0;
    } else {
        high &= (UINT64_C(1) << (length - 8) * 8) - 1;
    }
    memcpy(view.inlined, &low, 8);
    memcpy(view.inlined + 8, &high, 4);
    return view;
}

static bool put_texts(ColumnJob *job) {
    StringView *values = job->vector->values;
    bool is_json = job->vector->type.id == SQL_JSON || job->vector->type.id == SQL_JSONB;
    uint32_t as_is = is_json ? 1u << CELL_NESTED | 1u << CELL_NUMBER | 1u << CELL_BOOL
                             : 1u << CELL_TEXT | 1u << CELL_QUOTED | 1u << CELL_STRING | 1u << CELL_NUMBER |
                                   1u << CELL_BOOL;
    for (int row = 0; row < job->row_count; row++) {
        CellRef ref = job->cells[row];
        CellKind kind = cell_ref_kind(ref);
        uint32_t length = cell_ref_length(ref);
        if (as_is >> kind & 1 && (length > 0 || kind != CELL_TEXT))
            values[row] = view_of(job->base + ref.offset, length);
        else if (kind == CELL_NULL || (kind == CELL_TEXT && length == 0))
            put_null(job, row);
        else if (!put_any(job, row))
            return false;
    }
    return true;
}

static bool put_cells(ColumnJob *job) {
    for (int row = 0; row < job->row_count; row++)
        if (!put_any(job, row)) return false;
    return true;
}

static bool put_column(ColumnJob *job) {
    SqlType type = job->vector->type;
    const ColumnProfile *const *sampled = job->builder->sampled;
    if (sampled && sampled[job->column] && column_profile_is_empty(sampled[job->column]))
        return put_cells(job);
    if (type.is_array) return put_cells(job);
    switch (type.id) {
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8: return put_integers(job);
    case SQL_NUMERIC: return job->vector->physical == PHYS_I64 ? put_decimals(job) : put_cells(job);
    case SQL_FLOAT8: return put_doubles(job);
    case SQL_DATE: return put_dates(job);
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return put_timestamps(job);
    case SQL_TEXT:
    case SQL_JSON:
    case SQL_JSONB: return put_texts(job);
    case SQL_VARCHAR: return type.precision == 0 ? put_texts(job) : put_cells(job);
    default: return put_cells(job);
    }
}

bool batch_builder_column(BatchBuilder *builder, int column, const char *base, const CellRef *cells,
                          int row_count) {
    ColumnJob job = {.builder = builder,
                     .vector = &builder->batch.columns[column],
                     .validity = builder->validity[column],
                     .column = column,
                     .base = base,
                     .cells = cells,
                     .row_count = row_count};
    memset(job.validity, cells ? 0xFF : 0, bitmap_bytes((size_t)builder->capacity));
    if (cells && !put_column(&job)) return false;
    if (!cells && job.vector->physical == PHYS_STRING)
        memset(job.vector->values, 0, (size_t)row_count * sizeof(StringView));
    job.vector->validity = cells && job.null_count == 0 ? NULL : job.validity;
    return true;
}
