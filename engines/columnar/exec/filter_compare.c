#include "engines/columnar/exec/expression_internal.h"

#define TYPE int16_t
#define NAME filter_i16
#include "engines/columnar/exec/filter_compare.inc.c"
#define TYPE int32_t
#define NAME filter_i32
#include "engines/columnar/exec/filter_compare.inc.c"
#define TYPE int64_t
#define NAME filter_i64
#include "engines/columnar/exec/filter_compare.inc.c"
#define TYPE float
#define NAME filter_f32
#include "engines/columnar/exec/filter_compare.inc.c"
#define TYPE double
#define NAME filter_f64
#include "engines/columnar/exec/filter_compare.inc.c"

static CompareOp op_of(const char *name) {
    static const struct {
        const char *name;
        CompareOp op;
    } ops[] = {{"=", COMPARE_EQ},  {"<>", COMPARE_NE}, {"<", COMPARE_LT},
               {"<=", COMPARE_LE}, {">", COMPARE_GT},  {">=", COMPARE_GE}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ops[i].name, name)) return ops[i].op;
    return COMPARE_NONE;
}

static bool is_int(PhysicalType physical) {
    return physical == PHYS_I16 || physical == PHYS_I32 || physical == PHYS_I64;
}

/* Same meaning on the raw values: integers of any width, or one and the same type. */
static bool comparable(SqlType a, SqlType b) {
    if (sqltype_is_integer(a) && sqltype_is_integer(b)) return true;
    if (a.id != b.id || a.is_array || b.is_array) return false;
    switch (a.id) {
    case SQL_NUMERIC: return a.scale == b.scale && a.precision && b.precision;
    case SQL_DATE:
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
    case SQL_OID:
    case SQL_FLOAT4:
    case SQL_FLOAT8: return true;
    default: return false;
    }
}

static bool constant_i64(const Vector *constant, int64_t *out) {
    switch ((PhysicalType)constant->physical) {
    case PHYS_I16: *out = *(const int16_t *)constant->values; return true;
    case PHYS_I32: *out = *(const int32_t *)constant->values; return true;
    case PHYS_I64: *out = *(const int64_t *)constant->values; return true;
    default: return false;
    }
}

void compare_resolve(ExprNode *node) {
    if (node->kind != EXPR_CALL || node->arg_count != 2 || !node->args[1]->is_constant ||
        node->args[0]->is_constant)
        return;
    const Vector *constant = &node->args[1]->constant;
    SqlType column = node->args[0]->type;
    if (vector_is_null(constant, 0) || !comparable(column, constant->type)) return;
    CompareOp op = op_of(node->function->name);
    PhysicalType physical = physical_type_of(column);
    if (is_int(physical) && constant_i64(constant, &node->compare_i64)) {
        node->compare = (uint8_t)op;
    } else if (physical == PHYS_F64 && constant->physical == PHYS_F64) {
        node->compare_f64 = *(const double *)constant->values;
        node->compare = (uint8_t)(node->compare_f64 == node->compare_f64 ? op : COMPARE_NONE);
    } else if (physical == PHYS_F32 && constant->physical == PHYS_F32) {
        node->compare_f64 = (double)*(const float *)constant->values;
        node->compare = (uint8_t)(node->compare_f64 == node->compare_f64 ? op : COMPARE_NONE);
    }
}

/* A constant outside the column's range decides for every row alike. */
static int decide_all(CompareOp op, bool constant_above, const uint16_t *selection, int selected,
                      uint16_t *out) {
    bool all = op == COMPARE_NE ||
               (constant_above ? op == COMPARE_LT || op == COMPARE_LE : op == COMPARE_GT || op == COMPARE_GE);
    for (int k = 0; all && k < selected; k++)
        out[k] = (uint16_t)selection_row(selection, k);
    return all ? selected : 0;
}

static int drop_nulls(const uint64_t *validity, uint16_t *rows, int count) {
    int kept = 0;
    for (int k = 0; k < count; k++) {
        uint16_t row = rows[k];
        rows[kept] = row;
        kept += bitmap_get(validity, row);
    }
    return kept;
}

bool compare_filter(const ExprNode *node, const Vector *arg, const uint16_t *selection, int selected,
                    uint16_t *out, int *count) {
    if (!node->compare || arg->encoding != VECTOR_FLAT) return false;
    CompareOp op = (CompareOp)node->compare;
    int64_t constant = node->compare_i64, low, high;
    int kept;
    switch ((PhysicalType)arg->physical) {
    case PHYS_I16: low = INT16_MIN, high = INT16_MAX; break;
    case PHYS_I32: low = INT32_MIN, high = INT32_MAX; break;
    default: low = INT64_MIN, high = INT64_MAX; break;
    }
    bool outside = constant < low || constant > high;
    switch ((PhysicalType)arg->physical) {
    case PHYS_I16:
        kept = outside ? decide_all(op, constant > high, selection, selected, out)
                       : filter_i16(arg->values, (int16_t)constant, op, selection, selected, out);
        break;
    case PHYS_I32:
        kept = outside ? decide_all(op, constant > high, selection, selected, out)
                       : filter_i32(arg->values, (int32_t)constant, op, selection, selected, out);
        break;
    case PHYS_I64: kept = filter_i64(arg->values, constant, op, selection, selected, out); break;
    case PHYS_F32:
        kept = filter_f32(arg->values, (float)node->compare_f64, op, selection, selected, out);
        break;
    case PHYS_F64: kept = filter_f64(arg->values, node->compare_f64, op, selection, selected, out); break;
    default: return false;
    }
    *count = arg->validity ? drop_nulls(arg->validity, out, kept) : kept;
    return true;
}
