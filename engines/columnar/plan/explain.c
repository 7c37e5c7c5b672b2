/* EXPLAIN: the plan as an indented tree, or as JSON. */
#include <stdio.h>

#include "engines/columnar/plan/logical.h"

static const char *join_name(JoinType type) {
    static const char *const NAMES[] = {"Inner", "Left",   "Right", "Full",       "Semi",      "Anti",
                                        "Mark",  "Single", "Cross", "Right Semi", "Right Anti"};
    return NAMES[type];
}

static const char *kind_name(const PlanNode *node) {
    switch (node->kind) {
    case PLAN_SCAN: return "Scan";
    case PLAN_FOREIGN_SCAN: return "Foreign Scan";
    case PLAN_VALUES: return "Values";
    case PLAN_FILTER: return "Filter";
    case PLAN_PROJECT: return "Project";
    case PLAN_AGGREGATE:
        return node->call_count == 0 ? "Distinct" : node->group_count ? "Group Aggregate" : "Aggregate";
    case PLAN_JOIN:
        return node->join_type == JOIN_CROSS || (node->join_type == JOIN_SINGLE && node->key_count == 0)
                   ? "Join"
                   : "Hash Join";
    case PLAN_SORT: return node->sort_limit > 0 ? "Top-N Sort" : "Sort";
    case PLAN_LIMIT: return "Limit";
    case PLAN_UNION_ALL: return "Union All";
    case PLAN_CTE: return node->working ? "Working Table" : node->cte->term ? "Recursive Union" : "CTE Scan";
    case PLAN_TABLE_FUNCTION: return "Table Function";
    case PLAN_WINDOW: return "Window";
    default: return node->set_except ? "Except" : "Intersect";
    }
}

/* ---- expressions
 * --------------------------------------------------------------------------------------------- */

