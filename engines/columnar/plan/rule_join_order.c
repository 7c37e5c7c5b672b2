/* Rule: inner joins in the cheapest order, bushy ones too, the smaller side built. Dynamic programming over
 * the connected subsets of the relations up to MOST_EXACT of them, else greedy. */
#include <math.h>
#include <stdlib.h>

#include "engines/columnar/plan/logical.h"

enum { MOST_EXACT = 12, MOST_RELATIONS = 64, MOST_PREDICATES = 512, MOST_SEMIS = 16 };

/* Nanoseconds a row takes: built into the hash table, looked up in it, given out. A table beyond the caches
 * costs a miss per lookup. */
static const double BUILD = 40, PROBE = 5, PROBE_LARGE = 20, OUT = 3, LARGE_ROWS = 1e6;

/* Two relations and what all conditions between them leave of their pairs. */
typedef struct Edge {
    uint64_t sides;
    double share;
} Edge;

typedef struct Cluster {
    Binder *binder;
    Rel *relations[MOST_RELATIONS];
    int count;
    ExprList predicates;
    uint64_t *reads; /* per predicate: relations it reads */
    bool *placed;
    uint64_t neighbours[MOST_RELATIONS];
    Edge *edges;
    int edge_count;
    Rel *semis[MOST_SEMIS]; /* weak semi and anti joins found among the inner ones; they go where rows are
                               fewest */
    int semi_count;
} Cluster;

static bool is_inner(const Rel *rel) {
    return rel->kind == PLAN_JOIN && (rel->join_type == JOIN_INNER || rel->join_type == JOIN_CROSS);
}

/* Leaves most rows: it need not come before the joins. */
static bool is_weak_semi(const Rel *rel) {
    const double most = 0.2;
    return rel->kind == PLAN_JOIN && (rel->join_type == JOIN_SEMI || rel->join_type == JOIN_ANTI) &&
           rel->predicates.count > 0 && rel->rows > rel->inputs[0]->rows * most;
}

static bool collect(Cluster *cluster, Rel *rel) {
    if (is_weak_semi(rel) && cluster->semi_count < MOST_SEMIS) {
        cluster->semis[cluster->semi_count++] = rel;
        return collect(cluster, rel->inputs[0]);
    }
    if (!is_inner(rel)) {
        if (cluster->count == MOST_RELATIONS) return false;
        cluster->relations[cluster->count++] = rel;
        return true;
    }
    for (int i = 0; i < rel->predicates.count; i++)
        expr_list_add(cluster->binder->arena, &cluster->predicates, rel->predicates.items[i]);
    return collect(cluster, rel->inputs[0]) && collect(cluster, rel->inputs[1]);
}

static uint64_t relations_read(const Cluster *cluster, const Expr *predicate) {
    uint64_t mask = 0;
    for (int r = 0; r < cluster->count; r++)
        if (expr_reads_any(predicate, cluster->relations[r])) mask |= UINT64_C(1) << r;
    return mask;
}

/* ---- equal columns
 * ------------------------------------------------------------------------------------------------ */

static bool is_column_pair(const Expr *expr) {
    return expr_is_equality(expr) && expr->args[0]->kind == EXPR_COLUMN &&
           expr->args[1]->kind == EXPR_COLUMN && sqltype_equals(expr->args[0]->type, expr->args[1]->type);
}

static bool has_pair(const Cluster *cluster, int a, int b) {
    for (int p = 0; p < cluster->predicates.count; p++) {
        const Expr *expr = cluster->predicates.items[p];
        if (is_column_pair(expr) && ((expr->args[0]->column == a && expr->args[1]->column == b) ||
                                     (expr->args[0]->column == b && expr->args[1]->column == a)))
            return true;
    }
    return false;
}

/* a = b and b = c: a = c may be joined first. */
static void add_implied(Cluster *cluster) {
    Arena *arena = cluster->binder->arena;
    for (int p = 0; p < cluster->predicates.count && cluster->predicates.count < MOST_PREDICATES; p++)
        for (int q = 0; q < p && cluster->predicates.count < MOST_PREDICATES; q++) {
            const Expr *first = cluster->predicates.items[p], *second = cluster->predicates.items[q];
            if (!is_column_pair(first) || !is_column_pair(second)) continue;
            for (int side = 0; side < 4; side++) {
                Expr *a = first->args[side & 1], *b = first->args[1 - (side & 1)];
                Expr *c = second->args[side >> 1], *d = second->args[1 - (side >> 1)];
                if (b->column != c->column || a->column == d->column ||
                    has_pair(cluster, a->column, d->column))
                    continue;
                Expr *implied = expr_copy(arena, first);
                implied->args[0] = expr_copy(arena, a);
                implied->args[1] = expr_copy(arena, d);
                uint64_t reads = relations_read(cluster, implied);
                if (__builtin_popcountll(reads) == 2) expr_list_add(arena, &cluster->predicates, implied);
            }
        }
}

