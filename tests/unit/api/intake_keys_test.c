/* Idempotency-Key: one post takes effect, whoever asks again learns with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "fcgi/api/intake_keys.h"

static char path[64] = "/tmp/signalbox-intake-keys-XXXXXX";

static int make_file(void **state) {
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int remove_file(void **state) {
    return unlink(path);
}

static void keys_are_shared(void **state) {
    IntakeKeys *one, *other;
    IntakeOutcome outcome = {0};
    Error err = {0};
    assert_int_equal(intake_keys_open(path, &one, &err), STATUS_OK);
    assert_int_equal(intake_keys_open(path, &other, &err), STATUS_OK);
    assert_int_equal(intake_keys_begin(one, "t k", 7, &outcome), INTAKE_KEY_NEW);
    assert_int_equal(intake_keys_begin(other, "t k", 7, &outcome), INTAKE_KEY_BEGUN);
    assert_int_equal(intake_keys_begin(other, "t k", 8, &outcome), INTAKE_KEY_OTHER_BODY);
    assert_int_equal(intake_keys_begin(other, "t l", 7, &outcome), INTAKE_KEY_NEW);
    intake_keys_done(one, "t k", &(IntakeOutcome){.row_count = 3, .rejected_count = 1, .snapshot_id = 99});
    intake_keys_forget(other, "t l");
    assert_int_equal(intake_keys_begin(other, "t k", 7, &outcome), INTAKE_KEY_DONE);
    assert_int_equal(outcome.row_count, 3);
    assert_int_equal(outcome.rejected_count, 1);
    assert_int_equal(outcome.snapshot_id, 99);
    assert_int_equal(intake_keys_begin(one, "t l", 1, &outcome), INTAKE_KEY_NEW);
    intake_keys_close(one);
    intake_keys_close(other);
}

static void the_latest_stay(void **state) {
    IntakeKeys *keys;
    IntakeOutcome outcome = {0};
    Error err = {0};
    char key[32];
    assert_int_equal(intake_keys_open(path, &keys, &err), STATUS_OK);
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "n %d", i);
        assert_int_equal(intake_keys_begin(keys, key, 1, &outcome), INTAKE_KEY_NEW);
        intake_keys_done(keys, key, &(IntakeOutcome){.row_count = i});
    }
    for (int i = 19000; i < 20000; i++) {
        snprintf(key, sizeof key, "n %d", i);
        assert_int_equal(intake_keys_begin(keys, key, 1, &outcome), INTAKE_KEY_DONE);
        assert_int_equal(outcome.row_count, i);
    }
    intake_keys_close(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_shared), cmocka_unit_test(the_latest_stay)};
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
