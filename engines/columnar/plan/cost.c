/* What a plan is expected to take: nanoseconds of work per row and operator, as measured with hot caches on
 * the demo's tables (release build, two workers). */
#include <math.h>

#include "engines/columnar/plan/plan.h"

/* Nanoseconds. */
static const double START = 200e3, FOREIGN_START = 1e6, FOREIGN_ROW = 60, FOREIGN_VALUE = 50, SCAN_ROW = 0.3,
                    SCAN_VALUE = 0.6, EXPRESSION = 1.5, GROUP_BY_CODE = 1, GROUP_BY_HASH = 25, NEW_GROUP = 60,
                    BUILD_ROW = 80, PROBE_ROW = 4, PAIR = 2, COMPARISON = 14, TOP_ROW = 4, KEPT_VALUE = 5,
                    WINDOW_VALUE = 20;
static const double BYTES_PER_NS = 3, FEW_GROUPS = 20000, MORSEL = 131072;

typedef struct Cost {
    double parallel_ns, serial_ns; /* what workers share, and what one thread must do */
    double scanned_rows, read_rows;
} Cost;

static int computed(Expr *const *exprs, int count) {
    int found = 0;
    for (int i = 0; i < count; i++)
        found += exprs[i]->kind != EXPR_COLUMN && exprs[i]->kind != EXPR_CONSTANT;
    return found;
}

static void add_foreign_scan(const PlanNode *node, double share, Cost *cost) {
    int values = node->column_count + node->filter_column_count;
    cost->serial_ns += FOREIGN_START + node->row_estimate * share * (FOREIGN_ROW + FOREIGN_VALUE * values);
}

static void add_scan(const PlanNode *node, double share, Cost *cost) {
    int values = node->column_count + node->filter_column_count;
    double rows = (double)node->version->row_count, read = fmin(rows, fmax(rows * share, MORSEL));
    cost->scanned_rows += rows;
    cost->read_rows += read;
    cost->parallel_ns += read * (SCAN_ROW + SCAN_VALUE * values + EXPRESSION * node->filter_count);
}

static double aggregate_cost(const PlanNode *node) {
    double rows = node->inputs[0]->row_estimate, groups = node->row_estimate;
    double by_group = groups > FEW_GROUPS ? GROUP_BY_HASH : GROUP_BY_CODE;
    double group_ns = node->group_count ? by_group * node->group_count +
                                              EXPRESSION * computed(node->groups, node->group_count)
                                        : 0;
    return rows * (group_ns + EXPRESSION * node->call_count) + groups * NEW_GROUP;
}

static double join_cost(const PlanNode *node, double share) {
    double left = node->inputs[0]->row_estimate * share, right = node->inputs[1]->row_estimate;
    double pairs = node->key_count ? node->row_estimate * share : left * right;
    return right * BUILD_ROW + left * (node->key_count ? PROBE_ROW : PAIR) +
           pairs * PAIR * (node->residual ? 3 : 1);
}

static double sort_cost(const PlanNode *node) {
    double rows = node->inputs[0]->row_estimate;
    if (node->sort_limit > 0) return rows * TOP_ROW;
    return rows * (log2(rows + 2) * COMPARISON + KEPT_VALUE * node->column_count);
}

/* `share`: the part of the node's rows that will be asked for. */
static void add_cost(const PlanNode *node, double share, Cost *cost) {
    bool streams = true;
    switch (node->kind) {
    case PLAN_SCAN: add_scan(node, share, cost); break;
    case PLAN_FOREIGN_SCAN: add_foreign_scan(node, share, cost); break;
    case PLAN_VALUES: cost->parallel_ns += node->row_count * EXPRESSION * node->column_count; break;
    case PLAN_FILTER: cost->parallel_ns += node->inputs[0]->row_estimate * share * EXPRESSION; break;
    case PLAN_PROJECT:
        cost->parallel_ns +=
            node->row_estimate * share * EXPRESSION * computed(node->exprs, node->column_count);
        break;
    case PLAN_AGGREGATE:
        cost->parallel_ns += aggregate_cost(node);
        streams = false;
        break;
    case PLAN_JOIN:
        cost->parallel_ns += join_cost(node, share);
        add_cost(node->inputs[0], share, cost);
        add_cost(node->inputs[1], 1, cost);
        return;
    case PLAN_SORT:
        cost->parallel_ns += sort_cost(node);
        streams = false;
        break;
    case PLAN_WINDOW:
        cost->parallel_ns += sort_cost(node) + node->row_estimate * WINDOW_VALUE * node->window_count;
        streams = false;
        break;
    case PLAN_LIMIT: share *= fmin(1, node->row_estimate / fmax(1, node->inputs[0]->row_estimate)); break;
    case PLAN_UNION_ALL: break;
    case PLAN_CTE:
        cost->parallel_ns += node->row_estimate * share * SCAN_VALUE * node->column_count;
        streams = false;
        break;
    case PLAN_TABLE_FUNCTION: cost->parallel_ns += node->row_estimate * share * EXPRESSION; break;
    case PLAN_SET_OPERATION:
        for (int i = 0; i < node->input_count; i++)
            cost->parallel_ns += node->inputs[i]->row_estimate * GROUP_BY_HASH * node->column_count;
        streams = false;
        break;
    }
    for (int i = 0; i < node->input_count; i++)
        add_cost(node->inputs[i], streams ? share : 1, cost);
}

void plan_estimate(const Plan *plan, int threads, EngineEstimate *out) {
    Cost cost = {0};
    double workers = threads > 0 ? threads : 1;
    *out = (EngineEstimate){
        .rows = plan->root->row_estimate, .bytes_scanned = plan->bytes_scanned, .cost_ms = START / 1e6};
    if (plan->explain && !plan->analyze) return;
    add_cost(plan->root, 1, &cost);
    double read_share = cost.scanned_rows > 0 ? cost.read_rows / cost.scanned_rows : 0;
    out->bytes_scanned *= cost.scanned_rows > 0 ? read_share : 1;
    cost.parallel_ns += plan->bytes_scanned * read_share / BYTES_PER_NS;
    out->cost_ms = (START + cost.serial_ns + cost.parallel_ns / workers) / 1e6;
}
