/* Arithmetic that may answer in a narrower form says what the wide one says, at every magnitude; sums of
 * whole batches say what sums of rows one by one say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/columnar/kernels/numeric_math.h"

static Arena test_arena;
static uint64_t seed = 88172645463325252U;

static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Of at most `bits` bits, either sign, the bounds often. */
static Int128 draw_value(int bits) {
    if (bits == 0) return -(Int128)(draw() & 1);
    UInt128 mask = ((UInt128)1 << bits) - 1, magnitude = ((UInt128)draw() << 64 | draw()) & mask;
    uint64_t shape = draw() % 8;
    if (shape < 2) magnitude = mask;
    return shape & 1 ? ~(Int128)magnitude : (Int128)magnitude;
}

static Vector draw_vector(int digits, int scale, int bits, int rows) {
    Vector vector;
    vector_init_flat(&vector, sqltype_numeric(digits, scale), rows > 0 ? rows : 1, &test_arena);
    for (int i = 0; i < rows; i++) {
        Int128 value = draw_value(bits);
        if (vector.physical == PHYS_I64)
            ((int64_t *)vector.values)[i] = (int64_t)value;
        else
            ((Int128 *)vector.values)[i] = value;
    }
    return vector;
}

static const ScalarFunction *operator_of(const char *name) {
    const ScalarFunction *candidates[64];
    int count = function_candidates(name, candidates, 64);
    for (int i = 0; i < count; i++)
        if (candidates[i]->arg_count == 2 && candidates[i]->args[0].id == SQL_NUMERIC &&
            candidates[i]->narrows)
            return candidates[i];
    fail_msg("no operator %s", name);
    return NULL;
}

static Numeric value_at(const Vector *vector, int row) {
    if (vector->physical == PHYS_NUMERIC) return ((const Numeric *)vector->values)[row];
    if (vector->physical == PHYS_I64)
        return numeric_make(((const int64_t *)vector->values)[row], vector->type.scale);
    return numeric_make(((const Int128 *)vector->values)[row], vector->type.scale);
}

typedef bool (*Exact)(Numeric a, Numeric b, Numeric *out);

/* What came out, against the row by row reference; returns the form it came in. */
static int check(const char *name, Exact exact, Vector *args, SqlType result, int rows) {
    Error err = {0};
    Vector out;
    vector_init_flat(&out, result, rows > 0 ? rows : 1, &test_arena);
    KernelCall call = {.args = args,
                       .arg_count = 2,
                       .row_count = rows,
                       .selected = rows,
                       .out = &out,
                       .arena = &test_arena,
                       .narrow = true};
    Status status = operator_of(name)->eval(&call, &err);
    assert_int_equal(out.physical, physical_type_of(out.type));
    for (int row = 0; row < rows; row++) {
        Numeric a = value_at(&args[0], args[0].encoding == VECTOR_CONSTANT ? 0 : row), wanted;
        Numeric b = value_at(&args[1], args[1].encoding == VECTOR_CONSTANT ? 0 : row);
        if (!exact(a, b, &wanted)) {
            assert_int_equal(status, STATUS_ERROR);
            break;
        }
        if (status != STATUS_OK) continue;
        Numeric got = value_at(&out, row);
        assert_true(got.value == wanted.value);
        assert_int_equal(got.scale, wanted.scale);
    }
    return out.physical;
}

static const int row_counts[] = {0, 1, 63, 64, 65, 2048};

static void test_arithmetic(void **state) {
    (void)state;
    const struct {
        int digits, scale, bits;
    } forms[] = {{15, 2, 49}, {18, 0, 59}, {18, 6, 59}, {18, 18, 59}, {31, 4, 102}, {38, 10, 125}};
    int narrow = 0;
    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < 6; b++)
            for (int round = 0; round < 40; round++) {
                int rows = row_counts[draw() % 6];
                Vector args[2] = {draw_vector(forms[a].digits, forms[a].scale,
                                              (int)(draw() % (uint64_t)forms[a].bits), rows),
                                  draw_vector(forms[b].digits, forms[b].scale,
                                              (int)(draw() % (uint64_t)forms[b].bits), rows)};
                if (round % 4 == 1 && rows) args[0].encoding = VECTOR_CONSTANT;
                if (round % 4 == 2 && rows) args[1].encoding = VECTOR_CONSTANT;
                SqlType open = sqltype_of(SQL_NUMERIC);
                narrow += check("*", numeric_multiply, args, open, rows) == PHYS_I64;
                narrow += check("+", numeric_add, args, open, rows) == PHYS_I64;
                narrow += check("-", numeric_subtract, args, open, rows) == PHYS_I64;
                arena_reset(&test_arena);
            }
    assert_true(narrow > 200); /* it is what is tested here */
}

