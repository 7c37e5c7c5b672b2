/* Plugins: a good one's functions compute, a bad one is a clear error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "engines/columnar/kernels/plugin_functions.h"

#define PLUGIN(name) PLUGIN_DIRECTORY "/" name ".so"

static void load_example(void) {
    Error err = {0};
    if (plugins_load(PLUGIN("example_plugin"), &err) != STATUS_OK) fail_msg("%s", err.message);
}

static Status call_scalar(const char *name, const Vector *arg, int rows, Vector *out, Arena *arena,
                          Error *err) {
    const ScalarFunction *function = NULL;
    assert_int_equal(function_candidates(name, &function, 1), 1);
    vector_init_flat(out, function->result, rows > 0 ? rows : 1, arena);
    if (arg->validity) {
        uint64_t *validity = vector_make_validity(out, rows, arena);
        for (int r = 0; r < rows; r++)
            if (vector_is_null(arg, r)) bitmap_clear(validity, (size_t)r);
    }
    KernelCall call = {.args = arg,
                       .arg_count = 1,
                       .row_count = rows,
                       .selected = rows,
                       .out = out,
                       .arena = arena,
                       .bind_data = function->data};
    return function->eval(&call, err);
}

static void test_scalars(void **state) {
    static const int SIZES[] = {0, 1, 63, 64, 65, 2048};
    Error err = {0};
    Arena arena;
    (void)state;
    load_example();
    arena_init(&arena);
    for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++) {
        int rows = SIZES[s];
        Vector arg, out;
        vector_init_flat(&arg, sqltype_of(SQL_INT4), rows + 1, &arena);
        for (int r = 0; r < rows; r++) {
            ((int32_t *)arg.values)[r] = r % 11;
            if (r % 5 == 3) bitmap_clear(vector_make_validity(&arg, rows, &arena), (size_t)r);
        }
        assert_int_equal(call_scalar("fibonacci", &arg, rows, &out, &arena, &err), STATUS_OK);
        static const int64_t EXPECTED[] = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55};
        for (int r = 0; r < rows; r++) {
            assert_int_equal(vector_is_null(&out, r), r % 5 == 3);
            if (r % 5 != 3) assert_int_equal(((int64_t *)out.values)[r], EXPECTED[r % 11]);
        }
    }
    arena_deinit(&arena);
}

static void test_strings_and_errors(void **state) {
    static const char *const TEXTS[] = {"", "hey", "twelve bytes", "longer than twelve bytes"};
    Error err = {0};
    Arena arena;
    Vector arg, out;
    (void)state;
    load_example();
    arena_init(&arena);
    vector_init_flat(&arg, sqltype_of(SQL_TEXT), 4, &arena);
    for (int r = 0; r < 4; r++)
        ((StringView *)arg.values)[r] = stringview_make(TEXTS[r], (uint32_t)strlen(TEXTS[r]));
    assert_int_equal(call_scalar("shout", &arg, 4, &out, &arena, &err), STATUS_OK);
    assert_true(vector_is_null(&out, 0));
    for (int r = 1; r < 4; r++) {
        const StringView *made = (StringView *)out.values + r;
        assert_int_equal(made->length, strlen(TEXTS[r]) + 1);
        assert_memory_equal(stringview_data(made), TEXTS[r], strlen(TEXTS[r]));
        assert_int_equal(stringview_data(made)[made->length - 1], '!');
    }
    int32_t large = 93;
    vector_init_constant(&arg, sqltype_of(SQL_INT4), &large, &arena);
    assert_int_equal(call_scalar("fibonacci", &arg, 1, &out, &arena, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "22003");
    assert_string_equal(err.message, "fibonacci: fibonacci(93) is out of range");
    arena_deinit(&arena);
}

static void test_aggregate(void **state) {
    const AggregateFunction *function = NULL;
    Error err = {0};
    Arena arena;
    Vector arg, out;
    _Alignas(16) char states[2][32] = {{0}};
    uint32_t groups[] = {0, 1, 0, 0};
    (void)state;
    load_example();
    arena_init(&arena);
    assert_int_equal(aggregate_candidates("product", &function, 1), 1);
    assert_int_equal(function->state_bytes, 16);
    vector_init_flat(&arg, sqltype_of(SQL_FLOAT8), 4, &arena);
    memcpy(arg.values, (double[]){2, 5, 3, 7}, sizeof(double[4]));
    bitmap_clear(vector_make_validity(&arg, 4, &arena), 3);
    AggregateInput input = {.args = &arg, .arg_count = 1, .row_count = 4, .selected = 4, .arena = &arena};
    assert_int_equal(function->update(states[0], 32, groups, &input, &err), STATUS_OK);
    assert_int_equal(function->combine(states[0], states[1], &arena, &err), STATUS_OK);
    memset(states[1], 0, sizeof states[1]);
    vector_init_flat(&out, sqltype_of(SQL_FLOAT8), 2, &arena);
    assert_int_equal(function->finalize(states[0], 32, 2, &out, &arena, &err), STATUS_OK);
    assert_true(((double *)out.values)[0] == 30.0);
    assert_true(vector_is_null(&out, 1));
    arena_deinit(&arena);
}

static void refuse(const char *path, const char *sqlstate, const char *part) {
    Error err = {0};
    assert_int_equal(plugins_load(path, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, sqlstate);
    if (!strstr(err.message, part) || !strstr(err.message, path)) fail_msg("%s", err.message);
}

static void test_bad_plugins(void **state) {
    (void)state;
    refuse(PLUGIN("broken_version_plugin"), SQLSTATE_CONFIG, "version 999");
    refuse(PLUGIN("broken_type_plugin"), SQLSTATE_CONFIG, "arguments");
    refuse(PLUGIN("broken_name_plugin"), SQLSTATE_CONFIG, "built-in");
    refuse(PLUGIN("broken_nothing_plugin"), SQLSTATE_CONFIG, "gave nothing");
    refuse("/nowhere/at_all.so", SQLSTATE_UNDEFINED_FILE, "no such file");
    refuse("/etc/passwd", SQLSTATE_CONFIG, "/etc/passwd");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_strings_and_errors),
        cmocka_unit_test(test_aggregate),
        cmocka_unit_test(test_bad_plugins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
