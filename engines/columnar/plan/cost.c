/* What a plan is expected to take: nanoseconds of work per row and operator, as measured with hot caches on
 * the demo's tables (release build, two workers). */
#include <math.h>

#include "engines/columnar/iceberg/table_statistics.h"
#include "engines/columnar/plan/plan.h"

/* Nanoseconds. */
static const double FOREIGN_START = 1e6, FOREIGN_ROW = 60, FOREIGN_VALUE = 50, START = 60e3, SCAN_ROW = 0.1,
                    SCAN_VALUE = 0.4, CONDITION = 0.4, EXPRESSION = 1.5, GROUP_BY_CODE = 1,
                    GROUP_BY_HASH = 25, NEW_GROUP = 60, BUILD_ROW = 80, PROBE_ROW = 4, PAIR = 2,
                    COMPARISON = 14, TOP_ROW = 4, KEPT_VALUE = 5, WINDOW_VALUE = 20;
static const double BYTES_PER_NS = 3, FEW_GROUPS = 20000, MORSEL = 131072;

/* A join tells the scan of its probe side what it can match: pages without a match are not read. */
static double matched_pages(const PlanNode *join) {
    const PlanNode *probe = join->inputs[0];
    bool drops = join->join_type == JOIN_INNER || join->join_type == JOIN_SEMI;
    if (!drops || join->key_count == 0 || (probe->kind != PLAN_SCAN && probe->kind != PLAN_FOREIGN_SCAN))
        return 1;
    double least = 1;
    for (int k = 0; k < join->key_count && probe->kind == PLAN_SCAN; k++) {
        const Expr *key = join->left_keys[k];
        int column = key->kind == EXPR_COLUMN ? probe->scan_columns[key->column] : -1;
        double overlap = column >= 0 ? table_statistics(probe->version)[column].overlap : -1;
        if (overlap >= 0) least = fmin(least, overlap * join->inputs[1]->row_estimate);
    }
    /* Another engine is told the keys, when they are few. */
    for (int k = 0; k < join->key_count && probe->kind == PLAN_FOREIGN_SCAN; k++) {
        const Expr *key = join->left_keys[k];
        bool told = key->kind == EXPR_COLUMN && join->inputs[1]->row_estimate <= 1000;
        double distinct =
            told ? probe->binding->table->columns[probe->scan_columns[key->column]].distinct : -1;
        if (distinct >= 1) least = fmin(least, join->inputs[1]->row_estimate / distinct);
    }
    return least;
}

typedef struct Cost {
    double parallel_ns, hashed_ns; /* what workers share; the second in hash tables */
    double serial_ns;              /* what one thread must do */
    double scanned_rows, read_rows;
} Cost;

static int computed(Expr *const *exprs, int count) {
    int found = 0;
    for (int i = 0; i < count; i++)
        found += exprs[i]->kind != EXPR_COLUMN && exprs[i]->kind != EXPR_CONSTANT;
    return found;
}

static void add_foreign_scan(const PlanNode *node, double share, Cost *cost) {
    const Engine *engine = node->binding->engine;
    int values = node->column_count + node->filter_column_count;
    double slowness = engine ? engine_slowness(engine, CONSTANT_SENT_BYTE_NS) : 1;
    cost->serial_ns +=
        FOREIGN_START + node->row_estimate * share * (FOREIGN_ROW + FOREIGN_VALUE * values) * slowness;
}

/* Values that are not needed for the conditions are decoded in batches that have rows left, and of those only
 * the rows that are left. */
static double decoded_share(double selectivity) {
    return fmin(1, 0.02 + 4 * selectivity);
}

static void add_scan(const PlanNode *node, double share, Cost *cost) {
    double all = (double)node->version->row_count, rows = all * node->read_share;
    double read = fmin(rows, fmax(rows * share, MORSEL));
    double left = node->filter_count > 0 ? decoded_share(node->row_estimate / fmax(rows, 1)) : 1;
    cost->scanned_rows += rows;
    cost->read_rows += read;
    cost->parallel_ns +=
        read * (SCAN_ROW + SCAN_VALUE * (node->filter_column_count + left * node->column_count) +
                CONDITION * node->filter_count);
}

static void add_aggregate(const PlanNode *node, Cost *cost) {
    double rows = node->inputs[0]->row_estimate, groups = node->row_estimate;
    double by_group = groups > FEW_GROUPS ? GROUP_BY_HASH : GROUP_BY_CODE;
    cost->hashed_ns += rows * by_group * node->group_count + groups * NEW_GROUP;
    cost->parallel_ns += rows * EXPRESSION * (node->call_count + computed(node->groups, node->group_count));
}

static void add_join(const PlanNode *node, double share, Cost *cost) {
    double left = node->inputs[0]->row_estimate * share, right = node->inputs[1]->row_estimate;
    double pairs = node->key_count ? node->row_estimate * share : left * right;
    cost->hashed_ns += right * BUILD_ROW + left * (node->key_count ? PROBE_ROW : PAIR);
    cost->parallel_ns += pairs * PAIR * (node->residual ? 3 : 1);
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
        add_aggregate(node, cost);
        streams = false;
        break;
    case PLAN_JOIN:
        add_join(node, share, cost);
        add_cost(node->inputs[0], share * matched_pages(node), cost);
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
            cost->hashed_ns += node->inputs[i]->row_estimate * GROUP_BY_HASH * node->column_count;
        streams = false;
        break;
    }
    for (int i = 0; i < node->input_count; i++)
        add_cost(node->inputs[i], streams ? share : 1, cost);
}

void plan_estimate(const Plan *plan, const PlanSpeed *speed, EngineEstimate *out) {
    Cost cost = {0};
    double workers = speed->threads > 0 ? speed->threads : 1;
    *out = (EngineEstimate){.rows = plan->root->row_estimate,
                            .bytes_scanned = plan->bytes_scanned,
                            .cost_ms = START * speed->start / 1e6};
    if (plan->explain && !plan->analyze) return;
    add_cost(plan->root, 1, &cost);
    double read_share = cost.scanned_rows > 0 ? cost.read_rows / cost.scanned_rows : 0;
    out->rows_scanned = cost.read_rows;
    out->bytes_scanned *= cost.scanned_rows > 0 ? read_share : 1;
    cost.parallel_ns += plan->bytes_scanned * read_share / BYTES_PER_NS;
    double shared_ns = cost.parallel_ns * speed->scan + cost.hashed_ns * speed->hash;
    out->cost_ms = (START * speed->start + cost.serial_ns + shared_ns / workers) / 1e6;
}