/* ---- estimates
 * ---------------------------------------------------------------------------------------------------- */

static void add_edge(Cluster *cluster, uint64_t sides) {
    int a = __builtin_ctzll(sides), b = 63 - __builtin_clzll(sides);
    ExprList own = {0};
    for (int e = 0; e < cluster->edge_count; e++)
        if (cluster->edges[e].sides == sides) return;
    for (int p = 0; p < cluster->predicates.count; p++)
        if (cluster->reads[p] == sides)
            expr_list_add(cluster->binder->arena, &own, cluster->predicates.items[p]);
    cluster->edges[cluster->edge_count++] = (Edge){
        .sides = sides,
        .share = estimate_pairs_share(cluster->binder, &own, cluster->relations[a], cluster->relations[b])};
    cluster->neighbours[a] |= UINT64_C(1) << b;
    cluster->neighbours[b] |= UINT64_C(1) << a;
}

static int by_share(const void *a, const void *b) {
    double x = ((const Edge *)a)->share, y = ((const Edge *)b)->share;
    return x < y ? -1 : x > y;
}

static void prepare(Cluster *cluster) {
    Arena *arena = cluster->binder->arena;
    add_implied(cluster);
    int count = cluster->predicates.count;
    cluster->reads = ARENA_NEW_ARRAY(arena, uint64_t, count + 1);
    cluster->placed = ARENA_NEW_ARRAY(arena, bool, count + 1);
    cluster->edges = ARENA_NEW_ARRAY(arena, Edge, count + 1);
    for (int p = 0; p < count; p++)
        cluster->reads[p] = relations_read(cluster, cluster->predicates.items[p]);
    for (int p = 0; p < count; p++)
        if (__builtin_popcountll(cluster->reads[p]) == 2) add_edge(cluster, cluster->reads[p]);
    qsort(cluster->edges, (size_t)cluster->edge_count, sizeof *cluster->edges, by_share);
}

/* Rows of a set: its relations' product, less what the strongest edges that connect them leave. Further edges
 * between what is connected already mostly say the same once more. */
static double set_rows(const Cluster *cluster, uint64_t set) {
    uint64_t parts[MOST_RELATIONS];
    int part_count = 0;
    double rows = 1;
    for (uint64_t rest = set; rest; rest &= rest - 1) {
        rows *= fmax(1, cluster->relations[__builtin_ctzll(rest)]->rows);
        parts[part_count++] = rest & -rest;
    }
    for (int e = 0; e < cluster->edge_count && part_count > 1; e++) {
        uint64_t sides = cluster->edges[e].sides;
        if (sides & ~set) continue;
        int a = 0, b = 0;
        for (int i = 0; i < part_count; i++) {
            if (parts[i] & sides & -sides) a = i;
            if (parts[i] & sides & (sides - 1)) b = i;
        }
        if (a == b) continue;
        rows *= cluster->edges[e].share;
        parts[a] |= parts[b];
        parts[b] = parts[--part_count];
    }
    for (int p = 0; p < cluster->predicates.count; p++)
        if (__builtin_popcountll(cluster->reads[p]) > 2 && (cluster->reads[p] & ~set) == 0)
            rows *= estimate_selectivity(cluster->binder, cluster->predicates.items[p]);
    return fmax(1, rows);
}

static double join_cost(double a, double b, double out) {
    double build = fmin(a, b), probe = fmax(a, b);
    return build * BUILD + probe * (build > LARGE_ROWS ? PROBE_LARGE : PROBE) + out * OUT;
}

/* ---- the tree
 * ----------------------------------------------------------------------------------------------------- */

/* Of equalities that follow from one another a join needs one. */
static bool is_needless(Cluster *cluster, const Rel *join, const Expr *condition) {
    if (!is_column_pair(condition)) return false;
    for (int i = 0; i < join->predicates.count; i++) {
        const Expr *other = join->predicates.items[i];
        if (!is_column_pair(other)) continue;
        for (int side = 0; side < 4; side++) {
            int a = condition->args[side & 1]->column, b = condition->args[1 - (side & 1)]->column;
            int c = other->args[side >> 1]->column, d = other->args[1 - (side >> 1)]->column;
            bool left = a == c || has_pair(cluster, a, c), right = b == d || has_pair(cluster, b, d);
            bool same_sides = rel_produces(join->inputs[0], a) == rel_produces(join->inputs[0], c);
            if (left && right && same_sides) return true;
        }
    }
    return false;
}

