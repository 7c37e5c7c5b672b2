/* Which reads are tried on another engine, and what that may take. */
#include "router/explore.h"
#include "tests/unit/router/fake_engine.h"

typedef struct Trial {
    FakeEngine chosen, other;
    Pricing pricing;
    Decision decision;
} Trial;

static void trial_init(Trial *trial) {
    memset(trial, 0, sizeof *trial);
    fake_init(&trial->chosen, "columnar", "columnar", NULL, 0);
    fake_init(&trial->other, "postgres", "postgres", NULL, 0);
    trial->pricing.book = cost_book_create(NULL);
    trial->decision = (Decision){.by_cost = true, .repeatable = true, .fingerprint = 1, .candidate_count = 2};
    trial->decision.candidates[0] =
        (Candidate){.engine = &trial->chosen.base, .verdict.eligible = true, .model_ms = 10, .chosen = true};
    trial->decision.candidates[1] =
        (Candidate){.engine = &trial->other.base, .verdict.eligible = true, .model_ms = 12};
}

static int pick(Explorer *explorer, Trial *trial, double taken_ms, double *limit_ms) {
    return explorer_pick(explorer, &trial->pricing, &trial->decision, taken_ms, 10000, limit_ms);
}

static void test_bounded_share(void **state) {
    Trial trial;
    Explorer explorer;
    trial_init(&trial);
    explorer_init(&explorer, 0.02, 1000, 1);
    double limit_ms, set_aside = 0;
    int tries = 0;
    for (int i = 0; i < 10000; i++)
        if (pick(&explorer, &trial, 10, &limit_ms) >= 0) {
            tries++;
            set_aside += limit_ms;
            assert_true(limit_ms == 20); /* twice what the chosen engine took, whatever is expected */
        }
    assert_true(tries >= 90 && set_aside <= 0.02 * 10 * 10000);
    /* What was not needed is there for the next. */
    int more = 0;
    for (int i = 0; i < 10000; i++)
        if (pick(&explorer, &trial, 10, &limit_ms) >= 0) {
            more++;
            explorer_settle(&explorer, limit_ms, 1);
        }
    assert_true(more > tries * 10);
    cost_book_destroy(trial.pricing.book);
}

static void test_the_same_by_seed(void **state) {
    Trial trial;
    trial_init(&trial);
    trial.decision.candidates[1].model_ms = 100; /* far dearer: seldom tried, but tried */
    char drawn[3][2001] = {{0}};
    for (int run = 0; run < 3; run++) {
        Explorer explorer;
        double limit_ms;
        explorer_init(&explorer, 0.5, 1000, run == 2 ? 8 : 7);
        for (int i = 0; i < 2000; i++) {
            bool tried = pick(&explorer, &trial, 10, &limit_ms) >= 0;
            drawn[run][i] = tried ? 'x' : '.';
            if (tried) explorer_settle(&explorer, limit_ms, 0);
        }
    }
    assert_string_equal(drawn[0], drawn[1]);
    assert_string_not_equal(drawn[0], drawn[2]);
    int tries = 0;
    for (int i = 0; i < 2000; i++)
        tries += drawn[0][i] == 'x';
    assert_true(tries > 100 && tries < 400);
    cost_book_destroy(trial.pricing.book);
}

static void test_only_what_cannot_hurt(void **state) {
    Trial trial;
    Explorer explorer;
    double limit_ms;
    trial_init(&trial);
    explorer_init(&explorer, 0.5, 100, 1);
    for (int i = 0; i < 100; i++)
        if (pick(&explorer, &trial, 1000, &limit_ms) >= 0)
            assert_true(limit_ms == 100); /* what takes long is where another engine may gain most */
    explorer_settle(&explorer, 100, 0);
    assert_int_equal(pick(&explorer, &trial, 10, &limit_ms), 1);
    Decision sound = trial.decision;
    trial.decision.repeatable = false;
    assert_int_equal(pick(&explorer, &trial, 10, &limit_ms), -1);
    trial.decision = sound;
    trial.decision.by_cost = false;
    assert_int_equal(pick(&explorer, &trial, 10, &limit_ms), -1);
    trial.decision = sound;
    trial.decision.forced = true;
    assert_int_equal(pick(&explorer, &trial, 10, &limit_ms), -1);
    trial.decision = sound;
    trial.decision.candidates[1].verdict.eligible = false;
    assert_int_equal(pick(&explorer, &trial, 10, &limit_ms), -1);
    trial.decision = sound;
    explorer.share = 0;
    assert_int_equal(pick(&explorer, &trial, 10, &limit_ms), -1);
    cost_book_destroy(trial.pricing.book);
}

/* An engine that has run the shape need not be tried, until that is long ago. */
static void test_what_is_known_is_not_tried(void **state) {
    Trial trial;
    Explorer explorer;
    double limit_ms;
    trial_init(&trial);
    explorer_init(&explorer, 0.5, 100, 1);
    for (int i = 0; i < 100; i++)
        if (pick(&explorer, &trial, 1000, &limit_ms) >= 0) explorer_settle(&explorer, limit_ms, 0);
    CostKey key = {.fingerprint = 1, .class = (int)trial.decision.class, .engine = "postgres"};
    cost_book_note(trial.pricing.book, &key, 12, 12, 9990);
    assert_int_equal(pick(&explorer, &trial, 10, &limit_ms), -1);
    int found = -1;
    for (int i = 0; i < 50 && found < 0; i++)
        found = explorer_pick(&explorer, &trial.pricing, &trial.decision, 10, 9990 + 7200, &limit_ms);
    assert_int_equal(found, 1);
    /* Nor one that was stopped, of which the book knows nothing; another shape is. */
    explorer_settle(&explorer, 100, 0);
    explorer_note_tried(&explorer, &key, 9990 + 7200);
    for (int i = 0; i < 50; i++)
        assert_int_equal(
            explorer_pick(&explorer, &trial.pricing, &trial.decision, 10, 9990 + 7300, &limit_ms), -1);
    trial.decision.fingerprint = 2;
    found = -1;
    for (int i = 0; i < 50 && found < 0; i++)
        found = explorer_pick(&explorer, &trial.pricing, &trial.decision, 10, 9990 + 7300, &limit_ms);
    assert_int_equal(found, 1);
    cost_book_destroy(trial.pricing.book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounded_share),
        cmocka_unit_test(test_the_same_by_seed),
        cmocka_unit_test(test_only_what_cannot_hurt),
        cmocka_unit_test(test_what_is_known_is_not_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