/* At the edge: 2^31 × 2^31 has room, 2^31 × 2^32 of both signs has not. */
static void test_edges(void **state) {
    (void)state;
    int64_t left[2] = {-(INT64_C(1) << 31), 5}, right[2] = {-(INT64_C(1) << 31), 7};
    int64_t far[2] = {INT64_MIN, INT64_MIN};
    Vector args[2];
    for (int i = 0; i < 2; i++)
        vector_init_flat(&args[i], sqltype_numeric(18, 2), 2, &test_arena);
    memcpy(args[0].values, left, sizeof left);
    memcpy(args[1].values, right, sizeof right);
    SqlType product = sqltype_numeric(36, 4), sum = sqltype_numeric(19, 2);
    assert_int_equal(check("*", numeric_multiply, args, product, 2), PHYS_I64);
    memcpy(args[1].values, far, sizeof far);
    assert_int_equal(check("*", numeric_multiply, args, product, 2), PHYS_I128);
    assert_int_equal(check("-", numeric_subtract, args, sum, 2), PHYS_I128);
    memcpy(args[0].values, far, sizeof far);
    assert_int_equal(check("*", numeric_multiply, args, product, 2), PHYS_I128);
    assert_int_equal(check("+", numeric_add, args, sum, 2), PHYS_I128);
}

static const AggregateFunction *numeric_sum(void) {
    const AggregateFunction *candidates[16];
    int count = aggregate_candidates("sum", candidates, 16);
    for (int i = 0; i < count; i++)
        if (candidates[i]->args[0].id == SQL_NUMERIC) return candidates[i];
    fail();
    return NULL;
}

static Numeric sum_by(const AggregateInput *input, bool single) {
    const AggregateFunction *sum = numeric_sum();
    Error err = {0};
    char *state = arena_zalloc(&test_arena, sum->state_bytes);
    uint32_t *groups = arena_zalloc(&test_arena, sizeof *groups * BATCH_ROWS);
    assert_int_equal(single ? sum->update_single(state, input, &err)
                            : sum->update(state, sum->state_bytes, groups, input, &err),
                     STATUS_OK);
    Vector out;
    vector_init_flat(&out, sqltype_of(SQL_NUMERIC), 1, &test_arena);
    assert_int_equal(sum->finalize(state, sum->state_bytes, 1, &out, &test_arena, &err), STATUS_OK);
    return out.validity ? numeric_nan() : value_at(&out, 0);
}

static void test_sums(void **state) {
    (void)state;
    uint16_t selection[BATCH_ROWS];
    uint32_t codes[BATCH_ROWS];
    for (int round = 0; round < 400; round++) {
        int rows = row_counts[draw() % 6], selected = 0;
        Vector values = draw_vector(18, 2, (int)(draw() % 64), rows), coded = values;
        for (int i = 0; i < rows; i++) {
            if (draw() % 3) selection[selected++] = (uint16_t)i;
            codes[i] = (uint32_t)(draw() % (uint64_t)rows);
        }
        if (round % 3 == 0 && rows)
            for (int i = 0; i < rows; i += 5)
                bitmap_clear(vector_make_validity(&values, rows, &test_arena), (size_t)i);
        coded.encoding = VECTOR_DICTIONARY;
        coded.dictionary = &coded;
        Vector dictionary = coded;
        dictionary.encoding = VECTOR_FLAT;
        coded.dictionary = &dictionary;
        coded.codes = codes;
        Vector *args[2] = {&values, &coded};
        for (int which = 0; which < 4; which++) {
            AggregateInput input = {.args = args[which & 1],
                                    .arg_count = 1,
                                    .row_count = rows,
                                    .selection = which & 2 ? selection : NULL,
                                    .selected = which & 2 ? selected : rows,
                                    .arena = &test_arena};
            Numeric one = sum_by(&input, true), other = sum_by(&input, false);
            assert_true(one.value == other.value);
            assert_int_equal(one.scale, other.scale);
            assert_int_equal(one.special, other.special);
        }
        arena_reset(&test_arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_edges),
                                       cmocka_unit_test(test_sums)};
    arena_init(&test_arena);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_deinit(&test_arena);
    return failed;
}