/* The larger side probes, the smaller is built; conditions go where both their sides first meet. */
static Rel *join_two(Cluster *cluster, Rel *a, uint64_t set_a, Rel *b, uint64_t set_b) {
    bool swap = b->rows > a->rows;
    Rel *join = rel_join(cluster->binder, JOIN_INNER, swap ? b : a, swap ? a : b);
    for (int p = 0; p < cluster->predicates.count; p++)
        if (!cluster->placed[p] && (cluster->reads[p] & ~(set_a | set_b)) == 0) {
            Expr *condition = cluster->predicates.items[p];
            cluster->placed[p] = true;
            if (!is_needless(cluster, join, condition))
                expr_list_add(cluster->binder->arena, &join->predicates, condition);
        }
    join->rows = set_rows(cluster, set_a | set_b);
    if (cluster->count > 2) join->note = "join order";
    return join;
}

typedef struct Best {
    double cost, rows;
    uint32_t left;
} Best;

static Rel *build_exact(Cluster *cluster, const Best *best, uint32_t set) {
    if ((set & (set - 1)) == 0) return cluster->relations[__builtin_ctz(set)];
    uint32_t left = best[set].left, right = set & ~left;
    Rel *a = build_exact(cluster, best, left), *b = build_exact(cluster, best, right);
    return join_two(cluster, a, left, b, right);
}

static uint64_t neighbours_of(const Cluster *cluster, uint64_t set) {
    uint64_t found = 0;
    for (uint64_t rest = set; rest; rest &= rest - 1)
        found |= cluster->neighbours[__builtin_ctzll(rest)];
    return found & ~set;
}

/* For every connected subset of `all`, from its splits into connected halves. */
static Rel *order_exact(Cluster *cluster, uint32_t all) {
    Best *best = ARENA_NEW_ARRAY(cluster->binder->arena, Best, (size_t)all + 1);
    for (uint32_t set = all & -all; set && set <= all; set = ((set | ~all) + 1) & all) {
        best[set].cost = INFINITY;
        if ((set & (set - 1)) == 0) {
            best[set] = (Best){.cost = 0, .rows = fmax(1, cluster->relations[__builtin_ctz(set)]->rows)};
            continue;
        }
        best[set].rows = -1;
        uint32_t lowest = set & -set;
        for (uint32_t left = (set - 1) & set; left; left = (left - 1) & set) {
            uint32_t right = set & ~left;
            if (!(left & lowest) || !isfinite(best[left].cost) || !isfinite(best[right].cost) ||
                !(neighbours_of(cluster, left) & right))
                continue;
            if (best[set].rows < 0) best[set].rows = set_rows(cluster, set);
            double cost = best[left].cost + best[right].cost +
                          join_cost(best[left].rows, best[right].rows, best[set].rows);
            if (cost < best[set].cost) {
                best[set].cost = cost;
                best[set].left = left;
            }
        }
        if (set == all) break;
    }
    return build_exact(cluster, best, all);
}

static Rel *order_greedy(Cluster *cluster, uint64_t all) {
    Rel *rels[MOST_RELATIONS];
    uint64_t sets[MOST_RELATIONS];
    int count = 0;
    for (uint64_t rest = all; rest; rest &= rest - 1) {
        rels[count] = cluster->relations[__builtin_ctzll(rest)];
        sets[count++] = rest & -rest;
    }
    while (count > 1) {
        int best_a = -1, best_b = -1;
        double best = INFINITY;
        for (int a = 0; a < count; a++)
            for (int b = a + 1; b < count; b++) {
                if (!(neighbours_of(cluster, sets[a]) & sets[b])) continue;
                double out = set_rows(cluster, sets[a] | sets[b]);
                double cost = join_cost(rels[a]->rows, rels[b]->rows, out) + out * BUILD;
                if (cost < best) {
                    best = cost;
                    best_a = a;
                    best_b = b;
                }
            }
        rels[best_a] = join_two(cluster, rels[best_a], sets[best_a], rels[best_b], sets[best_b]);
        sets[best_a] |= sets[best_b];
        count--;
        rels[best_b] = rels[count];
        sets[best_b] = sets[count];
    }
    return rels[0];
}

/* What no condition connects is multiplied last, the smallest parts first. */
static Rel *order(Cluster *cluster) {
    Rel *whole = NULL;
    uint64_t done = 0, all = cluster->count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << cluster->count) - 1;
    Rel *parts[MOST_RELATIONS];
    uint64_t sets[MOST_RELATIONS];
    int count = 0;
    while (done != all) {
        uint64_t part = ~done & all, grown = part & -part;
        do {
            part = grown;
            grown |= neighbours_of(cluster, part);
        } while (grown != part);
        bool exact = __builtin_popcountll(part) <= MOST_EXACT && part < (UINT64_C(1) << 16);
        parts[count] = exact ? order_exact(cluster, (uint32_t)part) : order_greedy(cluster, part);
        sets[count++] = part;
        done |= part;
    }
    for (uint64_t set = 0; count > 0; count--) {
        int least = 0;
        for (int i = 1; i < count; i++)
            if (parts[i]->rows < parts[least]->rows) least = i;
        whole = whole ? join_two(cluster, whole, set, parts[least], sets[least]) : parts[least];
        set |= sets[least];
        parts[least] = parts[count - 1];
        sets[least] = sets[count - 1];
    }
    return whole;
}

