/* Equality deletes: a row goes when its values in some columns are those of a row of the delete file, NULL
 * being equal to NULL. Files with the same columns are put in one set, and the data file is read once. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/bitmap.h"
#include "engines/base/hash.h"
#include "engines/columnar/iceberg/table_deletes_internal.h"
#include "engines/columnar/iceberg/transform.h"

typedef struct EqualitySet {
    int count; /* columns */
    SqlType types[DELETE_MAX_COLUMNS];
    bool present[DELETE_MAX_COLUMNS]; /* in the file being read */
    const PartitionValue *defaults[DELETE_MAX_COLUMNS];
    PartitionValue *tuples; /* count each */
    int64_t tuple_count, tuple_capacity;
    uint32_t *slots; /* tuple + 1; 0 = free */
    int64_t slot_count;
    Arena strings;
    uint64_t *bits;
    const char *path;
    Budget *budget; /* may be NULL */
    int64_t reserved_bytes, string_bytes;
} EqualitySet;

/* One type per kind of value, so that a widened column compares with what it was. */
static SqlType canonical(SqlType type) {
    if (sqltype_is_integer(type)) return sqltype_of(SQL_INT8);
    if (type.id == SQL_FLOAT4) return sqltype_of(SQL_FLOAT8);
    if (type.id == SQL_NUMERIC) return sqltype_numeric(NUMERIC_MAX_PRECISION, type.scale);
    return sqltype_is_text(type) ? sqltype_of(SQL_TEXT) : type;
}

static void value_of(const Vector *vector, int row, PartitionValue *out) {
    partition_value_of(vector, row, out);
    if (!out->is_null && vector->type.id == SQL_NUMERIC && vector->physical == PHYS_I64)
        out->value.i128 = out->value.i64;
}

static void tuple_of(const EqualitySet *set, const Vector *vectors, int row, PartitionValue *out) {
    for (int c = 0; c < set->count; c++) {
        out[c] = (PartitionValue){.is_null = true};
        if (set->present[c])
            value_of(&vectors[c], row, &out[c]);
        else if (set->defaults[c])
            out[c] = *set->defaults[c];
    }
}

static uint64_t tuple_hash(const EqualitySet *set, const PartitionValue *tuple) {
    uint64_t hash = 0;
    for (int c = 0; c < set->count; c++)
        hash = hash64_combine(hash, partition_value_hash(set->types[c], &tuple[c]));
    return hash;
}

static int64_t find(const EqualitySet *set, const PartitionValue *tuple) {
    for (uint64_t at = tuple_hash(set, tuple);; at++) {
        uint32_t slot = set->slots[at % (uint64_t)set->slot_count];
        if (slot == 0) return -(int64_t)(at % (uint64_t)set->slot_count) - 1;
        const PartitionValue *held = &set->tuples[(int64_t)(slot - 1) * set->count];
        bool same = true;
        for (int c = 0; same && c < set->count; c++)
            same = partition_value_equals(set->types[c], &held[c], &tuple[c]);
        if (same) return slot - 1;
    }
}

static Status reserve(EqualitySet *set, int64_t bytes, Error *err) {
    if (!set->budget) return STATUS_OK;
    if (budget_reserve(set->budget, bytes, NULL) == STATUS_OK) {
        set->reserved_bytes += bytes;
        return STATUS_OK;
    }
    (void)error_set(err, SQLSTATE_OUT_OF_MEMORY,
                    "the equality deletes of \"%s\" do not fit in the memory of the query", set->path);
    return error_add_hint(err, "Compaction applies the deletes and removes them.");
}

/* Strings are paid for in steps, before they are taken. */
static Status reserve_string(EqualitySet *set, int64_t bytes, Error *err) {
    enum { STEP = 256 << 10 };
    if (bytes > set->string_bytes) {
        int64_t more = bytes > STEP ? bytes : STEP;
        TRY(reserve(set, more, err));
        set->string_bytes += more;
    }
    set->string_bytes -= bytes;
    return STATUS_OK;
}

static Status grow(EqualitySet *set, Error *err) {
    size_t each = sizeof(PartitionValue) * (size_t)set->count;
    int64_t capacity = set->tuple_capacity ? set->tuple_capacity * 2 : 1024;
    TRY(reserve(set, (capacity - set->tuple_capacity) * (int64_t)(each + 2 * sizeof *set->slots), err));
    PartitionValue *tuples = realloc(set->tuples, (size_t)capacity * each);
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (!tuples || !slots) abort();
    free(set->slots);
    set->tuples = tuples;
    set->slots = slots;
    set->tuple_capacity = capacity;
    set->slot_count = capacity * 2;
    for (int64_t i = 0; i < set->tuple_count; i++)
        slots[-find(set, &tuples[i * set->count]) - 1] = (uint32_t)i + 1;
    return STATUS_OK;
}

static Status take_deletes(void *context, const Vector *vectors, int64_t first_row, int rows, Error *err) {
    EqualitySet *set = context;
    for (int i = 0; i < rows; i++) {
        if (set->tuple_count == set->tuple_capacity) TRY(grow(set, err));
        PartitionValue *tuple = &set->tuples[set->tuple_count * set->count];
        tuple_of(set, vectors, i, tuple);
        int64_t at = find(set, tuple);
        if (at >= 0) continue;
        for (int c = 0; c < set->count; c++) {
            StringView *text = &tuple[c].value.string;
            if (tuple[c].is_null || physical_type_of(set->types[c]) != PHYS_STRING || text->length <= 12)
                continue;
            TRY(reserve_string(set, (int64_t)text->length + 1, err));
            *text = stringview_make(arena_strndup(&set->strings, text->pointer, text->length), text->length);
        }
        set->slots[-at - 1] = (uint32_t)++set->tuple_count;
    }
    return STATUS_OK;
}

