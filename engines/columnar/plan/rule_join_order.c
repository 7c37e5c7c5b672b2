/* Rule: inner joins in the order that makes the smallest intermediate results, the smaller side built.
 * Exhaustive over subsets up to MOST_EXACT relations, else greedy. */
#include <math.h>

#include "engines/columnar/plan/logical.h"

enum { MOST_EXACT = 11, MOST_RELATIONS = 64 };

typedef struct Cluster {
    Binder *binder;
    Rel *relations[MOST_RELATIONS];
    int count;
    ExprList predicates;
    uint64_t *reads; /* per predicate: relations it reads */
    bool *placed;
} Cluster;

static bool is_inner(const Rel *rel) {
    return rel->kind == PLAN_JOIN && (rel->join_type == JOIN_INNER || rel->join_type == JOIN_CROSS);
}

static bool collect(Cluster *cluster, Rel *rel) {
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

static double set_rows(const Cluster *cluster, uint64_t set) {
    double rows = 1, most = 1;
    for (int r = 0; r < cluster->count; r++)
        if (set >> r & 1) {
            rows *= fmax(1, cluster->relations[r]->rows);
            most = fmax(most, cluster->relations[r]->rows);
        }
    for (int p = 0; p < cluster->predicates.count; p++)
        if ((cluster->reads[p] & ~set) == 0)
            rows *= estimate_join_selectivity(cluster->binder, cluster->predicates.items[p], most, most);
    return fmax(1, rows);
}

static bool connected(const Cluster *cluster, uint64_t left, uint64_t right) {
    for (int p = 0; p < cluster->predicates.count; p++)
        if ((cluster->reads[p] & left) && (cluster->reads[p] & right) &&
            (cluster->reads[p] & ~(left | right)) == 0)
            return true;
    return false;
}

/* The larger side probes, the smaller is built; conditions go where both their sides first meet. */
static Rel *join_two(Cluster *cluster, Rel *a, uint64_t set_a, Rel *b, uint64_t set_b) {
    bool swap = b->rows > a->rows;
    Rel *join = rel_join(cluster->binder, JOIN_INNER, swap ? b : a, swap ? a : b);
    for (int p = 0; p < cluster->predicates.count; p++)
        if (!cluster->placed[p] && (cluster->reads[p] & ~(set_a | set_b)) == 0) {
            expr_list_add(cluster->binder->arena, &join->predicates, cluster->predicates.items[p]);
            cluster->placed[p] = true;
        }
    join->rows = set_rows(cluster, set_a | set_b);
    if (cluster->count > 2) join->note = "join order";
    return join;
}

static Rel *build_exact(Cluster *cluster, const uint32_t *best_left, uint64_t set) {
    if ((set & (set - 1)) == 0) return cluster->relations[__builtin_ctzll(set)];
    uint64_t left = best_left[set], right = set & ~left;
    Rel *a = build_exact(cluster, best_left, left), *b = build_exact(cluster, best_left, right);
    return join_two(cluster, a, left, b, right);
}

/* Cheapest sum of intermediate rows for every subset, from its splits; crossing unconnected parts costs
 * extra. */
static Rel *order_exact(Cluster *cluster) {
    Arena *arena = cluster->binder->arena;
    uint32_t full = (1u << cluster->count) - 1;
    double *cost = ARENA_NEW_ARRAY(arena, double, full + 1);
    uint32_t *best_left = ARENA_NEW_ARRAY(arena, uint32_t, full + 1);
    for (uint32_t set = 1; set <= full; set++) {
        if ((set & (set - 1)) == 0) continue;
        double rows = set_rows(cluster, set);
        cost[set] = INFINITY;
        for (uint32_t left = (set - 1) & set; left; left = (left - 1) & set) {
            uint32_t right = set & ~left;
            if (left < right) continue;
            double total = cost[left] + cost[right] + rows * (connected(cluster, left, right) ? 1 : 1000);
            if (total < cost[set]) {
                cost[set] = total;
                best_left[set] = left;
            }
        }
    }
    return build_exact(cluster, best_left, full);
}

static Rel *order_greedy(Cluster *cluster) {
    Rel *rels[MOST_RELATIONS];
    uint64_t sets[MOST_RELATIONS];
    int count = cluster->count;
    for (int r = 0; r < count; r++) {
        rels[r] = cluster->relations[r];
        sets[r] = UINT64_C(1) << r;
    }
    while (count > 1) {
        int best_a = 0, best_b = 1;
        double best = INFINITY;
        for (int a = 0; a < count; a++)
            for (int b = a + 1; b < count; b++) {
                double rows =
                    set_rows(cluster, sets[a] | sets[b]) * (connected(cluster, sets[a], sets[b]) ? 1 : 1e6);
                if (rows < best) {
                    best = rows;
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

/* A semi join over a cluster of inner joins that concerns one relation of it is done there, when that
 * relation is not larger than what the joins give. */
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
    if (slot == &semi->inputs[0] || (*slot)->rows > rows) return semi;
    Rel *top = semi->inputs[0];
    semi->inputs[0] = *slot;
    *slot = semi;
    rel_refresh_ids(binder, semi);
    rel_note(binder, semi, "semi join first");
    estimate_rows(binder, semi);
    return top;
}

Rel *rule_join_order(Binder *binder, Rel *rel) {
    if (rel->kind == PLAN_JOIN && rel->join_type == JOIN_SEMI && rel->predicates.count > 0)
        rel = sink_semi(binder, rel);
    if (!is_inner(rel)) {
        for (int i = 0; i < rel->input_count; i++)
            rel->inputs[i] = rule_join_order(binder, rel->inputs[i]);
        if (rel->kind == PLAN_JOIN || rel->kind == PLAN_FILTER || rel->kind == PLAN_SORT ||
            rel->kind == PLAN_LIMIT)
            rel_refresh_ids(binder, rel);
        return rel;
    }
    Cluster *cluster = ARENA_NEW(binder->arena, Cluster);
    cluster->binder = binder;
    if (!collect(cluster, rel)) return rel;
    for (int r = 0; r < cluster->count; r++)
        cluster->relations[r] = rule_join_order(binder, cluster->relations[r]);
    cluster->reads = ARENA_NEW_ARRAY(binder->arena, uint64_t, cluster->predicates.count + 1);
    cluster->placed = ARENA_NEW_ARRAY(binder->arena, bool, cluster->predicates.count + 1);
    for (int p = 0; p < cluster->predicates.count; p++)
        cluster->reads[p] = relations_read(cluster, cluster->predicates.items[p]);
    return cluster->count <= MOST_EXACT ? order_exact(cluster) : order_greedy(cluster);
}
