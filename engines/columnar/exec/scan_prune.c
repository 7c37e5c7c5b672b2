#include "engines/columnar/exec/scan_prune.h"

#include "engines/columnar/exec/scan_words.h"
#include "engines/columnar/iceberg/table_version.h"

const Vector *scan_constant_of(Query *query, const Expr *expr) {
    const Vector *value = NULL;
    if (expr->kind == EXPR_CONSTANT)
        value = expr->constant;
    else if (expr->kind == EXPR_PARAM && expr->param >= 0 && expr->param < query->plan->param_count)
        value = &query->params[expr->param];
    return value && !vector_is_null(value, 0) && value->encoding != VECTOR_DICTIONARY ? value : NULL;
}

static bool add_test(ScanPruner *pruner, const Expr *column, PruneOp op, const Vector *values, int count) {
    if (column->kind != EXPR_COLUMN || !values) return false;
    pruner->tests[pruner->test_count++] = (PruneTest){
        .column = column->column, .op = op, .type = values->type, .values = values, .value_count = count};
    return true;
}

/* The literal text before the pattern's first wildcard, as a constant; NULL when there is none. */
static const Vector *like_prefix(Query *query, const Vector *pattern) {
    if (pattern->physical != PHYS_STRING) return NULL;
    const StringView *view = pattern->values;
    const char *text = stringview_data(view);
    uint32_t length = 0;
    while (length < view->length && text[length] != '%' && text[length] != '_' && text[length] != '\\')
        length++;
    if (!length) return NULL;
    Vector *prefix = ARENA_NEW(&query->arena, Vector);
    StringView cut = stringview_make(arena_strndup(&query->arena, text, length), length);
    vector_init_constant(prefix, sqltype_of(SQL_TEXT), &cut, &query->arena);
    return prefix;
}

static void add_comparison(Query *query, ScanPruner *pruner, const Expr *expr) {
    static const struct {
        const char *name;
        PruneOp op, mirrored;
    } ops[] = {{"=", PRUNE_EQ, PRUNE_EQ},
               {"<", PRUNE_LT, PRUNE_GT},
               {"<=", PRUNE_LE, PRUNE_GE},
               {">", PRUNE_GT, PRUNE_LT},
               {">=", PRUNE_GE, PRUNE_LE}};
    if (expr->arg_count != 2 || !expr->function) return;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(expr->function->name, ops[i].name)) continue;
        if (!add_test(pruner, expr->args[0], ops[i].op, scan_constant_of(query, expr->args[1]), 1))
            add_test(pruner, expr->args[1], ops[i].mirrored, scan_constant_of(query, expr->args[0]), 1);
        return;
    }
    const Expr *searched = scan_words_column(expr);
    if (searched) add_test(pruner, searched, PRUNE_WORDS, scan_constant_of(query, expr->args[1]), 1);
    if (!strcmp(expr->function->name, "~~")) {
        const Vector *pattern = scan_constant_of(query, expr->args[1]);
        if (pattern) add_test(pruner, expr->args[0], PRUNE_PREFIX, like_prefix(query, pattern), 1);
    }
}

static void add_in(Query *query, ScanPruner *pruner, const Expr *expr) {
    Vector *values = ARENA_NEW_ARRAY(&query->arena, Vector, expr->arg_count);
    int count = 0;
    for (int i = 1; i < expr->arg_count; i++) {
        const Vector *value = scan_constant_of(query, expr->args[i]);
        if (value)
            values[count++] = *value; /* NULLs in the list match no row */
        else if (expr->args[i]->kind != EXPR_CONSTANT && expr->args[i]->kind != EXPR_PARAM)
            return;
    }
    if (count) add_test(pruner, expr->args[0], PRUNE_IN, values, count);
}

static int count_conjuncts(const Expr *expr) {
    int count = 1;
    for (int i = 0; expr->kind == EXPR_AND && i < expr->arg_count; i++)
        count += count_conjuncts(expr->args[i]);
    return count;
}

