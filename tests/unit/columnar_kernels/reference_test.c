/* Kernels against naive loops: 0, 1, 63, 64, 65 and 2048 rows; no, some and all NULL; constant and flat on
 * each side; with and without a selection. Garbage at NULL and unselected rows must neither raise nor leak.
 */
#include <math.h>

#include "tests/unit/columnar_kernels/kernel_harness.h"

static const int row_counts[] = {0, 1, 63, 64, 65, 2048};
enum { NULLS_NONE, NULLS_SOME, NULLS_ALL, NULL_SHAPES };

static uint64_t random_state = 42;
static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* A column of small values; NULL rows hold the extreme value that would overflow. */
static Vector make_column(SqlType type, int rows, int nulls, bool constant, bool nonzero, Arena *arena) {
    Vector vector;
    int count = constant ? 1 : rows > 0 ? rows : 1;
    vector_init_flat(&vector, type, count, arena);
    if (nulls != NULLS_NONE) vector_make_validity(&vector, count, arena);
    for (int i = 0; i < count; i++) {
        bool null = nulls == NULLS_ALL || (nulls == NULLS_SOME && i % 3 == 1);
        int64_t value = (int64_t)(next_random() % 2001) - 1000;
        value = nonzero && value == 0 ? 1 : value;
        if (null) {
            bitmap_clear(vector.validity, (size_t)i);
            value = nonzero ? 0 : INT64_MAX;
        }
        switch (vector.physical) {
        case PHYS_I16: ((int16_t *)vector.values)[i] = (int16_t)(null && !nonzero ? INT16_MAX : value); break;
        case PHYS_I32: ((int32_t *)vector.values)[i] = (int32_t)(null && !nonzero ? INT32_MAX : value); break;
        case PHYS_I64: ((int64_t *)vector.values)[i] = value; break;
        case PHYS_F64: ((double *)vector.values)[i] = null ? INFINITY : (double)value / 4; break;
        default: fail();
        }
    }
    vector.encoding = constant ? VECTOR_CONSTANT : VECTOR_FLAT;
    return vector;
}

static double value_at(const Vector *vector, int row) {
    size_t i = vector->encoding == VECTOR_CONSTANT ? 0 : (size_t)row;
    switch (vector->physical) {
    case PHYS_BOOL: return ((uint8_t *)vector->values)[i];
    case PHYS_I16: return ((int16_t *)vector->values)[i];
    case PHYS_I32: return ((int32_t *)vector->values)[i];
    case PHYS_I64: return (double)((int64_t *)vector->values)[i];
    default: return ((double *)vector->values)[i];
    }
}

static double expected_value(const char *name, double a, double b, bool whole) {
    switch (name[0]) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return whole ? trunc(a / b) : a / b;
    case '=': return a == b;
    case '>': return name[1] ? a >= b : a > b;
    default: return name[1] == '>' ? a != b : name[1] ? a <= b : a < b;
    }
}

static void check_shape(const char *name, SqlType left, SqlType right, int rows, int shape, Arena *arena) {
    HarnessArg types[2] = {{.type = left}, {.type = right}};
    const ScalarFunction *function = harness_find(name, types, 2);
    assert_non_null(function);
    bool divide = name[0] == '/';
    Vector args[2] = {make_column(left, rows, shape % 3, shape / 3 % 2, false, arena),
                      make_column(right, rows, shape / 6 % 3, shape / 18 % 2, divide, arena)};
    uint16_t selection[2048];
    int selected = 0, every = shape / 36 == 1 ? 2 : 7;
    for (int i = 0; i < rows; i += every)
        selection[selected++] = (uint16_t)i;
    bool select = shape / 36 > 0;
    Vector out;
    Error err = {0};
    SqlType declared[2] = {left, right};
    SqlType result = function_result(function, declared, 2);
    Status status = harness_call(function, args, 2, rows, select ? selection : NULL, select ? selected : rows,
                                 result, arena, &out, &err);
    if (status != STATUS_OK) fail_msg("%s, %d rows, shape %d: %s", name, rows, shape, err.message);
    bool whole = sqltype_is_integer(result);
    for (int k = 0; k < (select ? selected : rows); k++) {
        int row = select ? selection[k] : k;
        bool null = vector_is_null(&args[0], row) || vector_is_null(&args[1], row);
        assert_int_equal(vector_is_null(&out, row), null);
        if (!null)
            assert_true(value_at(&out, row) ==
                        expected_value(name, value_at(&args[0], row), value_at(&args[1], row), whole));
    }
}