static bool is_symbol(const char *name) {
    return !((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
}

static void describe_args(const Expr *expr, int from, const char *separator, const PlanColumn *columns,
                          int count, StrBuf *out) {
    for (int i = from; i < expr->arg_count; i++) {
        if (i > from) strbuf_append_text(out, separator);
        plan_describe_expr(expr->args[i], columns, count, out);
    }
}

static void describe_call(const Expr *expr, const PlanColumn *columns, int count, StrBuf *out) {
    const char *name = expr->function && expr->function->name ? expr->function->name : "?";
    if (is_symbol(name) && expr->arg_count == 2) {
        strbuf_append_char(out, '(');
        plan_describe_expr(expr->args[0], columns, count, out);
        strbuf_printf(out, " %s ", name);
        plan_describe_expr(expr->args[1], columns, count, out);
        strbuf_append_char(out, ')');
        return;
    }
    strbuf_append_text(out, name);
    strbuf_append_char(out, '(');
    describe_args(expr, 0, ", ", columns, count, out);
    strbuf_append_char(out, ')');
}

static void describe_case(const Expr *expr, const PlanColumn *columns, int count, StrBuf *out) {
    strbuf_append_text(out, "CASE");
    for (int i = 0; i + 1 < expr->arg_count; i += 2) {
        strbuf_append_text(out, " WHEN ");
        plan_describe_expr(expr->args[i], columns, count, out);
        strbuf_append_text(out, " THEN ");
        plan_describe_expr(expr->args[i + 1], columns, count, out);
    }
    strbuf_append_text(out, " ELSE ");
    plan_describe_expr(expr->args[expr->arg_count - 1], columns, count, out);
    strbuf_append_text(out, " END");
}

static void describe_test(const Expr *expr, const char *test, const PlanColumn *columns, int count,
                          StrBuf *out) {
    strbuf_append_char(out, '(');
    plan_describe_expr(expr->args[0], columns, count, out);
    strbuf_append_text(out, test);
    if (expr->arg_count > 1) plan_describe_expr(expr->args[1], columns, count, out);
    strbuf_append_char(out, ')');
}

void plan_describe_expr(const Expr *expr, const PlanColumn *columns, int count, StrBuf *out) {
    char type[SQLTYPE_NAME_BYTES];
    switch (expr->kind) {
    case EXPR_COLUMN:
        if (columns && expr->column < count)
            strbuf_append_text(out, columns[expr->column].name);
        else
            strbuf_printf(out, "#%d", expr->column);
        break;
    case EXPR_CONSTANT: constant_describe(expr->constant, out); break;
    case EXPR_PARAM: strbuf_printf(out, "$%d", expr->param + 1); break;
    case EXPR_CALL: describe_call(expr, columns, count, out); break;
    case EXPR_CAST:
        plan_describe_expr(expr->args[0], columns, count, out);
        strbuf_printf(out, "::%s", sqltype_name(expr->type, true, type));
        break;
    case EXPR_AND:
    case EXPR_OR:
        strbuf_append_char(out, '(');
        describe_args(expr, 0, expr->kind == EXPR_AND ? " AND " : " OR ", columns, count, out);
        strbuf_append_char(out, ')');
        break;
    case EXPR_NOT:
        strbuf_append_text(out, "NOT ");
        plan_describe_expr(expr->args[0], columns, count, out);
        break;
    case EXPR_IS_NULL: describe_test(expr, " IS NULL", columns, count, out); break;
    case EXPR_IS_NOT_NULL: describe_test(expr, " IS NOT NULL", columns, count, out); break;
    case EXPR_IS_TRUE: describe_test(expr, " IS TRUE", columns, count, out); break;
    case EXPR_IS_NOT_TRUE: describe_test(expr, " IS NOT TRUE", columns, count, out); break;
    case EXPR_IS_FALSE: describe_test(expr, " IS FALSE", columns, count, out); break;
    case EXPR_IS_NOT_FALSE: describe_test(expr, " IS NOT FALSE", columns, count, out); break;
    case EXPR_IS_DISTINCT: describe_test(expr, " IS DISTINCT FROM ", columns, count, out); break;
    case EXPR_IS_NOT_DISTINCT: describe_test(expr, " IS NOT DISTINCT FROM ", columns, count, out); break;
    case EXPR_CASE: describe_case(expr, columns, count, out); break;
    case EXPR_COALESCE:
    case EXPR_NULLIF:
        strbuf_append_text(out, expr->kind == EXPR_COALESCE ? "COALESCE(" : "NULLIF(");
        describe_args(expr, 0, ", ", columns, count, out);
        strbuf_append_char(out, ')');
        break;
    case EXPR_IN_LIST:
        plan_describe_expr(expr->args[0], columns, count, out);
        strbuf_append_text(out, " IN (");
        describe_args(expr, 1, ", ", columns, count, out);
        strbuf_append_char(out, ')');
        break;
    }
}

/* ---- what a node says of itself
 * ----------------------------------------------------------------------------- */

/* The columns a scan's filters refer to, by name. */
static int filter_names(const PlanNode *node, PlanColumn *out, int capacity) {
    int count = node->filter_column_count < capacity ? node->filter_column_count : capacity;
    for (int i = 0; i < count; i++) {
        int column = node->filter_columns[i];
        out[i] = (PlanColumn){.name = node->kind == PLAN_SCAN ? node->version->columns[column].name
                                                              : node->binding->table->columns[column].name};
    }
    return count;
}

static void describe_filters(const PlanNode *node, StrBuf *out) {
    enum { SHOWN = 64 };
    PlanColumn names[SHOWN];
    int count = filter_names(node, names, SHOWN);
    for (int i = 0; i < node->filter_count; i++) {
        if (i) strbuf_append_text(out, " AND ");
        plan_describe_expr(node->filters[i], names, count, out);
    }
}

static void describe_columns(const PlanNode *node, StrBuf *out) {
    for (int i = 0; i < node->column_count; i++)
        strbuf_printf(out, "%s%s", i ? ", " : "", node->columns[i].name);
}

static void describe_calls(const PlanNode *node, StrBuf *out) {
    const PlanNode *input = node->inputs[0];
    for (int c = 0; c < node->call_count; c++) {
        const AggregateCall *call = &node->calls[c];
        strbuf_printf(out, "%s%s(%s", c ? ", " : "", call->function->name, call->distinct ? "DISTINCT " : "");
        for (int a = 0; a < call->arg_count; a++) {
            if (a) strbuf_append_text(out, ", ");
            plan_describe_expr(call->args[a], input->columns, input->column_count, out);
        }
        strbuf_append_text(out, call->arg_count ? ")" : "*)");
        if (call->filter) {
            strbuf_append_text(out, " FILTER ");
            plan_describe_expr(call->filter, input->columns, input->column_count, out);
        }
    }
}

static void describe_groups(const PlanNode *node, StrBuf *out) {
    for (int g = 0; g < node->group_count; g++) {
        if (g) strbuf_append_text(out, ", ");
        plan_describe_expr(node->groups[g], node->inputs[0]->columns, node->inputs[0]->column_count, out);
    }
}

static void describe_keys(const PlanNode *node, StrBuf *out) {
    for (int k = 0; k < node->key_count; k++) {
        if (k) strbuf_append_text(out, " AND ");
        plan_describe_expr(node->left_keys[k], node->inputs[0]->columns, node->inputs[0]->column_count, out);
        strbuf_append_text(out, " = ");
        plan_describe_expr(node->right_keys[k], node->inputs[1]->columns, node->inputs[1]->column_count, out);
    }
}

static void describe_residual(const PlanNode *node, StrBuf *out) {
    enum { SHOWN = 256 };
    PlanColumn both[SHOWN];
    int count = 0;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < node->inputs[side]->column_count && count < SHOWN; i++)
            both[count++] = node->inputs[side]->columns[i];
    plan_describe_expr(node->residual, both, count, out);
}

static void describe_sort(const PlanNode *node, StrBuf *out) {
    for (int k = 0; k < node->sort_key_count; k++) {
        const SortKey *key = &node->sort_keys[k];
        if (k) strbuf_append_text(out, ", ");
        plan_describe_expr(key->expr, node->inputs[0]->columns, node->inputs[0]->column_count, out);
        if (key->descending) strbuf_append_text(out, " DESC");
        if (key->nulls_first != key->descending)
            strbuf_append_text(out, key->nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

static void describe_windows(const PlanNode *node, StrBuf *out) {
    const PlanNode *input = node->inputs[0];
    for (int w = 0; w < node->window_count; w++) {
        const WindowCall *window = &node->windows[w];
        strbuf_printf(out, "%s%s(", w ? ", " : "", window->name);
        for (int a = 0; a < window->call.arg_count; a++) {
            if (a) strbuf_append_text(out, ", ");
            plan_describe_expr(window->call.args[a], input->columns, input->column_count, out);
        }
        strbuf_printf(out, ") over %d+%d keys", window->partition_count, window->order_count);
    }
}

static void describe_exprs(const PlanNode *node, StrBuf *out) {
    for (int i = 0; i < node->column_count; i++) {
        if (i) strbuf_append_text(out, ", ");
        plan_describe_expr(node->exprs[i], node->inputs[0]->columns, node->inputs[0]->column_count, out);
    }
}

static void describe_functions(const PlanNode *node, StrBuf *out) {
    const PlanColumn *columns = node->input_count ? node->inputs[0]->columns : NULL;
    int count = node->input_count ? node->inputs[0]->column_count : 0;
    for (int f = 0; f < node->table_call_count; f++) {
        const TableFunctionCall *call = &node->table_calls[f];
        strbuf_printf(out, "%s%s(", f ? ", " : "", call->function->name);
        for (int a = 0; a < call->arg_count; a++) {
            if (a) strbuf_append_text(out, ", ");
            plan_describe_expr(call->args[a], columns, count, out);
        }
        strbuf_append_char(out, ')');
    }
    if (node->ordinality) strbuf_append_text(out, " WITH ORDINALITY");
}

static void describe_limit(const PlanNode *node, StrBuf *out) {
    if (node->limit)
        plan_describe_expr(node->limit, NULL, 0, out);
    else
        strbuf_append_text(out, "all");
    if (node->offset) {
        strbuf_append_text(out, " offset ");
        plan_describe_expr(node->offset, NULL, 0, out);
    }
}

/* Label and text of each thing worth saying, handed to `emit`. */
typedef void (*Emit)(void *context, const char *label, const char *text);

static void emit_with(const PlanNode *node, const char *label, void (*describe)(const PlanNode *, StrBuf *),
                      Emit emit, void *context) {
    StrBuf text;
    strbuf_init(&text);
    describe(node, &text);
    emit(context, label, strbuf_text(&text));
    strbuf_deinit(&text);
}

static void describe_predicate(const PlanNode *node, StrBuf *out) {
    plan_describe_expr(node->predicate, node->inputs[0]->columns, node->inputs[0]->column_count, out);
}

static void node_details(const PlanNode *node, Emit emit, void *context) {
    if (node->kind == PLAN_SCAN || node->kind == PLAN_FOREIGN_SCAN) {
        emit(context, "Table", node->kind == PLAN_SCAN ? node->version->name : node->binding->table->name);
        if (node->kind == PLAN_FOREIGN_SCAN)
            emit(context, "Engine",
                 node->binding->engine && node->binding->engine->name ? node->binding->engine->name : "?");
        emit_with(node, "Columns", describe_columns, emit, context);
        if (node->filter_count) emit_with(node, "Filter", describe_filters, emit, context);
        if (node->scan_row_limit) {
            char limit[32];
            snprintf(limit, sizeof limit, "%lld", (long long)node->scan_row_limit);
            emit(context, "Row Limit", limit);
        }
    }
    if (node->kind == PLAN_FILTER) emit_with(node, "Filter", describe_predicate, emit, context);
    if (node->kind == PLAN_CTE) emit(context, "CTE", node->cte->name);
    if (node->kind == PLAN_TABLE_FUNCTION) emit_with(node, "Functions", describe_functions, emit, context);
    if (node->kind == PLAN_PROJECT) emit_with(node, "Output", describe_exprs, emit, context);
    if (node->kind == PLAN_AGGREGATE && node->group_count)
        emit_with(node, "Groups", describe_groups, emit, context);
    if (node->kind == PLAN_AGGREGATE && node->call_count)
        emit_with(node, "Calls", describe_calls, emit, context);
    if (node->kind == PLAN_JOIN) {
        emit(context, "Join Type", join_name(node->join_type));
        if (node->key_count) emit_with(node, "Keys", describe_keys, emit, context);
        if (node->residual) emit_with(node, "Residual", describe_residual, emit, context);
    }
    if (node->kind == PLAN_WINDOW) {
        emit_with(node, "Calls", describe_windows, emit, context);
        if (node->sort_key_count) emit_with(node, "Sort Key", describe_sort, emit, context);
    }
    if (node->kind == PLAN_SORT) emit_with(node, "Sort Key", describe_sort, emit, context);
    if (node->kind == PLAN_LIMIT) emit_with(node, "Rows", describe_limit, emit, context);
    if (node->note) emit(context, "Rules", node->note);
}

/* ---- text
 * --------------------------------------------------------------------------------------------------- */

static void emit_text(void *context, const char *label, const char *text) {
    StrBuf *out = context;
    strbuf_printf(out, "  %s: %s", label, text);
}

static void explain_text(const Plan *plan, const PlanNode *node, int depth, PlanAnnotate annotate,
                         void *context, StrBuf *out) {
    for (int i = 0; i < depth; i++)
        strbuf_append_text(out, "  ");
    strbuf_append_text(out, kind_name(node));
    node_details(node, emit_text, out);
    if (!plan->explain_no_costs && node->row_estimate >= 0)
        strbuf_printf(out, "  (rows~%.0f)", node->row_estimate);
    if (annotate) annotate(context, node, false, out);
    strbuf_append_char(out, '\n');
    for (int i = 0; i < node->input_count; i++)
        explain_text(plan, node->inputs[i], depth + 1, annotate, context, out);
}

/* ---- JSON
 * --------------------------------------------------------------------------------------------------- */

static void emit_json(void *context, const char *label, const char *text) {
    StrBuf *out = context;
    strbuf_append_char(out, ',');
    strbuf_append_json(out, label, strlen(label));
    strbuf_append_char(out, ':');
    strbuf_append_json(out, text, strlen(text));
}

static void explain_json(const Plan *plan, const PlanNode *node, PlanAnnotate annotate, void *context,
                         StrBuf *out) {
    strbuf_append_text(out, "{\"Node Type\":");
    strbuf_append_json(out, kind_name(node), strlen(kind_name(node)));
    node_details(node, emit_json, out);
    if (!plan->explain_no_costs && node->row_estimate >= 0)
        strbuf_printf(out, ",\"Plan Rows\":%.0f", node->row_estimate);
    if (annotate) annotate(context, node, true, out);
    if (node->input_count > 0) {
        strbuf_append_text(out, ",\"Plans\":[");
        for (int i = 0; i < node->input_count; i++) {
            if (i) strbuf_append_char(out, ',');
            explain_json(plan, node->inputs[i], annotate, context, out);
        }
        strbuf_append_char(out, ']');
    }
    strbuf_append_char(out, '}');
}

void plan_explain(const Plan *plan, bool json, PlanAnnotate annotate, void *context, StrBuf *out) {
    if (!json) {
        explain_text(plan, plan->root, 0, annotate, context, out);
        if (annotate) annotate(context, NULL, false, out);
        return;
    }
    strbuf_append_text(out, "[{\"Plan\":");
    explain_json(plan, plan->root, annotate, context, out);
    if (annotate) annotate(context, NULL, true, out);
    strbuf_append_text(out, "}]");
}