static void add_conjunct(Query *query, ScanPruner *pruner, const Expr *expr) {
    static const Vector none = {0};
    scan_words_add(query, pruner, expr);
    switch (expr->kind) {
    case EXPR_AND:
        for (int i = 0; i < expr->arg_count; i++)
            add_conjunct(query, pruner, expr->args[i]);
        break;
    case EXPR_CALL: add_comparison(query, pruner, expr); break;
    case EXPR_IN_LIST: add_in(query, pruner, expr); break;
    case EXPR_IS_NULL: add_test(pruner, expr->args[0], PRUNE_IS_NULL, &none, 0); break;
    case EXPR_IS_NOT_NULL: add_test(pruner, expr->args[0], PRUNE_NOT_NULL, &none, 0); break;
    default: break;
    }
}

void scan_pruner_build(Query *query, const PlanNode *node, ScanPruner *out) {
    int most = 0;
    for (int i = 0; i < node->filter_count; i++)
        most += count_conjuncts(node->filters[i]);
    out->tests = ARENA_NEW_ARRAY(&query->arena, PruneTest, most + 1);
    out->test_count = 0;
    out->words = ARENA_NEW_ARRAY(&query->arena, WordTests, most + 1);
    out->words_count = 0;
    for (int i = 0; i < node->filter_count; i++)
        add_conjunct(query, out, node->filters[i]);
}

/* ---- deciding --------------------------------------------------------------------------------------------
 */

/* Bounds and value on one scale; false when they cannot be compared. */
typedef struct Ordered {
    int below_min, above_max;
} Ordered; /* <0, 0, >0: value against the bound */

static int compare_i128(__int128 a, __int128 b) {
    return a < b ? -1 : a > b;
}
static int compare_f64(double a, double b) {
    return a < b ? -1 : a > b;
}

static bool integer_value(const Vector *value, __int128 *out) {
    switch ((PhysicalType)value->physical) {
    case PHYS_BOOL: *out = *(const uint8_t *)value->values; return true;
    case PHYS_I8: *out = *(const int8_t *)value->values; return true;
    case PHYS_I16: *out = *(const int16_t *)value->values; return true;
    case PHYS_I32: *out = *(const int32_t *)value->values; return true;
    case PHYS_I64: *out = *(const int64_t *)value->values; return true;
    case PHYS_I128: memcpy(out, value->values, 16); return true;
    default: return false;
    }
}

static bool same_meaning(SqlType a, SqlType b) {
    if (sqltype_is_integer(a) && sqltype_is_integer(b)) return true;
    if (sqltype_is(a, SQL_BPCHAR) || sqltype_is(b, SQL_BPCHAR))
        return false; /* blanks at the end do not count, bytes do */
    if (sqltype_is_text(a) && sqltype_is_text(b)) return true;
    if (a.id != b.id || a.is_array || b.is_array) return false;
    return !sqltype_is(a, SQL_NUMERIC) || (a.scale == b.scale && a.precision && b.precision);
}

static bool place(const Vector *value, const ParquetColumnStats *stats, SqlType stats_type, Ordered *out) {
    PhysicalType physical = physical_type_of(stats_type);
    __int128 number;
    if (!same_meaning(stats_type, value->type)) return false;
    if (physical == PHYS_F32 || physical == PHYS_F64) {
        double given = value->physical == PHYS_F32 ? (double)*(const float *)value->values
                                                   : *(const double *)value->values;
        if (given != given || (value->physical != PHYS_F32 && value->physical != PHYS_F64)) return false;
        *out = (Ordered){compare_f64(given, stats->min.f64), compare_f64(given, stats->max.f64)};
        return true;
    }
    if (physical == PHYS_STRING && value->physical == PHYS_STRING) {
        if (sqltype_is(stats_type, SQL_JSON) || sqltype_is(stats_type, SQL_JSONB)) return false;
        *out = (Ordered){stringview_compare(value->values, &stats->min.string),
                         stringview_compare(value->values, &stats->max.string)};
        return true;
    }
    if (!integer_value(value, &number)) return false;
    if (physical == PHYS_I128)
        *out = (Ordered){compare_i128(number, stats->min.i128), compare_i128(number, stats->max.i128)};
    else if (physical <= PHYS_I64)
        *out = (Ordered){compare_i128(number, stats->min.i64), compare_i128(number, stats->max.i64)};
    else
        return false;
    return true;
}