static void binary_kernels_match_naive_loops(void **state) {
    static const char *const names[] = {"+", "-", "*", "/", "=", "<>", "<", "<=", ">", ">="};
    static const SqlTypeId pairs[][2] = {{SQL_INT4, SQL_INT4},
                                         {SQL_INT8, SQL_INT8},
                                         {SQL_INT4, SQL_INT8},
                                         {SQL_INT8, SQL_INT2},
                                         {SQL_FLOAT8, SQL_FLOAT8}};
    Arena arena;
    arena_init(&arena);
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++)
            for (size_t r = 0; r < sizeof row_counts / sizeof row_counts[0]; r++)
                for (int shape = 0; shape < 108; shape++) {
                    check_shape(names[n], sqltype_of(pairs[p][0]), sqltype_of(pairs[p][1]), row_counts[r],
                                shape, &arena);
                    arena_reset(&arena);
                }
    arena_deinit(&arena);
}

static void overflow_is_found_wherever_it_is(void **state) {
    Arena arena;
    arena_init(&arena);
    HarnessArg types[2] = {{.type = sqltype_of(SQL_INT4)}, {.type = sqltype_of(SQL_INT4)}};
    const ScalarFunction *add = harness_find("+", types, 2);
    for (int at = 0; at < 2048; at += 511) {
        Vector args[2] = {make_column(types[0].type, 2048, NULLS_NONE, false, false, &arena),
                          make_column(types[1].type, 2048, NULLS_NONE, false, false, &arena)},
               out;
        ((int32_t *)args[0].values)[at] = INT32_MAX;
        ((int32_t *)args[1].values)[at] = 1;
        Error err = {0};
        assert_int_equal(harness_call(add, args, 2, 2048, NULL, 2048, types[0].type, &arena, &out, &err),
                         STATUS_ERROR);
        assert_string_equal(err.sqlstate, "22003");
        assert_string_equal(err.message, "integer out of range");
        uint16_t others[1] = {(uint16_t)(at + 1)};
        assert_int_equal(harness_call(add, args, 2, 2048, others, 1, types[0].type, &arena, &out, &err),
                         STATUS_OK);
    }
    arena_deinit(&arena);
}

/* ---- aggregates
 * ----------------------------------------------------------------------------------------------------------
 */

static const AggregateFunction *find_aggregate(const char *name, SqlTypeId type) {
    const AggregateFunction *candidates[32];
    int count = aggregate_candidates(name, candidates, 32);
    for (int i = 0; i < count; i++)
        if (candidates[i]->arg_count >= 1 &&
            (candidates[i]->args[0].id == type || candidates[i]->args[0].id == SQL_UNKNOWN))
            return candidates[i];
    return NULL;
}

static SqlType aggregate_type(const AggregateFunction *function, SqlType arg) {
    return function->result_type ? function->result_type(&arg, 1) : function->result;
}

typedef struct Expected {
    double sum, least, greatest;
    int64_t count;
} Expected;

static Vector as_dictionary(const Vector *flat, int rows, Arena *arena) {
    Vector *dictionary = arena_memdup(arena, flat, sizeof *flat), coded = *flat;
    dictionary->validity = NULL;
    coded.encoding = VECTOR_DICTIONARY;
    coded.dictionary = dictionary;
    coded.dictionary_length = (uint32_t)rows;
    coded.codes = arena_alloc(arena, sizeof(uint32_t) * (size_t)(rows > 0 ? rows : 1));
    for (int i = 0; i < rows; i++)
        coded.codes[i] = (uint32_t)i;
    coded.values = NULL;
    return coded;
}

static double shown_double(const Vector *out, int row, Arena *arena) {
    const char *text = harness_show(out, row, arena);
    return text ? strtod(text, NULL) : NAN;
}

static double expected_of(const char *name, const Expected *e) {
    return strcmp(name, "sum") == 0   ? e->sum
           : strcmp(name, "avg") == 0 ? e->sum / (double)e->count
           : strcmp(name, "min") == 0 ? e->least
           : strcmp(name, "max") == 0 ? e->greatest
                                      : (double)e->count;
}

static void check_group(const char *name, const Vector *out, int row, const Expected *expected,
                        Arena *arena) {
    if (strcmp(name, "count") != 0 && expected->count == 0) {
        assert_true(vector_is_null(out, row));
        return;
    }
    double got = shown_double(out, row, arena), wanted = expected_of(name, expected);
    assert_true(fabs(got - wanted) <= fabs(wanted) * 1e-12);
}

enum { GROUPS = 5 };

