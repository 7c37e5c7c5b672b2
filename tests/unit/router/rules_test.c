/* [[rule]]: read with every mistake named, matched on statement and request, and never answered from another
 * request's cached decision. */
#include <time.h>
#include <unistd.h>

#include "router/rules.h"
#include "tests/unit/router/fake_engine.h"

static Config config;
static Error err;

static void load(const char *text) {
    char path[] = "/tmp/signalbox-rules-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    err = (Error){0};
    if (config_load(&config, path, true, &err) != STATUS_OK) fail_msg("%s", err.message);
    unlink(path);
}

static Fixture *fixture_of(void **state) {
    return *state;
}

static void use_rules(Fixture *fixture, const char *text) {
    load(text);
    if (router_set_rules(fixture->router, &config, &err) != STATUS_OK) fail_msg("%s", err.message);
    config_deinit(&config);
}

static int open_fixture(void **state) {
    static PlacementConfig declared[] = {{.table = "twin", .engines = "postgres:columnar", .line = 1}};
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture_open(fixture);
    router_destroy(fixture->router);
    fixture->config.placements = declared;
    fixture->config.placement_count = 1;
    assert_int_equal(router_create(&fixture->config, fixture->engines, 3, &fixture->router, &err), STATUS_OK);
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    fixture->postgres.cost_ms = 1;
    fixture->columnar.cost_ms = 2;
    *state = fixture;
    return 0;
}

static int close_fixture(void **state) {
    fixture_close(*state);
    free(*state);
    return 0;
}

typedef struct Asker {
    const char *user, *role, *tag, *team;
} Asker;

static const char *header_of(const void *request, const char *parameter) {
    const Asker *asker = request;
    if (!strcmp(parameter, "HTTP_X_USER")) return asker->user;
    if (!strcmp(parameter, "HTTP_X_ROLES")) return asker->role;
    if (!strcmp(parameter, "HTTP_X_TEAM")) return asker->team;
    if (!strcmp(parameter, "HTTP_X_TAG")) return asker->tag;
    return NULL;
}

static Decision *ask(Fixture *fixture, const char *sql, const Asker *asker, const char *engine,
                     bool *cached) {
    RouteContext context = {.header = header_of, .request = asker};
    RouteRequest request = {.sql = sql, .sql_length = strlen(sql), .engine = engine, .context = &context};
    Decision *decision = NULL;
    RouteTiming timing = {0};
    error_clear(&err);
    if (router_decide(fixture->router, &request, &decision, &timing, &err) != STATUS_OK) return NULL;
    if (cached) *cached = timing.cached;
    return decision;
}

static void expect(Fixture *fixture, const char *sql, Asker asker, const char *engine, const char *rule) {
    Decision *decision = ask(fixture, sql, &asker, NULL, NULL);
    if (!decision) fail_msg("%s: %s %s", sql, err.sqlstate, err.message);
    assert_string_equal(decision->engine->name, engine);
    assert_string_equal(decision->rule, rule);
    decision_release(decision);
}

static void expect_denied(Fixture *fixture, const char *sql, Asker asker, const char *said) {
    assert_null(ask(fixture, sql, &asker, NULL, NULL));
    assert_string_equal(err.sqlstate, SQLSTATE_DENIED);
    if (!strstr(err.message, said)) fail_msg("\"%s\" does not say \"%s\"", err.message, said);
}

static const char identity[] = "[identity]\nuser_header = 'X-User'\nrole_header = 'X-Roles'\n";
static const char count_twin[] = "SELECT count(*) FROM twin";

static const char *with_identity(const char *rules) {
    static char text[4000];
    snprintf(text, sizeof text, "%s%s", identity, rules);
    return text;
}

