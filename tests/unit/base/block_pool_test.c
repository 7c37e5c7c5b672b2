/* Large blocks: of the size asked for, apart from each other, kept within the limit, safe among threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/block_pool.h"

static void blocks_do_not_overlap(void **state) {
    static const size_t sizes[] = {BLOCK_POOL_LEAST, BLOCK_POOL_LEAST + 1, 256 << 10,
                                   1 << 20,          (2 << 20) + 5,        9 << 20};
    enum { EACH = 12, COUNT = EACH * 6 };
    unsigned char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = block_pool_take(sizes[i % 6]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], i, sizes[i % 6]);
    }
    for (int i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < sizes[i % 6]; at += 4093)
            assert_int_equal(blocks[i][at], i);
        assert_int_equal(blocks[i][sizes[i % 6] - 1], i);
        block_pool_give(blocks[i], sizes[i % 6]);
    }
}

static void keeps_no_more_than_configured(void **state) {
    void *blocks[32];
    block_pool_configure(4 << 20, 0);
    for (int i = 0; i < 32; i++)
        memset(blocks[i] = block_pool_take(1 << 20), 1, 1 << 20);
    for (int i = 0; i < 32; i++)
        block_pool_give(blocks[i], 1 << 20);
    for (int i = 0; i < 8; i++) /* not at once, not in one go */
        block_pool_cool();
    assert_true(block_pool_kept_bytes() <= 4 << 20);
    block_pool_configure(0, 0);
    assert_int_equal(block_pool_kept_bytes(), 0);
    for (int i = 0; i < 32; i++) { /* cooled blocks are good as new */
        blocks[i] = block_pool_take(1 << 20);
        memset(blocks[i], i, 1 << 20);
    }
    for (int i = 0; i < 32; i++) {
        assert_int_equal(((unsigned char *)blocks[i])[12345], i);
        block_pool_give(blocks[i], 1 << 20);
    }
    block_pool_configure(256 << 20, 0);
}

/* A statement that needs other sizes than the one before does not have both. */
static void kept_blocks_make_room(void **state) {
    enum { MOST = 32 << 20 };
    void *blocks[30], *large[6];
    block_pool_configure(MOST, MOST);
    for (int i = 0; i < 30; i++)
        memset(blocks[i] = block_pool_take(1 << 20), 1, 1 << 20);
    for (int i = 0; i < 30; i++)
        block_pool_give(blocks[i], 1 << 20);
#ifndef SIGNALBOX_SANITIZED /* where every block is malloc's */
    assert_true(block_pool_kept_bytes() >= 30 << 20);
#endif
    for (int i = 0; i < 6; i++) {
        memset(large[i] = block_pool_take(4 << 20), 1, 4 << 20);
        assert_true(block_pool_kept_bytes() + (i + 1) * (4 << 20) <= MOST);
    }
    for (int i = 0; i < 30; i++) { /* more than may be kept beside: all of it is there nevertheless */
        memset(blocks[i] = block_pool_take(1 << 20), i, 1 << 20);
        assert_true(i < 7 || block_pool_kept_bytes() == 0);
    }
    for (int i = 0; i < 30; i++) {
        assert_int_equal(((unsigned char *)blocks[i])[4321], i);
        block_pool_give(blocks[i], 1 << 20);
    }
    for (int i = 0; i < 6; i++)
        block_pool_give(large[i], 4 << 20);
    block_pool_configure(0, 0);
    block_pool_configure(256 << 20, 0);
}

static void gives_back_what_is_idle(void **state) {
    enum { COUNT = 64 };
    void *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        memset(blocks[i] = block_pool_take(1 << 20), 1, 1 << 20);
    for (int i = 0; i < COUNT; i++)
        block_pool_give(blocks[i], 1 << 20);
    block_pool_cool(); /* from now on it counts what is needed */
    int64_t kept = block_pool_kept_bytes();
    for (int i = 0; i < COUNT; i++) /* all are: nothing goes */
        blocks[i] = block_pool_take(1 << 20);
    for (int i = 0; i < COUNT; i++)
        block_pool_give(blocks[i], 1 << 20);
    block_pool_cool();
    assert_int_equal(block_pool_kept_bytes(), kept);
    for (int i = 0; i < 64 && block_pool_kept_bytes() > 0;
         i++) { /* none is: less each time, in the end nothing */
        block_pool_cool();
        assert_true(block_pool_kept_bytes() < kept);
        kept = block_pool_kept_bytes();
    }
    assert_int_equal(kept, 0);
}

static void *churn(void *argument) {
    uint64_t random = (uintptr_t)argument + 1;
    unsigned char *held[16] = {0};
    size_t sizes[16] = {0};
    bool *wrong = calloc(1, sizeof *wrong);
    for (int i = 0; i < 4000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int at = (int)(random >> 60);
        if (held[at]) {
            *wrong |= held[at][0] != (unsigned char)(uintptr_t)argument ||
                      held[at][sizes[at] - 1] != (unsigned char)(uintptr_t)argument;
            block_pool_give(held[at], sizes[at]);
            held[at] = NULL;
            continue;
        }
        sizes[at] = BLOCK_POOL_LEAST + (random >> 40) % (512 << 10);
        held[at] = block_pool_take(sizes[at]);
        held[at][0] = held[at][sizes[at] - 1] = (unsigned char)(uintptr_t)argument;
    }
    for (int at = 0; at < 16; at++)
        if (held[at]) block_pool_give(held[at], sizes[at]);
    return wrong;
}

static void threads_share_it(void **state) {
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, churn, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_false(*(bool *)wrong);
        free(wrong);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_do_not_overlap), cmocka_unit_test(keeps_no_more_than_configured),
        cmocka_unit_test(kept_blocks_make_room), cmocka_unit_test(gives_back_what_is_idle),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