static bool prefix_excluded(const Vector *value, const ParquetColumnStats *stats, SqlType stats_type) {
    if (!sqltype_is_text(stats_type) || sqltype_is(stats_type, SQL_BPCHAR)) return false;
    const StringView *prefix = value->values;
    const StringView *min = &stats->min.string, *max = &stats->max.string;
    uint32_t shared = prefix->length < min->length ? prefix->length : min->length;
    if (memcmp(stringview_data(min), stringview_data(prefix), shared) > 0)
        return true; /* every value is beyond everything with the prefix */
    return stringview_compare(max, prefix) < 0;
}

bool prune_excludes(const PruneTest *test, const ParquetColumnStats *stats, SqlType stats_type,
                    int64_t rows) {
    if (test->op == PRUNE_IS_NULL) return stats->null_count == 0;
    if (stats->null_count >= 0 && stats->null_count == rows)
        return true; /* nothing but NULLs passes no comparison */
    if (test->op == PRUNE_NOT_NULL || test->op == PRUNE_WORDS || !stats->has_min_max) return false;
    if (test->op == PRUNE_PREFIX) return prefix_excluded(&test->values[0], stats, stats_type);
    bool floats = physical_type_of(stats_type) == PHYS_F32 || physical_type_of(stats_type) == PHYS_F64;
    for (int i = 0; i < test->value_count; i++) {
        Ordered at;
        if (!place(&test->values[i], stats, stats_type, &at)) return false;
        bool possible = true;
        switch (test->op) {
        case PRUNE_EQ:
        case PRUNE_IN: possible = at.below_min >= 0 && at.above_max <= 0; break;
        case PRUNE_LT: possible = at.below_min > 0; break;
        case PRUNE_LE: possible = at.below_min >= 0; break;
        /* NaN counts as greatest but is not in the bounds. */
        case PRUNE_GT: possible = floats || at.above_max < 0; break;
        case PRUNE_GE: possible = floats || at.above_max <= 0; break;
        default: break;
        }
        if (possible) return false;
    }
    return true;
}

/* Of these types equal values have equal hashes, whatever the width. */
static bool hashes_alike(SqlType column, SqlType value) {
    if (sqltype_is_integer(column) && sqltype_is_integer(value)) return true;
    if (sqltype_is(column, SQL_BPCHAR) || sqltype_is(value, SQL_BPCHAR)) return false;
    if (sqltype_is_text(column) && sqltype_is_text(value)) return true;
    bool plain = column.id == SQL_DATE || column.id == SQL_TIMESTAMP || column.id == SQL_TIMESTAMPTZ ||
                 column.id == SQL_UUID;
    return plain && column.id == value.id && !column.is_array && !value.is_array;
}

static bool in_bucket(const PruneTest *test, const PartitionField *field, const PartitionValue *bucket) {
    for (int i = 0; i < test->value_count; i++) {
        PartitionValue value, own;
        if (!hashes_alike(field->source_type, test->values[i].type)) return true;
        partition_value_of(&test->values[i], 0, &value);
        transform_apply(field->transform, test->values[i].type, &value, &own);
        if (partition_value_equals(field->result_type, &own, bucket)) return true;
    }
    return false;
}

bool prune_excludes_partition(const PruneTest *test, const TableVersion *version, int column,
                              const DataFile *file) {
    if ((test->op != PRUNE_EQ && test->op != PRUNE_IN) || !file->partition) return false;
    const PartitionSpec *spec = table_version_spec(version, file->spec_id);
    for (int i = 0; spec && i < spec->field_count; i++)
        if (spec->fields[i].transform.kind == TRANSFORM_BUCKET &&
            spec->fields[i].source_id == version->columns[column].field_id &&
            !in_bucket(test, &spec->fields[i], &file->partition[i]))
            return true;
    return false;
}