static void every_mistake_is_named_with_its_line(void **state) {
    load(
        "[[rule]]\nnmae = 'x'\n[[rule]]\nname = 'a'\nprefer = 'nowhere'\nhours = '25:00-26:00'\n"
        "days = 'monday'\nclass = 'fast'\n[[rule]]\nname = 'a'\nuser = 'x'\ndeny = false\nmin_bytes = '1XB'\n"
        "fingerprint = 'zz'\nheader = 'no colon'\ntables = ['']\nmax_rows = 0\n[[rule]]\nname = 'idle'\n"
        "[[rule]]\nname = 'both'\ndeny = true\nmax_rows = 1\n");
    StrBuf problems;
    strbuf_init(&problems);
    RuleSet *rules = NULL;
    assert_int_equal(rules_read(&config, &rules, &problems, &err), STATUS_ERROR);
    assert_null(rules);
    static const char *const said[] = {":2: a rule has no key nmae\n",
                                       ":5: prefer names no configured engine: \"nowhere\"\n",
                                       ":6: hours must be",
                                       ":7: days are",
                                       ":8: there is no class \"fast\"",
                                       ":10: another rule is called \"a\"",
                                       ":11: user needs identity.user_header",
                                       ":12: deny must be true",
                                       ":13: min_bytes must be",
                                       ":14: a fingerprint has 16",
                                       ":15: header must be",
                                       ":16: tables must be",
                                       ":17: max_rows must be",
                                       ":18: rule idle does nothing",
                                       ":20: rule both denies"};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (!strstr(problems.data, said[i])) fail_msg("\"%s\" is missing in:\n%s", said[i], problems.data);
    assert_non_null(strstr(err.message, ":2: a rule has no key nmae"));
    assert_non_null(strstr(err.detail, "15 mistakes"));
    strbuf_deinit(&problems);
    config_deinit(&config);
}

static void a_wrong_set_leaves_the_old_one(void **state) {
    Fixture *fixture = fixture_of(state);
    use_rules(fixture, "[[rule]]\nname = 'r'\nprefer = 'columnar'\n");
    expect(fixture, count_twin, (Asker){0}, "columnar", "rule:r");
    load("[[rule]]\nname = 'r'\nprefer = 'nobody'\n");
    assert_int_equal(router_set_rules(fixture->router, &config, &err), STATUS_ERROR);
    config_deinit(&config);
    assert_int_equal(router_rule_count(fixture->router), 1);
    expect(fixture, count_twin, (Asker){0}, "columnar", "rule:r");
    use_rules(fixture, "");
    expect(fixture, count_twin, (Asker){0}, "postgres", "cost");
}

static void statements_are_matched(void **state) {
    Fixture *fixture = fixture_of(state);
    use_rules(fixture, "[[rule]]\nname = 'r'\nclass = ['aggregate', 'join']\ntables = ['public.tw?n', 'x*']\n"
                       "prefer = 'columnar'\n");
    expect(fixture, count_twin, (Asker){0}, "columnar", "rule:r");
    expect(fixture, "SELECT * FROM twin", (Asker){0}, "postgres", "cost");
    expect(fixture, "SELECT count(*) FROM users", (Asker){0}, "postgres", "only-eligible");
    use_rules(fixture, "[[rule]]\nname = 'r'\ntables = '*.*.twin'\nprefer = 'columnar'\n");
    expect(fixture, "SELECT * FROM twin", (Asker){0}, "columnar", "rule:r");
    /* A preference for an engine that cannot is none. */
    use_rules(fixture, "[[rule]]\nname = 'r'\nprefer = 'columnar'\n");
    expect(fixture, "SELECT count(*) FROM users", (Asker){0}, "postgres", "only-eligible");
    expect(fixture, "DELETE FROM users", (Asker){0}, "postgres", "write-home");
}