static void check_aggregate(const char *name, SqlType type, int rows, int shape, Arena *arena) {
    const AggregateFunction *function = find_aggregate(name, (SqlTypeId)type.id);
    assert_non_null(function);
    Vector column = make_column(type, rows, shape % 3, shape / 3 % 3 == 1, false, arena);
    Expected expected[GROUPS + 1] = {0};
    uint16_t selection[2048];
    uint32_t groups[2048];
    int count = 0;
    bool select = shape / 9 > 0;
    for (int row = 0; row < rows; row += select ? 3 : 1) {
        groups[count] = (uint32_t)(row % (GROUPS - 1)); /* the last group stays empty */
        selection[count++] = (uint16_t)row;
        if (vector_is_null(&column, row)) continue;
        Expected *into[2] = {&expected[groups[count - 1]], &expected[GROUPS]};
        double value = value_at(&column, row) / (type.id == SQL_NUMERIC ? 100 : 1);
        for (int i = 0; i < 2; i++) {
            into[i]->least = into[i]->count == 0 || value < into[i]->least ? value : into[i]->least;
            into[i]->greatest = into[i]->count == 0 || value > into[i]->greatest ? value : into[i]->greatest;
            into[i]->sum += value;
            into[i]->count++;
        }
    }
    if (shape / 3 % 3 == 2) column = as_dictionary(&column, rows, arena);
    AggregateInput input = {.args = &column,
                            .arg_count = 1,
                            .row_count = rows,
                            .selection = select ? selection : NULL,
                            .selected = count,
                            .arena = arena};
    size_t stride = function->state_bytes + 32;
    char *states = arena_zalloc(arena, stride * (GROUPS + 2));
    for (int g = 0; g < GROUPS + 2 && function->init; g++)
        function->init(states + stride * (size_t)g);
    Error err = {0};
    assert_int_equal(function->update(states, stride, groups, &input, &err), STATUS_OK);
    assert_int_equal(function->update_single(states + stride * GROUPS, &input, &err), STATUS_OK);
    for (int g = 0; g < GROUPS; g++) /* all groups combined are the single state again */
        assert_int_equal(
            function->combine(states + stride * (GROUPS + 1), states + stride * (size_t)g, arena, &err),
            STATUS_OK);
    Vector out;
    vector_init_flat(&out, aggregate_type(function, type), GROUPS + 2, arena);
    assert_int_equal(function->finalize(states, stride, GROUPS + 2, &out, arena, &err), STATUS_OK);
    for (int g = 0; g < GROUPS + 2; g++)
        check_group(name, &out, g, &expected[g > GROUPS ? GROUPS : g], arena);
}

static void aggregates_match_naive_loops(void **state) {
    static const char *const names[] = {"count", "sum", "avg", "min", "max"};
    const SqlType types[] = {sqltype_of(SQL_INT2), sqltype_of(SQL_INT4), sqltype_of(SQL_INT8),
                             sqltype_of(SQL_FLOAT8), sqltype_numeric(12, 2)};
    Arena arena;
    arena_init(&arena);
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
            for (size_t r = 0; r < sizeof row_counts / sizeof row_counts[0]; r++)
                for (int shape = 0; shape < 18; shape++) {
                    check_aggregate(names[n], types[t], row_counts[r], shape, &arena);
                    arena_reset(&arena);
                }
    arena_deinit(&arena);
}

typedef struct AggregateCase {
    const char *name;
    const char *type;
    const char *values[6]; /* NULL ends; "\\N" is SQL NULL */
    const char *expected;
} AggregateCase;

/* Expected: PostgreSQL's answers over VALUES of these rows. */
static const AggregateCase aggregate_cases[] = {
#include "tests/unit/columnar_kernels/aggregate_cases.inc.c"
};

static void aggregates_print_as_postgresql(void **state) {
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof aggregate_cases / sizeof aggregate_cases[0]; i++) {
        const AggregateCase *c = &aggregate_cases[i];
        SqlType type = sqltype_from_name(c->type);
        const AggregateFunction *function = find_aggregate(c->name, (SqlTypeId)type.id);
        assert_non_null(function);
        char *state_bytes = arena_zalloc(&arena, function->state_bytes);
        Error err = {0};
        for (int v = 0; v < 6 && c->values[v]; v++) {
            const char *text = strcmp(c->values[v], "\\N") == 0 ? NULL : c->values[v];
            Vector args[2];
            assert_int_equal(harness_literal((HarnessArg){type, text}, &arena, &args[0], &err), STATUS_OK);
            if (function->arg_count == 2)
                args[1] = strcmp(c->name, "string_agg") == 0
                              ? harness_text_constant("; ", sqltype_of(SQL_TEXT), &arena)
                              : args[0];
            AggregateInput input = {.args = args,
                                    .arg_count = function->arg_count,
                                    .row_count = 1,
                                    .selected = 1,
                                    .arena = &arena};
            assert_int_equal(function->update_single(state_bytes, &input, &err), STATUS_OK);
        }
        Vector out;
        vector_init_flat(&out, aggregate_type(function, type), 1, &arena);
        assert_int_equal(function->finalize(state_bytes, function->state_bytes, 1, &out, &arena, &err),
                         STATUS_OK);
        const char *got = harness_show(&out, 0, &arena);
        if (strcmp(got ? got : "\\N", c->expected) != 0)
            fail_msg("%s(%s) case %zu: got %s, PostgreSQL %s", c->name, c->type, i, got ? got : "NULL",
                     c->expected);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_kernels_match_naive_loops),
        cmocka_unit_test(overflow_is_found_wherever_it_is),
        cmocka_unit_test(aggregates_match_naive_loops),
        cmocka_unit_test(aggregates_print_as_postgresql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
