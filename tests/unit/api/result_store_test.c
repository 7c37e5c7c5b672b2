/* Answers in a ring: what is put is found, whole, until it is overwritten; whatever is damaged is not. */
#include "tests/unit/base/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/api/result_store.h"

enum { CAPACITY = 1 << 20 };

static char directory[] = "/tmp/signalbox-results-XXXXXX";
static char path[64], index_path[80];

static ResultStore *open_store(int64_t capacity) {
    ResultStore *store = NULL;
    Error err = {0};
    assert_int_equal(result_store_open(path, capacity, &store, &err), STATUS_OK);
    return store;
}

static int remove_files(void **state) {
    unlink(path);
    unlink(index_path);
    return 0;
}

/* Of any size, and of its number alone. */
static void fill(StrBuf *value, unsigned number, size_t bytes) {
    strbuf_reset(value);
    for (size_t i = 0; i < bytes; i++)
        strbuf_append_char(value, (char)(number * 31 + i * 7 + (i >> 8)));
}

static bool put(ResultStore *store, unsigned number, size_t bytes) {
    StrBuf value;
    strbuf_init(&value);
    fill(&value, number, bytes);
    bool kept = result_store_put(store, &number, sizeof number, value.data, value.length);
    strbuf_deinit(&value);
    return kept;
}

/* Found means found whole. */
static bool has(ResultStore *store, unsigned number) {
    StrBuf value, expected;
    strbuf_init(&value);
    strbuf_init(&expected);
    bool found = result_store_get(store, &number, sizeof number, SIZE_MAX, &value);
    if (found) {
        fill(&expected, number, value.length);
        assert_memory_equal(value.data, expected.data, value.length);
    }
    strbuf_deinit(&value);
    strbuf_deinit(&expected);
    return found;
}

static void found_by_every_opener(void **state) {
    ResultStore *one = open_store(CAPACITY), *other = open_store(CAPACITY * 4);
    assert_false(has(one, 1));
    assert_true(put(one, 1, 100));
    assert_true(put(one, 2, 100000));
    assert_true(put(one, 3, 0));
    assert_true(has(one, 1) && has(other, 1) && has(other, 2) && has(other, 3));
    assert_false(has(other, 4));
    assert_true(put(other, 1, 50));
    StrBuf value;
    unsigned number = 1;
    strbuf_init(&value);
    assert_true(result_store_get(one, &number, sizeof number, SIZE_MAX, &value));
    assert_int_equal(value.length, 50);
    number = 2;
    assert_false(result_store_get(one, &number, sizeof number, 99999, &value)); /* not read in haste */
    assert_int_equal(value.length, 0);
    assert_true(result_store_get(one, &number, sizeof number, 100000, &value));
    strbuf_deinit(&value);
    ResultStoreUse use;
    result_store_use(other, &use);
    assert_int_equal(use.entries, 3);
    assert_int_equal(use.capacity, CAPACITY); /* the first one's */
    result_store_close(one);
    result_store_close(other);
    one = open_store(CAPACITY);
    assert_true(has(one, 1) && has(one, 2)); /* nobody had it open meanwhile */
    result_store_close(one);
    one = open_store(CAPACITY * 2);
    assert_false(has(one, 1));
    assert_true(put(one, 1, 100) && has(one, 1));
    result_store_close(one);
}

static void bounded(void **state) {
    ResultStore *store = open_store(CAPACITY);
    for (unsigned i = 0; i < 5000; i++) {
        assert_true(put(store, i, 1000 + i % 3000));
        assert_true(has(store, i));
        assert_true(has(store, 7) || i < 7); /* asked for again and again: it stays */
    }
    assert_false(has(store, 100));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size <= CAPACITY);
    ResultStoreUse use;
    result_store_use(store, &use);
    assert_true(use.bytes <= CAPACITY && use.entries > 100 && use.entries < 2000);
    assert_false(put(store, 1, CAPACITY / 4));
    assert_false(put(store, 1, (size_t)result_store_largest(store) + 1));
    result_store_close(store);
}

static void overwrite(const char *file, off_t at, const void *data, size_t bytes) {
    int fd = open(file, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, bytes, at), (ssize_t)bytes);
    close(fd);
}

static void damage_is_a_miss(void **state) {
    ResultStore *store = open_store(CAPACITY);
    for (unsigned i = 0; i < 200; i++)
        assert_true(put(store, i, 500));
    char noise[4096];
    unsigned seed = 1, hits = 0;
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (char)rand_r(&seed);
        overwrite(path, rand_r(&seed) % 120000, noise, 1 + (size_t)rand_r(&seed) % 40);
        overwrite(index_path, 4096 + rand_r(&seed) % (8 << 10), noise, 1 + (size_t)rand_r(&seed) % 40);
        for (unsigned i = 0; i < 200; i++)
            hits += has(store, i); /* checks what it finds */
    }
    assert_true(hits > 0);
    /* Sizes in the headers of entries. */
    for (off_t at = 0; at < 120000; at += 64)
        overwrite(path, at + 24, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    for (unsigned i = 0; i < 200; i++)
        (void)has(store, i);
    /* The head, and all of the file. */
    for (int round = 0; round < 4; round++) {
        static const uint64_t heads[] = {0, 1, UINT64_MAX, UINT64_MAX / 2};
        overwrite(index_path, 24, &heads[round], sizeof heads[round]);
        assert_true(put(store, 1000, 500));
        assert_true(has(store, 1000));
        assert_int_equal(truncate(path, 0), 0);
        assert_false(has(store, 1000));
    }
    result_store_close(store);
    overwrite(index_path, 0, noise, sizeof noise);
    store = open_store(CAPACITY); /* made anew */
    assert_false(has(store, 1000));
    assert_true(put(store, 1, 1) && has(store, 1));
    Error err = {0};
    ResultStore *late;
    overwrite(index_path, 0, noise, 16);
    assert_int_equal(result_store_open(path, CAPACITY, &late, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    result_store_close(store);
}

static void *put_and_get(void *argument) {
    ResultStore *store = argument;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < 3000; i++) {
        unsigned number = (unsigned)rand_r(&seed) % 400;
        if (rand_r(&seed) % 2)
            (void)put(store, number, (size_t)rand_r(&seed) % 20000);
        else
            (void)has(store, number);
    }
    return NULL;
}

/* The ring goes round several times under everybody's feet. */
static void threads_and_processes(void **state) {
    ResultStore *store = open_store(CAPACITY);
    pid_t child = fork();
    if (child == 0) {
        ResultStore *own = open_store(CAPACITY);
        for (;;)
            put_and_get(own);
    }
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_and_get, store), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    kill(child, SIGKILL); /* in the middle of whatever it does */
    waitpid(child, NULL, 0);
    put_and_get(store);
    assert_true(put(store, 1, 10) && has(store, 1));
    result_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(found_by_every_opener, remove_files),
        cmocka_unit_test_setup(bounded, remove_files),
        cmocka_unit_test_setup(damage_is_a_miss, remove_files),
        cmocka_unit_test_setup(threads_and_processes, remove_files),
    };
    if (!mkdtemp(directory)) return 1;
    snprintf(path, sizeof path, "%s/results", directory);
    snprintf(index_path, sizeof index_path, "%s.index", path);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_files(NULL);
    rmdir(directory);
    return failed;
}