static void engines_are_forbidden_and_required(void **state) {
    Fixture *fixture = fixture_of(state);
    use_rules(fixture, "[[rule]]\nname = 'off'\nforbid = ['postgres']\n");
    expect(fixture, count_twin, (Asker){0}, "columnar", "only-eligible");
    expect_denied(fixture, "SELECT count(*) FROM users", (Asker){0}, "rule off forbids it");
    use_rules(fixture, "[[rule]]\nname = 'must'\nrequire = 'columnar'\n");
    expect(fixture, count_twin, (Asker){0}, "columnar", "rule:must");
    expect_denied(fixture, "DELETE FROM users", (Asker){0}, "rule must requires columnar");
    Asker nobody = {0};
    assert_null(ask(fixture, count_twin, &nobody, "postgres", NULL));
    assert_string_equal(err.sqlstate, SQLSTATE_FORCED_ENGINE);
    assert_non_null(strstr(err.message, "rule must requires columnar"));
}

static void requests_are_matched_past_the_cache(void **state) {
    Fixture *fixture = fixture_of(state);
    use_rules(fixture, with_identity("[[rule]]\nname = 'u'\nuser = ['ann*']\nprefer = 'columnar'\n"
                                     "[[rule]]\nname = 'guests'\nrole = 'guest'\ndeny = 'not for guests'\n"
                                     "[[rule]]\nname = 't'\ntag = 'nightly'\nheader = 'X-Team: fin*'\n"
                                     "prefer = 'columnar'\n"));
    for (int round = 0; round < 2; round++) { /* the second from the cache */
        expect(fixture, count_twin, (Asker){.user = "anna"}, "columnar", "rule:u");
        expect(fixture, count_twin, (Asker){.user = "bob"}, "postgres", "cost");
        expect(fixture, count_twin, (Asker){0}, "postgres", "cost");
        expect(fixture, count_twin, (Asker){.tag = "nightly"}, "postgres", "cost");
        expect(fixture, count_twin, (Asker){.tag = "nightly", .team = "finance"}, "columnar", "rule:t");
        expect_denied(fixture, count_twin, (Asker){.role = "dev, guest"},
                      "rule guests denies this statement: not");
        expect(fixture, count_twin, (Asker){.role = "dev,guests"}, "postgres", "cost");
    }
    bool cached = false;
    Asker ann = {.user = "ann"}, anna = {.user = "anna"};
    decision_release(ask(fixture, count_twin, &ann, NULL, &cached));
    decision_release(ask(fixture, count_twin, &anna, NULL, &cached));
    assert_true(cached); /* to the rules they are the same */
}

static void limits_add_up_to_the_lowest(void **state) {
    Fixture *fixture = fixture_of(state);
    use_rules(fixture,
              "[[rule]]\nname = 'a'\nmax_rows = 50\nmax_runtime_seconds = 2.5\n[[rule]]\nname = 'b'\n"
              "max_rows = 70\nmax_runtime_seconds = 1\nmax_bytes_scanned = '1KiB'\n");
    Asker nobody = {0};
    Decision *decision = ask(fixture, count_twin, &nobody, NULL, NULL);
    assert_non_null(decision);
    assert_int_equal(decision->limits.max_rows, 50);
    assert_true(decision->limits.max_runtime_seconds == 1);
    assert_true(decision->limits.max_bytes_scanned == 1024);
    assert_int_equal(decision->rule_count, 2);
    assert_string_equal(decision->rules[1], "b");
    decision_release(decision);
}

static RuleSet *read_set(const char *text) {
    load(text);
    RuleSet *rules = NULL;
    if (rules_read(&config, &rules, NULL, &err) != STATUS_OK) fail_msg("%s", err.message);
    config_deinit(&config);
    return rules;
}

static bool holds_at(RuleSet *rules, int64_t seconds) {
    RuleBits bits;
    rules_context(rules, NULL, seconds * 1000000, &bits);
    return bits.words[0] & 1;
}