static Status take_rows(void *context, const Vector *vectors, int64_t first_row, int rows, Error *err) {
    EqualitySet *set = context;
    PartitionValue tuple[DELETE_MAX_COLUMNS];
    for (int i = 0; i < rows; i++) {
        tuple_of(set, vectors, i, tuple);
        if (find(set, tuple) >= 0) bitmap_set(set->bits, (size_t)(first_row + i));
    }
    return STATUS_OK;
}

static int column_of_id(const TableVersion *version, int field_id) {
    for (int i = 0; i < version->column_count; i++)
        if (version->columns[i].field_id == field_id) return i;
    return -1;
}

static int file_column_of_id(const TableVersion *version, int field_id, const ParquetFile *file) {
    int column = column_of_id(version, field_id);
    if (column >= 0) return table_file_column(version, column, file);
    for (int i = 0; i < parquet_file_column_count(file); i++)
        if (parquet_file_column(file, i)->field_id == field_id) return i;
    return -1;
}

static Status read_set(const TableVersion *version, const DeleteFile *deletes, EqualitySet *set, Error *err) {
    ParquetFile *file;
    int columns[DELETE_MAX_COLUMNS];
    Status status = STATUS_OK;
    TRY(parquet_file_open(deletes->path, &file, err));
    for (int c = 0; c < set->count && status == STATUS_OK; c++) {
        columns[c] = file_column_of_id(version, deletes->equality_ids[c], file);
        if (columns[c] < 0)
            status = error_set(err, SQLSTATE_DATA_CORRUPTED, "the equality deletes in \"%s\" lack column %d",
                               deletes->path, deletes->equality_ids[c]);
        else
            set->types[c] = canonical(parquet_file_column(file, columns[c])->type);
        set->present[c] = true;
    }
    set->path = deletes->path;
    if (status == STATUS_OK)
        status = delete_read_columns(file, columns, set->count, NULL, take_deletes, set, err);
    parquet_file_release(file);
    return status;
}

static Status probe(const TableVersion *version, const DataFile *data, const int *ids, EqualitySet *set,
                    Error *err) {
    ParquetFile *file;
    int columns[DELETE_MAX_COLUMNS];
    Status status = STATUS_OK;
    if (set->tuple_count == 0) return STATUS_OK;
    TRY(parquet_file_open(data->path, &file, err));
    for (int c = 0; c < set->count; c++) {
        int column = column_of_id(version, ids[c]);
        columns[c] = file_column_of_id(version, ids[c], file);
        set->present[c] = columns[c] >= 0;
        set->defaults[c] = version->origins && column >= 0 ? version->origins[column].initial_default : NULL;
        if (set->present[c] &&
            !sqltype_equals(canonical(parquet_file_column(file, columns[c])->type), set->types[c]))
            status = error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                               "equality deletes of column %d and \"%s\" are of different types", ids[c],
                               data->path);
    }
    int64_t rows = 0;
    for (int g = 0; g < parquet_file_row_group_count(file); g++)
        rows += parquet_row_group_row_count(file, g);
    if (status == STATUS_OK && rows != data->row_count)
        status =
            error_set(err, SQLSTATE_DATA_CORRUPTED, "\"%s\" has not the rows its table says", data->path);
    if (status == STATUS_OK)
        status = delete_read_columns(file, columns, set->count, NULL, take_rows, set, err);
    parquet_file_release(file);
    return status;
}

static bool same_ids(const DeleteFile *a, const DeleteFile *b) {
    return a->content == b->content && a->equality_count == b->equality_count &&
           memcmp(a->equality_ids, b->equality_ids, sizeof(int) * (size_t)a->equality_count) == 0;
}

/* Those of data->deletes[first ..] with the columns of the first. */
static Status apply_alike(const TableVersion *version, const DataFile *data, int first, Budget *budget,
                          uint64_t *bits, Error *err) {
    const DeleteFile *like = data->deletes[first];
    if (like->equality_count > DELETE_MAX_COLUMNS)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "equality deletes by more than %d columns",
                         DELETE_MAX_COLUMNS);
    EqualitySet *set = calloc(1, sizeof *set);
    if (!set) abort();
    set->count = like->equality_count;
    set->bits = bits;
    set->budget = budget;
    arena_init(&set->strings);
    Status status = STATUS_OK;
    for (int i = first; i < data->delete_count && status == STATUS_OK; i++)
        if (same_ids(data->deletes[i], like)) status = read_set(version, data->deletes[i], set, err);
    if (status == STATUS_OK) status = probe(version, data, like->equality_ids, set, err);
    arena_deinit(&set->strings);
    free(set->tuples);
    free(set->slots);
    if (budget) budget_release(budget, set->reserved_bytes);
    free(set);
    return status;
}

Status delete_apply_equality(const TableVersion *version, const DataFile *data, Budget *budget,
                             uint64_t *bits, Error *err) {
    for (int i = 0; i < data->delete_count; i++) {
        if (data->deletes[i]->content != CONTENT_EQUALITY_DELETES) continue;
        bool done = false;
        for (int j = 0; j < i && !done; j++)
            done = same_ids(data->deletes[j], data->deletes[i]);
        if (!done) TRY(apply_alike(version, data, i, budget, bits, err));
    }
    return STATUS_OK;
}
