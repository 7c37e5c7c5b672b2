/* Every line of expressions.tsv: the value, type, SQLSTATE and message PostgreSQL gave, from constants and
 * from columns. */
#include "tests/unit/columnar_kernels/kernel_harness.h"

typedef struct Case {
    char *kind, *name, *args, *expected_type, *expected, *message;
} Case;

typedef struct Tally {
    int cases, wrong, declined;
} Tally;

static void unescape(char *text) {
    char *out = text;
    for (char *at = text; *at; at++) {
        if (at[0] == '\\' && at[1] == '\\')
            at++;
        else if (at[0] == '\\' && at[1] == 'p') {
            *out++ = '|';
            at++;
            continue;
        }
        *out++ = *at;
    }
    *out = 0;
}

static int parse_args(char *text, HarnessArg *args) {
    int count = 0;
    while (text) {
        char *next = strchr(text, '|');
        if (next) *next++ = 0;
        char *literal = strchr(text, '=');
        *literal++ = 0;
        args[count].type = sqltype_from_name(text);
        args[count].text = literal;
        if (strcmp(literal, "\\N") == 0)
            args[count].text = NULL;
        else
            unescape(literal);
        count++;
        text = next;
    }
    return count;
}

static void complain(Tally *tally, const char *shape, const char *line, const char *got) {
    if (tally->wrong++ < 90) print_message("WRONG (%s): %s\n   got: %s\n", shape, line, got);
}

static void check_error(Tally *tally, const Case *c, const char *shape, const char *line, const Error *err) {
    if (strcmp(err->sqlstate, "0A000") == 0 || strcmp(err->message, "value overflows numeric format") == 0) {
        if (strcmp(c->expected_type, "ERROR") != 0 || strcmp(c->expected, err->sqlstate) != 0)
            tally->declined++;
        return;
    }
    char got[1400];
    snprintf(got, sizeof got, "%s %s", err->sqlstate, err->message);
    if (strcmp(c->expected_type, "ERROR") != 0 || strcmp(c->expected, err->sqlstate) != 0 ||
        strcmp(c->message, err->message) != 0)
        complain(tally, shape, line, got);
}

static bool same_result(const Case *c, const char *got) {
    return got ? strcmp(c->expected, got) == 0 : strcmp(c->expected, "\\N") == 0;
}

static void check_columns(Tally *tally, const Case *c, const char *line, const ScalarFunction *function,
                          Vector *args, int arg_count, SqlType result, Arena *arena) {
    uint16_t odd[HARNESS_ROWS];
    int odd_count = 0;
    for (int row = 1; row < HARNESS_ROWS; row += 2)
        odd[odd_count++] = (uint16_t)row;
    bool fields = strcmp(c->name, "extract") == 0 || strncmp(c->name, "date_", 5) == 0;
    Vector columns[FUNCTION_MAX_ARGS];
    for (int i = 0; i < arg_count; i++)
        columns[i] = function->bind && i != (fields ? 1 : 0) ? args[i] : harness_repeat(&args[i], arena);
    for (int shape = 0; shape < 2; shape++) {
        Vector out;
        Error err = {0};
        if (harness_call(function, columns, arg_count, HARNESS_ROWS, shape ? odd : NULL,
                         shape ? odd_count : HARNESS_ROWS, result, arena, &out, &err) != STATUS_OK) {
            check_error(tally, c, shape ? "selection" : "column", line, &err);
            continue;
        }
        for (int row = 1; row < HARNESS_ROWS; row += 2) {
            if (row % 3 == 0) continue;
            const char *got = harness_show(&out, row, arena);
            if (!same_result(c, got)) {
                complain(tally, shape ? "selection" : "column", line, got ? got : "NULL");
                break;
            }
            if (row > 8) break;
        }
    }
}

static void run_case(Tally *tally, char *line, Arena *arena) {
    const char *shown = arena_strdup(arena, line);
    Case c = {.message = (char *)""};
    char **fields[] = {&c.kind, &c.name, &c.args, &c.expected_type, &c.expected, &c.message};
    for (int i = 0; i < 6 && line; i++) {
        *fields[i] = line;
        line = i == 5 ? NULL : strchr(line, '\t');
        if (line) *line++ = 0;
    }
    HarnessArg args[FUNCTION_MAX_ARGS];
    Vector values[FUNCTION_MAX_ARGS], out;
    int arg_count = parse_args(c.args, args);
    Error err = {0};
    tally->cases++;
    for (int i = 0; i < arg_count; i++) {
        if (harness_literal(args[i], arena, &values[i], &err) != STATUS_OK) {
            check_error(tally, &c, "literal", shown, &err);
            return;
        }
        args[i].type = values[i].type;
    }
    const ScalarFunction *function;
    SqlType types[FUNCTION_MAX_ARGS], result;
    if (strcmp(c.kind, "cast") == 0) {
        SqlType to = sqltype_from_name(c.name);
        function = cast_function(args[0].type, to, CAST_EXPLICIT);
        result = to;
    } else {
        function = harness_find(c.name, args, arg_count);
        for (int i = 0; i < arg_count; i++)
            types[i] = args[i].type;
        result = function ? function_result(function, types, arg_count) : sqltype_of(SQL_TEXT);
    }
    if (!function) {
        complain(tally, "lookup", shown, "no such function");
        return;
    }
    if (harness_call(function, values, arg_count, 1, NULL, 1, result, arena, &out, &err) != STATUS_OK) {
        check_error(tally, &c, "constant", shown, &err);
        return;
    }
    char name[SQLTYPE_NAME_BYTES];
    const char *got = harness_show(&out, 0, arena);
    if (strcmp(c.expected_type, sqltype_name(result, false, name)) != 0 || !same_result(&c, got)) {
        char text[2000];
        snprintf(text, sizeof text, "%s %s", name, got ? got : "NULL");
        complain(tally, "constant", shown, text);
        return;
    }
    if (function->strict && arg_count > 0)
        check_columns(tally, &c, shown, function, values, arg_count, result, arena);
}

static void expressions_answer_as_postgresql(void **state) {
    FILE *file = fopen(SIGNALBOX_SOURCE_DIR "/tests/unit/columnar_kernels/expressions.tsv", "r");
    assert_non_null(file);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    Tally tally = {0};
    Arena arena;
    arena_init(&arena);
    while ((length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        run_case(&tally, line, &arena);
        arena_reset(&arena);
    }
    free(line);
    fclose(file);
    arena_deinit(&arena);
    print_message("%d expressions, %d wrong, %d declined\n", tally.cases, tally.wrong, tally.declined);
    assert_true(tally.cases > 400);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.declined * 50 < tally.cases); /* under 2 % */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(expressions_answer_as_postgresql)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