static void time_of_day_is_matched(void **state) {
    setenv("TZ", "UTC", 1);
    tzset();
    enum { FRIDAY = 1700179200, HOUR = 3600 }; /* 2023-11-17 00:00 UTC */
    RuleSet *rules = read_set("[[rule]]\nname = 'n'\nhours = ['22:00-06:00', '12:30-12:31']\ndeny = true\n");
    assert_true(holds_at(rules, FRIDAY));
    assert_true(holds_at(rules, FRIDAY + 6 * HOUR - 1));
    assert_false(holds_at(rules, FRIDAY + 6 * HOUR));
    assert_true(holds_at(rules, FRIDAY + 12 * HOUR + 1800 + 59));
    assert_false(holds_at(rules, FRIDAY + 12 * HOUR + 1860));
    assert_true(holds_at(rules, FRIDAY + 22 * HOUR));
    rules_release(rules);
    rules = read_set("[[rule]]\nname = 'n'\ndays = ['fri', 'sat']\nhours = '08:00-24:00'\ndeny = true\n");
    assert_false(holds_at(rules, FRIDAY));
    assert_true(holds_at(rules, FRIDAY + 24 * HOUR - 1));
    assert_true(holds_at(rules, FRIDAY + 24 * HOUR + 8 * HOUR));
    assert_false(holds_at(rules, FRIDAY + 48 * HOUR + 8 * HOUR));
    rules_release(rules);
}

static void bytes_and_fingerprints_are_matched(void **state) {
    RuleSet *rules = read_set("[[rule]]\nname = 'big'\nmin_bytes = '1KB'\nmax_bytes = '2KB'\ndeny = true\n"
                              "[[rule]]\nname = 'shape'\nfingerprint = '00000000000000ff'\ndeny = true\n");
    static const struct {
        double bytes;
        uint64_t fingerprint;
        const char *denied_by;
    } cases[] = {{-1, 0, NULL},    {999, 0, NULL},  {1000, 0, "big"},
                 {2000, 0, "big"}, {2001, 0, NULL}, {0, 255, "shape"}};
    RuleBits bits = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        RuleFacts facts = {.class = CLASS_SCAN, .fingerprint = cases[i].fingerprint, .bytes = cases[i].bytes};
        RuleOutcome outcome;
        rules_evaluate(rules, &bits, &facts, NULL, 0, NULL, &outcome);
        assert_int_equal(outcome.denied_by != NULL, cases[i].denied_by != NULL);
        if (outcome.denied_by) assert_string_equal(outcome.denied_by, cases[i].denied_by);
    }
    rules_release(rules);
}

static void each_rule_tried_says_why(void **state) {
    Fixture *fixture = fixture_of(state);
    use_rules(fixture, with_identity("[[rule]]\nname = 'u'\nuser = 'ann'\nprefer = 'columnar'\n"
                                     "[[rule]]\nname = 'c'\nclass = 'join'\nprefer = 'columnar'\n"
                                     "[[rule]]\nname = 'd'\ntables = 'twin'\ndeny = true\n"
                                     "[[rule]]\nname = 'behind'\nmax_rows = 1\n"));
    Arena arena;
    arena_init(&arena);
    RuleTrials trials = {.arena = &arena};
    RouteRequest request = {.sql = count_twin, .sql_length = strlen(count_twin), .trials = &trials};
    Decision *decision = NULL;
    assert_int_equal(router_decide(fixture->router, &request, &decision, NULL, &err), STATUS_ERROR);
    assert_int_equal(trials.count, 3);
    assert_string_equal(trials.items[0].why, "the user is another");
    assert_string_equal(trials.items[1].why, "the class is another");
    assert_true(trials.items[2].matched);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_named_with_its_line),
        cmocka_unit_test_setup_teardown(a_wrong_set_leaves_the_old_one, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(statements_are_matched, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(engines_are_forbidden_and_required, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(requests_are_matched_past_the_cache, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(limits_add_up_to_the_lowest, open_fixture, close_fixture),
        cmocka_unit_test(time_of_day_is_matched),
        cmocka_unit_test(bytes_and_fingerprints_are_matched),
        cmocka_unit_test_setup_teardown(each_rule_tried_says_why, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
