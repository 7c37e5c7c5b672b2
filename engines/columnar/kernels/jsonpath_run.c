#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/columnar/kernels/jsonpath.h"
#include "engines/columnar/kernels/kernel_limits.h"
#include "engines/columnar/kernels/numeric_math.h"
#include "engines/columnar/kernels/value_text.h"

typedef enum Truth { IS_FALSE, IS_TRUE, IS_UNKNOWN } Truth;

typedef struct PathRun {
    Arena *arena;
    JsonNode *root, *current;
    const JsonNode *variables;
    bool lax, structural_ok; /* structural errors are ignored */
    bool raises;
    bool broken; /* not an error of the path: unwinds everything, err is set */
    int64_t array_size;
    unsigned steps;
    Error *err;
} PathRun;

static PathResult run(PathRun *run_state, const PathNode *node, JsonNode *item, JsonPathItems *found,
                      bool unwrap);
static Truth test(PathRun *run_state, const PathNode *node, JsonNode *item);

static PathResult fail(PathRun *state, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static PathResult fail(PathRun *state, const char *sqlstate, const char *format, ...) {
    if (!state->raises) return PATH_FAILED;
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    (void)error_set(state->err, sqlstate, "%s", message);
    return PATH_FAILED;
}

/* Paths can look at every pair, or triple, of items. The caller of the kernel knows why it stopped. */
static bool is_stopped(PathRun *state) {
    if (!(++state->steps & 4095) && kernel_is_stopped()) state->broken = true;
    return state->broken;
}

static void add_item(PathRun *state, JsonPathItems *items, JsonNode *item) {
    if (items->count == items->capacity) {
        int capacity = items->capacity ? items->capacity * 2 : 8;
        JsonNode **grown = arena_alloc(state->arena, sizeof *grown * (size_t)capacity);
        if (items->count) memcpy(grown, items->items, sizeof *grown * (size_t)items->count);
        items->items = grown;
        items->capacity = capacity;
    }
    items->items[items->count++] = item;
}

static PathResult run_next(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found) {
    if (node->next) return run(state, node->next, item, found, state->lax);
    if (found) add_item(state, found, item);
    return PATH_FOUND;
}

/* Members of a container as items of the next accessor, or of the accessor itself (`same`). */
static PathResult run_members(PathRun *state, const PathNode *node, JsonNode *container, bool same,
                              bool unwrap, JsonPathItems *found) {
    PathResult result = PATH_NOTHING;
    for (int i = 0; i < container->count; i++) {
        PathResult one;
        if (same)
            one = run(state, node, container->items[i], found, false);
        else if (node->next)
            one = run(state, node->next, container->items[i], found, unwrap);
        else
            one = run_next(state, node, container->items[i], found);
        if (one == PATH_FAILED) return one;
        if (one == PATH_FOUND) result = one;
        if (one == PATH_FOUND && !found) break;
    }
    return result;
}

/* Results of an operand; in lax mode arrays among them are replaced by their elements. */
static PathResult operand(PathRun *state, const PathNode *node, JsonNode *item, bool unwrap,
                          JsonPathItems *out) {
    JsonPathItems raw = {0};
    PathResult result = run(state, node, item, &raw, state->lax);
    if (result == PATH_FAILED) return result;
    for (int i = 0; i < raw.count; i++) {
        if (!unwrap || !state->lax || raw.items[i]->kind != JSON_IS_ARRAY) {
            add_item(state, out, raw.items[i]);
            continue;
        }
        for (int e = 0; e < raw.items[i]->count; e++)
            add_item(state, out, raw.items[i]->items[e]);
    }
    return PATH_FOUND;
}

static PathResult quiet_operand(PathRun *state, const PathNode *node, JsonNode *item, bool unwrap,
                                JsonPathItems *out) {
    bool raises = state->raises;
    state->raises = false;
    PathResult result = operand(state, node, item, unwrap, out);
    state->raises = raises;
    return result;
}

/* ---- numbers --------------------------------------------------------------------------------------------
 */

static bool number_of(PathRun *state, const JsonNode *node, Numeric *out) {
    if (numeric_parse(node->text.data, node->text.length, out, state->err) == STATUS_OK) return true;
    state->broken = true;
    return false;
}

static JsonNode *number_node(PathRun *state, Numeric value) {
    char text[NUMERIC_TEXT_BYTES];
    size_t length = numeric_format(value, text);
    JsonNode *node = json_new(state->arena, JSON_IS_NUMBER);
    node->text = (JsonText){arena_memdup(state->arena, text, length), length};
    return node;
}

static JsonNode *integer_node(PathRun *state, int64_t value) {
    return number_node(state, numeric_make(value, 0));
}

static PathResult too_long(PathRun *state) {
    (void)numeric_overflow(state->err);
    state->broken = true;
    return PATH_FAILED;
}

static PathResult run_arithmetic(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found) {
    JsonPathItems sides[2] = {{0}, {0}};
    Numeric a, b, value;
    if (operand(state, node->left, item, true, &sides[0]) == PATH_FAILED) return PATH_FAILED;
    if (operand(state, node->right, item, true, &sides[1]) == PATH_FAILED) return PATH_FAILED;
    for (int i = 0; i < 2; i++)
        if (sides[i].count != 1 || sides[i].items[0]->kind != JSON_IS_NUMBER)
            return fail(state, "22038", "%s operand of jsonpath operator %c is not a single numeric value",
                        i ? "right" : "left", node->detail);
    if (!number_of(state, sides[0].items[0], &a) || !number_of(state, sides[1].items[0], &b))
        return PATH_FAILED;
    bool ok = true;
    if ((node->detail == '/' || node->detail == '%') && !b.value)
        return fail(state, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
    switch (node->detail) {
    case '+': ok = numeric_add(a, b, &value); break;
    case '-': ok = numeric_subtract(a, b, &value); break;
    case '*': ok = numeric_multiply(a, b, &value); break;
    case '/': ok = numeric_divide(a, b, &value); break;
    default: ok = numeric_modulo(a, b, &value);
    }
    if (!ok) return too_long(state);
    if (!node->next && !found) return PATH_FOUND;
    return run_next(state, node, number_node(state, value), found);
}

static PathResult run_sign(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found) {
    JsonPathItems items = {0};
    PathResult result = PATH_NOTHING;
    if (operand(state, node->left, item, true, &items) == PATH_FAILED) return PATH_FAILED;
    for (int i = 0; i < items.count; i++) {
        JsonNode *value = items.items[i];
        if (value->kind != JSON_IS_NUMBER) {
            if (!found && !node->next) continue;
            return fail(state, "2203B", "operand of unary jsonpath operator %c is not a numeric value",
                        node->detail);
        }
        Numeric number;
        if (!number_of(state, value, &number)) return PATH_FAILED;
        if (node->detail == '-') number.value = -number.value;
        PathResult one = run_next(state, node, number_node(state, number), found);
        if (one == PATH_FAILED) return one;
        if (one == PATH_FOUND) result = one;
        if (one == PATH_FOUND && !found) return one;
    }
    return result;
}

/* ---- methods --------------------------------------------------------------------------------------------
 */

static PathResult run_double(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found) {
    double value;
    Numeric number;
    bool string = item->kind == JSON_IS_STRING;
    if (!string && item->kind != JSON_IS_NUMBER)
        return fail(state, "22036",
                    "jsonpath item method .double() can only be applied to a string or numeric value");
    Error ignored = {0};
    if (float8_parse(item->text.data, item->text.length, &value, &ignored) != STATUS_OK || value - value != 0)
        return fail(state, "22036",
                    "%s argument of jsonpath item method .double() is not a valid representation of a double "
                    "precision number",
                    string ? "string" : "numeric");
    if (!string) return run_next(state, node, item, found);
    if (!numeric_from_double(value, 15, &number)) return too_long(state);
    return run_next(state, node, number_node(state, number), found);
}

static PathResult run_numeric_method(PathRun *state, const PathNode *node, JsonNode *item,
                                     JsonPathItems *found) {
    static const char *const NAMES[] = {"type", "size", "abs", "floor", "ceiling", "double"};
    Numeric value;
    if (item->kind != JSON_IS_NUMBER)
        return fail(state, "22036", "jsonpath item method .%s() can only be applied to a numeric value",
                    NAMES[node->detail]);
    if (!number_of(state, item, &value)) return PATH_FAILED;
    bool ok = true;
    if (node->detail == METHOD_ABS)
        value.value = value.value < 0 ? -value.value : value.value;
    else
        ok = node->detail == METHOD_FLOOR ? numeric_floor(value, &value) : numeric_ceiling(value, &value);
    return ok ? run_next(state, node, number_node(state, value), found) : too_long(state);
}

static PathResult run_method(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found,
                             bool unwrap) {
    static const char *const KINDS[] = {"null", "string", "number", "boolean", "array", "object"};
    switch ((PathMethod)node->detail) {
    case METHOD_TYPE:
        return run_next(state, node,
                        json_new_string(state->arena, KINDS[item->kind], strlen(KINDS[item->kind])), found);
    case METHOD_SIZE:
        if (item->kind != JSON_IS_ARRAY && !state->lax && !state->structural_ok)
            return fail(state, "22039", "jsonpath item method .size() can only be applied to an array");
        return run_next(state, node, integer_node(state, item->kind == JSON_IS_ARRAY ? item->count : 1),
                        found);
    default: break;
    }
    if (unwrap && item->kind == JSON_IS_ARRAY) return run_members(state, node, item, true, false, found);
    return node->detail == METHOD_DOUBLE ? run_double(state, node, item, found)
                                         : run_numeric_method(state, node, item, found);
}

/* ---- accessors ------------------------------------------------------------------------------------------
 */

static PathResult run_key(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found,
                          bool unwrap) {
    if (item->kind == JSON_IS_OBJECT) {
        JsonNode *value = json_get(item, node->text);
        if (value) return run_next(state, node, value, found);
        if (state->structural_ok) return PATH_NOTHING;
        return fail(state, "2203A", "JSON object does not contain key \"%.*s\"", (int)node->text.length,
                    node->text.data);
    }
    if (unwrap && item->kind == JSON_IS_ARRAY) return run_members(state, node, item, true, false, found);
    if (state->structural_ok) return PATH_NOTHING;
    return fail(state, "2203A", "jsonpath member accessor can only be applied to an object");
}

static PathResult index_value(PathRun *state, const PathNode *node, JsonNode *item, int64_t *out) {
    JsonPathItems items = {0};
    Numeric value;
    if (run(state, node, item, &items, state->lax) == PATH_FAILED) return PATH_FAILED;
    if (items.count != 1 || items.items[0]->kind != JSON_IS_NUMBER)
        return fail(state, "22033", "jsonpath array subscript is not a single numeric value");
    if (!number_of(state, items.items[0], &value)) return PATH_FAILED;
    if (!numeric_truncate(value, 0, &value) || value.value > INT32_MAX || value.value < INT32_MIN)
        return fail(state, "22033", "jsonpath array subscript is out of integer range");
    *out = (int64_t)value.value;
    return PATH_FOUND;
}

static PathResult run_range(PathRun *state, const PathNode *node, const PathRange *range, JsonNode *item,
                            JsonPathItems *found) {
    int64_t size = item->kind == JSON_IS_ARRAY ? item->count : 1, from, to;
    PathResult result = PATH_NOTHING;
    if (index_value(state, range->from, item, &from) == PATH_FAILED) return PATH_FAILED;
    to = from;
    if (range->to && index_value(state, range->to, item, &to) == PATH_FAILED) return PATH_FAILED;
    if (!state->structural_ok && (from < 0 || from > to || to >= size))
        return fail(state, "22033", "jsonpath array subscript is out of bounds");
    if (from < 0) from = 0;
    if (to >= size) to = size - 1;
    for (int64_t i = from; i <= to; i++) {
        JsonNode *element = item->kind == JSON_IS_ARRAY ? item->items[i] : item;
        if (!node->next && !found) return PATH_FOUND;
        PathResult one = run_next(state, node, element, found);
        if (one == PATH_FAILED) return one;
        if (one == PATH_FOUND) result = one;
        if (one == PATH_FOUND && !found) break;
    }
    return result;
}

static PathResult run_index(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found) {
    if (item->kind != JSON_IS_ARRAY && !state->lax) {
        if (state->structural_ok) return PATH_NOTHING;
        return fail(state, "22039", "jsonpath array accessor can only be applied to an array");
    }
    int64_t outer = state->array_size;
    PathResult result = PATH_NOTHING;
    state->array_size = item->kind == JSON_IS_ARRAY ? item->count : 1;
    for (int i = 0; i < node->range_count; i++) {
        PathResult one = run_range(state, node, &node->ranges[i], item, found);
        if (one == PATH_FOUND) result = one;
        if (one == PATH_FAILED) result = one;
        if (one == PATH_FAILED || (one == PATH_FOUND && !found)) break;
    }
    state->array_size = outer;
    return result;
}

static PathResult run_any_index(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found) {
    if (item->kind == JSON_IS_ARRAY) {
        if (!node->next && !found) return item->count ? PATH_FOUND : PATH_NOTHING;
        return run_members(state, node, item, false, state->lax, found);
    }
    if (state->lax) return run_next(state, node, item, found);
    if (state->structural_ok) return PATH_NOTHING;
    return fail(state, "22039", "jsonpath wildcard array accessor can only be applied to an array");
}

static PathResult run_any_key(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found,
                              bool unwrap) {
    if (item->kind == JSON_IS_OBJECT) return run_members(state, node, item, false, state->lax, found);
    if (unwrap && item->kind == JSON_IS_ARRAY) return run_members(state, node, item, true, false, found);
    if (state->structural_ok) return PATH_NOTHING;
    return fail(state, "2203C", "jsonpath wildcard member accessor can only be applied to an object");
}

/* Depth first: a member, then what is below it. Level 0 is the item itself. Bounds that name the last level
 * ask for leaves. */
static PathResult run_levels(PathRun *state, const PathNode *node, JsonNode *item, int64_t level,
                             JsonPathItems *found) {
    PathResult result = PATH_NOTHING;
    bool container = item->kind == JSON_IS_ARRAY || item->kind == JSON_IS_OBJECT;
    bool wanted = level >= node->first || (node->first == INT64_MAX && node->last == INT64_MAX && !container);
    if (node->first == INT64_MAX && container) wanted = false;
    if (wanted) {
        bool structural = state->structural_ok;
        state->structural_ok = true;
        result = node->next ? run(state, node->next, item, found, false) : run_next(state, node, item, found);
        state->structural_ok = structural;
        if (result == PATH_FAILED || (result == PATH_FOUND && !found)) return result;
    }
    if (level >= node->last || !container) return result;
    for (int i = 0; i < item->count; i++) {
        PathResult one = run_levels(state, node, item->items[i], level + 1, found);
        if (one == PATH_FAILED) return one;
        if (one == PATH_FOUND) result = one;
        if (one == PATH_FOUND && !found) break;
    }
    return result;
}

static PathResult run_variable(PathRun *state, const PathNode *node, JsonPathItems *found) {
    JsonNode *value = state->variables ? json_get(state->variables, node->text) : NULL;
    if (value) return run_next(state, node, value, found);
    (void)error_set(state->err, "42704", "could not find jsonpath variable \"%.*s\"", (int)node->text.length,
                    node->text.data);
    state->broken = true;
    return PATH_FAILED;
}

static PathResult run_predicate(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found) {
    Truth truth = test(state, node, item);
    if (state->broken) return PATH_FAILED;
    if (!node->next && !found) return PATH_FOUND;
    JsonNode *value = json_new(state->arena, truth == IS_UNKNOWN ? JSON_IS_NULL : JSON_IS_BOOL);
    value->boolean = truth == IS_TRUE;
    return run_next(state, node, value, found);
}

static PathResult run_filter(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found,
                             bool unwrap) {
    if (unwrap && item->kind == JSON_IS_ARRAY) return run_members(state, node, item, true, false, found);
    JsonNode *outer = state->current;
    state->current = item;
    Truth truth = test(state, node->left, item);
    state->current = outer;
    if (state->broken) return PATH_FAILED;
    return truth == IS_TRUE ? run_next(state, node, item, found) : PATH_NOTHING;
}

static PathResult run(PathRun *state, const PathNode *node, JsonNode *item, JsonPathItems *found,
                      bool unwrap) {
    if (state->broken || is_stopped(state)) return PATH_FAILED;
    switch ((PathKind)node->kind) {
    case PATH_ROOT: return run_next(state, node, state->root, found);
    case PATH_CURRENT: return run_next(state, node, state->current, found);
    case PATH_VARIABLE: return run_variable(state, node, found);
    case PATH_LITERAL: return run_next(state, node, node->literal, found);
    case PATH_LAST: return run_next(state, node, integer_node(state, state->array_size - 1), found);
    case PATH_KEY: return run_key(state, node, item, found, unwrap);
    case PATH_ANY_KEY: return run_any_key(state, node, item, found, unwrap);
    case PATH_ANY_LEVEL: return run_levels(state, node, item, 0, found);
    case PATH_INDEX: return run_index(state, node, item, found);
    case PATH_ANY_INDEX: return run_any_index(state, node, item, found);
    case PATH_FILTER: return run_filter(state, node, item, found, unwrap);
    case PATH_METHOD: return run_method(state, node, item, found, unwrap);
    case PATH_ARITHMETIC: return run_arithmetic(state, node, item, found);
    case PATH_SIGN: return run_sign(state, node, item, found);
    default: return run_predicate(state, node, item, found);
    }
}

/* ---- predicates -----------------------------------------------------------------------------------------
 */

static Truth truth_of(bool value) {
    return value ? IS_TRUE : IS_FALSE;
}

static Truth ordered(PathCompare compare, int order) {
    switch (compare) {
    case COMPARE_EQ: return truth_of(order == 0);
    case COMPARE_NE: return truth_of(order != 0);
    case COMPARE_LT: return truth_of(order < 0);
    case COMPARE_LE: return truth_of(order <= 0);
    case COMPARE_GT: return truth_of(order > 0);
    default: return truth_of(order >= 0);
    }
}

static int compare_texts(JsonText a, JsonText b) {
    size_t shared = a.length < b.length ? a.length : b.length;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static Truth compare_items(PathCompare compare, const JsonNode *a, const JsonNode *b) {
    if (a->kind != b->kind) {
        if (a->kind == JSON_IS_NULL || b->kind == JSON_IS_NULL) return truth_of(compare == COMPARE_NE);
        return IS_UNKNOWN;
    }
    switch ((JsonKind)a->kind) {
    case JSON_IS_NULL: return ordered(compare, 0);
    case JSON_IS_BOOL: return ordered(compare, (int)a->boolean - (int)b->boolean);
    case JSON_IS_NUMBER: return ordered(compare, json_compare_nodes(a, b));
    case JSON_IS_STRING: return ordered(compare, compare_texts(a->text, b->text));
    default: return IS_UNKNOWN;
    }
}

static Truth starts_with(const JsonNode *whole, const JsonNode *start) {
    if (whole->kind != JSON_IS_STRING || start->kind != JSON_IS_STRING) return IS_UNKNOWN;
    return truth_of(whole->text.length >= start->text.length &&
                    memcmp(whole->text.data, start->text.data, start->text.length) == 0);
}

static Truth matches(PathRun *state, const PathNode *node, const JsonNode *item) {
    if (item->kind != JSON_IS_STRING) return IS_UNKNOWN;
    Vector args[2], out;
    vector_init_flat(&args[0], sqltype_of(SQL_TEXT), 1, state->arena);
    *(StringView *)args[0].values = stringview_make(item->text.data, (uint32_t)item->text.length);
    args[1] = *node->pattern;
    vector_init_flat(&out, sqltype_of(SQL_BOOL), 1, state->arena);
    KernelCall call = {.args = args,
                       .arg_count = 2,
                       .row_count = 1,
                       .selected = 1,
                       .out = &out,
                       .arena = state->arena,
                       .bind_data = node->regex_data};
    if (node->regex->eval(&call, state->err) != STATUS_OK) {
        state->broken = true;
        return IS_UNKNOWN;
    }
    return truth_of(*(uint8_t *)out.values);
}

static Truth test_pair(PathRun *state, const PathNode *node, const JsonNode *a, const JsonNode *b) {
    if (node->kind == PATH_COMPARE) return compare_items((PathCompare)node->detail, a, b);
    return node->kind == PATH_STARTS_WITH ? starts_with(a, b) : matches(state, node, a);
}

/* True when some pair is; in strict mode any pair that cannot be compared makes it unknown. */
static Truth test_pairs(PathRun *state, const PathNode *node, JsonNode *item) {
    JsonPathItems left = {0}, right = {0};
    bool failed = false, found = false;
    if (quiet_operand(state, node->left, item, true, &left) == PATH_FAILED) return IS_UNKNOWN;
    if (node->right &&
        quiet_operand(state, node->right, item, node->kind == PATH_COMPARE, &right) == PATH_FAILED)
        return IS_UNKNOWN;
    for (int i = 0; i < left.count; i++)
        for (int j = 0; j < (node->right ? right.count : 1); j++) {
            if (is_stopped(state)) return IS_UNKNOWN;
            Truth truth = test_pair(state, node, left.items[i], node->right ? right.items[j] : NULL);
            if (truth == IS_UNKNOWN && !state->lax) return IS_UNKNOWN;
            if (truth == IS_TRUE && state->lax) return IS_TRUE;
            failed |= truth == IS_UNKNOWN;
            found |= truth == IS_TRUE;
        }
    return found ? IS_TRUE : failed ? IS_UNKNOWN : IS_FALSE;
}

static Truth test_exists(PathRun *state, const PathNode *node, JsonNode *item) {
    bool raises = state->raises;
    JsonPathItems items = {0};
    state->raises = false;
    PathResult result = run(state, node->left, item, state->lax ? NULL : &items, state->lax);
    state->raises = raises;
    if (result == PATH_FAILED) return IS_UNKNOWN;
    return truth_of(state->lax ? result == PATH_FOUND : items.count > 0);
}

static Truth test(PathRun *state, const PathNode *node, JsonNode *item) {
    switch ((PathKind)node->kind) {
    case PATH_AND: {
        Truth left = test(state, node->left, item);
        if (left == IS_FALSE) return left;
        Truth right = test(state, node->right, item);
        return right == IS_TRUE ? left : right;
    }
    case PATH_OR: {
        Truth left = test(state, node->left, item);
        if (left == IS_TRUE) return left;
        Truth right = test(state, node->right, item);
        return right == IS_FALSE ? left : right;
    }
    case PATH_NOT: {
        Truth truth = test(state, node->left, item);
        return truth == IS_UNKNOWN ? truth : truth_of(truth == IS_FALSE);
    }
    case PATH_IS_UNKNOWN: return truth_of(test(state, node->left, item) == IS_UNKNOWN);
    case PATH_EXISTS: return test_exists(state, node, item);
    default: return test_pairs(state, node, item);
    }
}

PathResult jsonpath_run(const JsonPath *path, JsonNode *document, const JsonNode *variables, bool silent,
                        Arena *arena, JsonPathItems *items, Error *err) {
    PathRun state = {.arena = arena,
                     .root = document,
                     .current = document,
                     .variables = variables,
                     .lax = path->lax,
                     .structural_ok = path->lax,
                     .raises = !silent,
                     .array_size = -1,
                     .err = err};
    Error own = {0};
    if (!state.err) state.err = &own;
    PathResult result = run(&state, path->root, document, items, path->lax);
    return result;
}
