#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/calibration.h"
#include "tests/unit/router/fake_engine.h"

static Status no_probe(Engine *engine, double out[ENGINE_CONSTANT_COUNT], Error *err) {
    return STATUS_OK;
}

static void probed(FakeEngine *engine, const char *name) {
    fake_init(engine, name, "postgres", NULL, 0);
    engine->ops.default_constants[CONSTANT_SCANNED_ROW_NS] = 100;
    engine->ops.probe = no_probe;
}

static void note(Calibration *calibration, const FakeEngine *engine, double scanned_ns, uint32_t now) {
    double measured[ENGINE_CONSTANT_COUNT] = {[CONSTANT_SCANNED_ROW_NS] = scanned_ns};
    calibration_note(calibration, &engine->base, measured, now);
}

static double scanned(const Calibration *calibration, FakeEngine *engine) {
    calibration_apply(calibration, &engine->base);
    return engine_constant(&engine->base, CONSTANT_SCANNED_ROW_NS);
}

static void assert_near(double value, double expected) {
    if (fabs(value - expected) > expected * 0.01) fail_msg("%g is not about %g", value, expected);
}

static void test_believes_the_faster(void **state) {
    FakeEngine engine;
    probed(&engine, "one");
    Calibration *calibration = calibration_create(NULL);
    assert_near(scanned(calibration, &engine), 100); /* as compiled in */
    assert_near(engine_slowness(&engine.base, CONSTANT_SCANNED_ROW_NS), 1);
    note(calibration, &engine, 200, 1000);
    assert_near(calibration_apply(calibration, &engine.base), 2);
    assert_near(engine_slowness(&engine.base, CONSTANT_SCANNED_ROW_NS), 2);
    note(calibration, &engine, 800, 1001); /* a busy moment */
    assert_true(scanned(calibration, &engine) < 300);
    note(calibration, &engine, 60, 1002);
    assert_true(scanned(calibration, &engine) < 150);
    for (int i = 0; i < 100; i++)
        note(calibration, &engine, 400, 1003); /* it is slower */
    assert_near(scanned(calibration, &engine), 400);
    note(calibration, &engine, 0, 1004); /* nothing was measured */
    note(calibration, &engine, NAN, 1004);
    assert_near(scanned(calibration, &engine), 400);
    for (int i = 0; i < 100; i++)
        note(calibration, &engine, 1e9, 1005); /* nonsense is bounded */
    assert_near(scanned(calibration, &engine), 1600);
    note(calibration, &engine, 100, 1005 + 3 * 24 * 3600); /* another machine, perhaps */
    assert_near(scanned(calibration, &engine), 100);
    calibration_destroy(calibration);
}

/* What one process measured, another knows, and the next after a restart. */
static void test_kept_and_shared(void **state) {
    FakeEngine engine, same, other;
    probed(&engine, "one");
    probed(&same, "one");
    probed(&other, "two");
    void *memory = aligned_alloc(64, CALIBRATION_BYTES);
    assert_non_null(memory);
    memset(memory, 0, CALIBRATION_BYTES);
    Calibration *first = calibration_create(memory), *second = calibration_create(memory);
    assert_true(calibration_claim(first, &engine.base, 600, 1000));
    assert_false(calibration_claim(second, &same.base, 600, 1000)); /* the first does it */
    assert_true(calibration_claim(second, &other.base, 600, 1000));
    assert_false(calibration_claim(first, &engine.base, 0, 99999)); /* switched off */
    note(first, &engine, 50, 1000);
    calibration_destroy(first);
    assert_near(scanned(second, &same), 50);
    assert_near(scanned(second, &other), 100);
    assert_true(calibration_claim(second, &same.base, 600, 1100)); /* soon again, at first */
    for (int i = 0; i < 8; i++)
        note(second, &same, 50, 1100);
    assert_false(calibration_claim(second, &same.base, 600, 1600));
    assert_true(calibration_claim(second, &same.base, 600, 1700));
    CalibrationState told;
    calibration_read(second, &same.base, &told);
    assert_int_equal(told.probes, 9);
    assert_int_equal(told.probed_at_seconds, 1100);
    calibration_destroy(second);
    free(memory);
}

static void test_many_engines_over_the_years(void **state) {
    Calibration *calibration = calibration_create(NULL);
    for (int i = 0; i < 500; i++) {
        char name[16];
        FakeEngine engine;
        snprintf(name, sizeof name, "e%d", i);
        probed(&engine, name);
        note(calibration, &engine, 50, (uint32_t)(1000 + i));
        assert_near(scanned(calibration, &engine), 50);
    }
    calibration_destroy(calibration);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_believes_the_faster),
        cmocka_unit_test(test_kept_and_shared),
        cmocka_unit_test(test_many_engines_over_the_years),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
