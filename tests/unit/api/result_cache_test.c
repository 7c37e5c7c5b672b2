/* Answers kept: given while the marker is the same, whole, and never made of sizes that somebody has changed.
 */
#include "tests/unit/base/unit.h"

#include <unistd.h>

#include "fcgi/api/result_cache.h"

enum { MOST_BYTES = 100000 };

static char directory[] = "/tmp/signalbox-kept-XXXXXX";
static char path[64];
static ResultCache *cache;

static StrBuf text_of(const char *text) {
    StrBuf buf;
    strbuf_init(&buf);
    strbuf_append_text(&buf, text);
    return buf;
}

static bool keep(const char *key_text, const char *marker_text, size_t head_bytes, bool noise) {
    StrBuf key = text_of(key_text), marker = text_of(marker_text);
    ResultAnswer answer = {.rows = 7, .tail = text_of("}\n")};
    unsigned seed = 1;
    for (size_t i = 0; i < head_bytes; i++)
        strbuf_append_char(&answer.head, noise ? (char)rand_r(&seed) : (char)('a' + i % 7));
    bool kept = result_cache_keep(cache, &key, &marker, &answer);
    result_answer_deinit(&answer);
    strbuf_deinit(&key);
    strbuf_deinit(&marker);
    return kept;
}

/* The length of its head, -1 on a miss. */
static long find(const char *key_text, const char *marker_text, size_t most_bytes) {
    StrBuf key = text_of(key_text), marker = text_of(marker_text);
    ResultAnswer answer;
    bool found = result_cache_find(cache, &key, &marker, most_bytes, &answer);
    long length = found ? (long)answer.head.length : -1;
    if (found) {
        assert_int_equal(answer.rows, 7);
        assert_int_equal(answer.tail.length, 2);
        assert_memory_equal(answer.tail.data, "}\n", 2);
    } else {
        assert_int_equal(answer.head.length + answer.tail.length, 0);
    }
    result_answer_deinit(&answer);
    strbuf_deinit(&key);
    strbuf_deinit(&marker);
    return length;
}

static void given_while_the_marker_is_the_same(void **state) {
    assert_int_equal(find("q", "1", SIZE_MAX), -1);
    for (size_t bytes = 1; bytes < MOST_BYTES; bytes = bytes * 3 + 1)
        for (int noise = 0; noise < 2; noise++) { /* packed, and not worth it */
            assert_true(keep("q", "1", bytes, noise));
            assert_int_equal(find("q", "1", SIZE_MAX), bytes);
            uint64_t stale = result_cache_counters(cache)->stale;
            assert_int_equal(find("q", "1", bytes - 1), -1);
            assert_int_equal(result_cache_counters(cache)->stale, stale); /* too large, not old */
            assert_int_equal(find("q", "2", SIZE_MAX), -1);
            assert_int_equal(find("q", "", SIZE_MAX), -1);
            assert_int_equal(find("q ", "1", SIZE_MAX), -1);
        }
    assert_true(keep("q", "2", 10, false));
    assert_int_equal(find("q", "1", SIZE_MAX), -1);
    assert_int_equal(find("q", "2", SIZE_MAX), 10);
    ResultCounters *counters = result_cache_counters(cache);
    assert_true(counters->stored > 0 && counters->stale > 0);
}

/* With a right checksum, as whoever may write to the file can make it. */
static void hostile_values(void **state) {
    ResultStore *store;
    Error err = {0};
    assert_int_equal(result_store_open(path, 4 << 20, &store, &err), STATUS_OK);
    assert_true(keep("h", "marker", 50000, false));
    StrBuf value;
    strbuf_init(&value);
    assert_true(result_store_get(store, "h", 1, SIZE_MAX, &value));
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t length = rand_r(&seed) % 4 ? value.length : (size_t)rand_r(&seed) % (value.length + 1);
        char *damaged = malloc(length + 1);
        memcpy(damaged, value.data, length);
        for (int i = 0; i < 3 && length > 0; i++) /* mostly among the sizes */
            damaged[(size_t)rand_r(&seed) % (length < 40         ? length
                                             : rand_r(&seed) % 2 ? 40
                                                                 : length)] = (char)rand_r(&seed);
        assert_true(result_store_put(store, "h", 1, damaged, length));
        StrBuf key = text_of("h"), marker = text_of("marker");
        ResultAnswer answer;
        (void)result_cache_find(cache, &key, &marker, SIZE_MAX, &answer);
        result_answer_deinit(&answer);
        strbuf_deinit(&key);
        strbuf_deinit(&marker);
        free(damaged);
    }
    strbuf_deinit(&value);
    result_store_close(store);
}

static int open_cache(void **state) {
    Error err = {0};
    snprintf(path, sizeof path, "%s/kept", directory);
    ResultCacheOptions options = {.path = path, .bytes = 4 << 20, .max_entry_bytes = MOST_BYTES};
    return result_cache_open(&options, &cache, &err) == STATUS_OK ? 0 : -1;
}

static int close_cache(void **state) {
    static const char *const endings[] = {"", ".index", ".flights"};
    char file[80];
    result_cache_close(cache);
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s%s", path, endings[i]);
        unlink(file);
    }
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_while_the_marker_is_the_same),
        cmocka_unit_test(hostile_values),
    };
    if (!mkdtemp(directory)) return 1;
    return cmocka_run_group_tests(tests, open_cache, close_cache);
}