/* ---- semi joins
 * --------------------------------------------------------------------------------------------------- */

/* A semi or anti join over a cluster of inner joins that concerns one relation of it is done there, when that
 * relation is not much larger than what the joins give. */
static Rel *sink_semi(Binder *binder, Rel *semi) {
    IdList ids = {0};
    for (int p = 0; p < semi->predicates.count; p++)
        expr_collect_ids(binder->arena, semi->predicates.items[p], &ids);
    Rel **slot = &semi->inputs[0];
    double rows = semi->inputs[0]->rows;
    while (is_inner(*slot)) {
        Rel **next = NULL;
        for (int side = 0; side < 2; side++) {
            bool all = true;
            for (int i = 0; all && i < ids.count; i++)
                all = rel_produces(semi->inputs[1], ids.items[i]) ||
                      rel_produces((*slot)->inputs[side], ids.items[i]);
            next = all ? &(*slot)->inputs[side] : next;
        }
        if (!next) return semi;
        slot = next;
    }
    double share = semi->rows / fmax(1, rows);
    if (slot == &semi->inputs[0] || (*slot)->rows > rows * (share < 0.2 ? 4 : 1)) return semi;
    Rel *top = semi->inputs[0];
    semi->inputs[0] = *slot;
    *slot = semi;
    rel_refresh_ids(binder, semi);
    rel_note(binder, semi, "semi join first");
    estimate_rows(binder, semi);
    return top;
}

static bool passes_ids(const Rel *rel) {
    return rel->kind == PLAN_JOIN || rel->kind == PLAN_FILTER || rel->kind == PLAN_SORT ||
           rel->kind == PLAN_LIMIT || rel->kind == PLAN_TABLE_FUNCTION || rel->kind == PLAN_WINDOW;
}

/* On the way down to the relation it concerns, where the fewest rows are looked up. */
static Rel *place_semi(Binder *binder, Rel *top, Rel *semi) {
    IdList ids = {0}, left = {0};
    Rel **best = &top, **slot = &top, *path[MOST_RELATIONS + MOST_SEMIS];
    int depth = 0, best_depth = 0;
    for (int p = 0; p < semi->predicates.count; p++)
        expr_collect_ids(binder->arena, semi->predicates.items[p], &ids);
    for (int i = 0; i < ids.count; i++)
        if (!rel_produces(semi->inputs[1], ids.items[i])) id_list_add(binder->arena, &left, ids.items[i]);
    while (is_inner(*slot)) {
        Rel **next = NULL;
        for (int side = 0; side < 2; side++) {
            bool all = true;
            for (int i = 0; all && i < left.count; i++)
                all = rel_produces((*slot)->inputs[side], left.items[i]);
            next = all ? &(*slot)->inputs[side] : next;
        }
        if (!next) break;
        path[depth++] = *slot;
        slot = next;
        if ((*slot)->rows <= (*best)->rows) {
            best = slot;
            best_depth = depth;
        }
    }
    double share = semi->rows / fmax(1, semi->inputs[0]->rows);
    semi->inputs[0] = *best;
    semi->rows = fmax(1, (*best)->rows * share);
    *best = semi;
    rel_refresh_ids(binder, semi);
    while (best_depth > 0)
        rel_refresh_ids(binder, path[--best_depth]);
    return top;
}

Rel *rule_join_order(Binder *binder, Rel *rel) {
    if (rel->kind == PLAN_JOIN && (rel->join_type == JOIN_SEMI || rel->join_type == JOIN_ANTI) &&
        rel->predicates.count > 0)
        rel = sink_semi(binder, rel);
    if (!is_inner(rel)) {
        for (int i = 0; i < rel->input_count; i++)
            rel->inputs[i] = rule_join_order(binder, rel->inputs[i]);
        if (passes_ids(rel)) rel_refresh_ids(binder, rel);
        return rel;
    }
    Cluster *cluster = ARENA_NEW(binder->arena, Cluster);
    cluster->binder = binder;
    if (!collect(cluster, rel)) return rel;
    for (int r = 0; r < cluster->count; r++)
        cluster->relations[r] = rule_join_order(binder, cluster->relations[r]);
    for (int s = 0; s < cluster->semi_count; s++)
        cluster->semis[s]->inputs[1] = rule_join_order(binder, cluster->semis[s]->inputs[1]);
    prepare(cluster);
    Rel *top = order(cluster);
    for (int s = cluster->semi_count - 1; s >= 0; s--)
        top = place_semi(binder, top, cluster->semis[s]);
    return top;
}
