#include "unit.h"

#include "engines/base/toml.h"

static Arena arena;
static TomlDocument document;

static void parse(const char *text) {
    Error err = {0};
    arena_reset(&arena);
    if (toml_parse(text, "x.toml", &arena, &document, &err) != STATUS_OK)
        fail_msg("%s\n%s", text, err.message);
}

static const TomlValue *value_of(const char *key) {
    for (int i = 0; i < document.count; i++)
        if (!strcmp(document.entries[i].key, key)) return &document.entries[i].value;
    fail_msg("no key %s", key);
    return NULL;
}

static void every_kind_of_value(void **state) {
    parse("\xEF\xBB\xBF# comment\r\n"
          "text = \"a\\tb\\n\\\"\\\\ \\u00e9 \\U0001F600\" # after\n"
          "literal = 'C:\\dir'\n"
          "empty = \"\"\n"
          "integer = -1_000\n"
          "plus = +7\n"
          "hex = 0xFF\n"
          "float = 1.5e3\n"
          "yes = true\r\n"
          "no=false\n"
          "list = [1, 2,\n  # inside\n  3,]\n"
          "nested = [[], [\"a\"]]\n"
          "last = 0");
    assert_int_equal(document.count, 12);
    assert_string_equal(value_of("text")->text, "a\tb\n\"\\ é 😀");
    assert_string_equal(value_of("literal")->text, "C:\\dir");
    assert_string_equal(value_of("empty")->text, "");
    assert_int_equal(value_of("integer")->integer, -1000);
    assert_int_equal(value_of("plus")->integer, 7);
    assert_int_equal(value_of("hex")->integer, 255);
    assert_int_equal(value_of("float")->kind, TOML_FLOAT);
    assert_true(value_of("float")->number == 1500);
    assert_int_equal(value_of("yes")->integer, 1);
    assert_int_equal(value_of("no")->kind, TOML_BOOL);
    assert_int_equal(value_of("list")->item_count, 3);
    assert_int_equal(value_of("list")->items[2].integer, 3);
    assert_int_equal(value_of("nested")->items[0].item_count, 0);
    assert_string_equal(value_of("nested")->items[1].items[0].text, "a");
    assert_int_equal(document.entries[11].line, 15);
}

static void keys_are_full_paths(void **state) {
    parse("top = 1\n[a]\nb = 2\n[a.c]\nd.e = 3\n[\"quoted key\".'x']\n1 = 4\n[ spaced . out ]\nk = 5\n");
    static const char *const keys[] = {"top", "a.b", "a.c.d.e", "quoted key.x.1", "spaced.out.k"};
    assert_int_equal(document.count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(document.entries[i].key, keys[i]);
    parse("");
    assert_int_equal(document.count, 0);
}

static void tables_of_an_array_are_told_apart(void **state) {
    parse("[[rule]]\nname = 'a'\n[[rule]]\n[[ other . thing ]] # here\nname = 'b'\n[t]\nx = 1\n");
    static const char *const keys[] = {"rule[0]",        "rule[0].name",        "rule[1]",
                                       "other.thing[2]", "other.thing[2].name", "t.x"};
    assert_int_equal(document.count, 6);
    for (int i = 0; i < 6; i++)
        assert_string_equal(document.entries[i].key, keys[i]);
    assert_int_equal(document.entries[2].value.kind, TOML_TABLE);
    assert_int_equal(document.entries[2].line, 3);
}

static void what_is_refused_names_its_line(void **state) {
    static const struct {
        const char *text;
        int line;
    } wrong[] = {
        {"a", 1},
        {"a =", 1},
        {"= 1", 1},
        {"a = b", 1},
        {"a = \"x", 1},
        {"a = 'x\n'", 1},
        {"\n\na = \"\\q\"", 3},
        {"a = \"\\ud800\"", 1},
        {"a = \"\\U00110000\"", 1},
        {"a = \"\\u00\"", 1},
        {"a = \"\xff\"", 1},
        {"a = \"\"\"x\"\"\"", 1},
        {"a = 1 2", 1},
        {"a = [1", 1},
        {"a = [1 2]", 1},
        {"a = {b = 1}", 1},
        {"[[a]", 1},
        {"[[a]] b", 1},
        {"[[]]", 1},
        {"[a", 1},
        {"[a] b", 1},
        {"[]", 1},
        {"a = 1\nb = 2\na = 3", 3},
        {"a = 2024-01-01", 1},
        {"a = 10:00:00", 1},
        {"a = 99999999999999999999x", 1},
        {"a = 0x1p3", 1},
        {"a = inf", 1},
        {"a = -nan", 1},
        {"a = 1111111111111111111111111111111111111111111111111111111111111111111", 1},
        {"a..b = 1", 1},
        {"a = tru", 1},
        {"a = trueish", 1},
        {"a = [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 1},
        {"a = [1,\n\n  x]", 3},
        {"a =\n1", 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Error err = {0};
        char start[24];
        if (toml_parse(wrong[i].text, "x.toml", &arena, &document, &err) == STATUS_OK)
            fail_msg("taken: %s", wrong[i].text);
        assert_string_equal(err.sqlstate, SQLSTATE_CONFIG);
        snprintf(start, sizeof start, "x.toml:%d: ", wrong[i].line);
        if (strncmp(err.message, start, strlen(start)) != 0) fail_msg("%s: %s", wrong[i].text, err.message);
    }
}

static int set_up(void **state) {
    arena_init(&arena);
    return 0;
}
static int tear_down(void **state) {
    arena_deinit(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value),
        cmocka_unit_test(keys_are_full_paths),
        cmocka_unit_test(tables_of_an_array_are_told_apart),
        cmocka_unit_test(what_is_refused_names_its_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
