#include "engines/base/row_sender.h"
#include <stdio.h>
#include "tests/unit/base/unit.h"

/* A server that refuses rows with an 'x', and the second one of the same text. */
typedef struct Server {
    char kept[64][16];
    int kept_count, calls;
    bool tells, is_down;
} Server;

static bool is_kept(const Server *server, int count, const char *row) {
    for (int i = 0; i < count; i++)
        if (!strcmp(server->kept[i], row)) return true;
    return false;
}

static Status serve(void *context, const char *text, size_t length, int count, RowRefusal *refusal,
                    Error *err) {
    Server *server = context;
    int before = server->kept_count, row = 0;
    server->calls++;
    if (server->is_down) return error_set(err, "08006", "gone");
    for (const char *at = text; at < text + length; row++) {
        const char *end = memchr(at, '\n', (size_t)(text + length - at));
        char one[16] = "";
        memcpy(one, at, (size_t)(end - at));
        at = end + 1;
        if (strchr(one, 'x') || is_kept(server, server->kept_count, one)) {
            server->kept_count = before;
            if (server->tells) refusal->row = row;
            strcpy(refusal->column, "c");
            return error_set(err, strchr(one, 'x') ? "22P02" : "23505", "not \"%s\"", one);
        }
        strcpy(server->kept[server->kept_count++], one);
    }
    assert_int_equal(row, count);
    return STATUS_OK;
}

static Status send_all(Server *server, RowSender *sender, Arena *arena, const char *rows, Error *err) {
    sender->context = server;
    sender->send = serve;
    sender->arena = arena;
    row_sender_init(sender);
    TRY(row_sender_source(sender, "in", err));
    int64_t number = 0;
    for (const char *c = rows; *c; c++) {
        strbuf_printf(&sender->text, "%c\n", *c);
        TRY(row_sender_end_row(sender, ++number, err));
    }
    return row_sender_flush(sender, err);
}

static void bad_rows_are_left_out(void **state) {
    for (int at_once = 1; at_once <= 12; at_once++) {
        for (int tells = 0; tells < 2; tells++) {
            Arena arena;
            arena_init(&arena);
            Server server = {.tells = tells};
            RowSender sender = {.skip = true, .may_retry = true, .rows_at_once = at_once};
            Error err = {0};
            assert_int_equal(send_all(&server, &sender, &arena, "abxcdabefx", &err), STATUS_OK);
            assert_int_equal(sender.sent_rows, 6);
            assert_int_equal(sender.rejected_rows, 4);
            static const int64_t bad[] = {3, 6, 7, 10};
            for (int i = 0; i < 4; i++) {
                assert_int_equal(sender.rejects[i].row, bad[i]);
                assert_string_equal(sender.rejects[i].column, "c");
                assert_string_equal(sender.rejects[i].source, "in");
            }
            for (int i = 0; i < 6; i++)
                assert_int_equal(server.kept[i][0], "abcdef"[i]);
            row_sender_deinit(&sender);
            arena_deinit(&arena);
        }
    }
}

static void the_first_bad_row_is_the_error(void **state) {
    for (int mode = 0; mode < 4; mode++) {
        Arena arena;
        arena_init(&arena);
        Server server = {.tells = mode & 1};
        RowSender sender = {.may_retry = mode & 2, .rows_at_once = 100};
        Error err = {0};
        assert_int_equal(send_all(&server, &sender, &arena, "abcxdx", &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, "22P02");
        const char *expected =
            mode ? "\"in\", row 4, column \"c\": not \"x\"" : "\"in\", a row of 1 to 6: not \"x\"";
        assert_string_equal(err.message, expected);
        row_sender_deinit(&sender);
        arena_deinit(&arena);
    }
}

static void what_is_no_rows_fault_ends_it(void **state) {
    Arena arena;
    arena_init(&arena);
    Server server = {.is_down = true};
    RowSender sender = {.skip = true, .may_retry = true, .rows_at_once = 100};
    Error err = {0};
    assert_int_equal(send_all(&server, &sender, &arena, "abc", &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "08006");
    assert_int_equal(server.calls, 1);
    row_sender_deinit(&sender);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_rows_are_left_out),
        cmocka_unit_test(the_first_bad_row_is_the_error),
        cmocka_unit_test(what_is_no_rows_fault_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
