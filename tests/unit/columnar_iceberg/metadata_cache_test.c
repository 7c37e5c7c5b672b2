#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/metadata_cache.h"

static json_t *snapshot(int id) {
    return json_pack("{s:i, s:{s:s}, s:s}", "snapshot-id", id, "summary", "operation", "app\"end\n",
                     "manifest-list", "file:///t/snap,[1].avro");
}

static json_t *metadata(int snapshots) {
    json_t *root =
        json_pack("{s:i, s:s, s:{s:{s:i}}, s:[], s:[], s:[i]}", "format-version", 2, "a \"key\"", "ü", "refs",
                  "main", "snapshot-id", 1, "snapshots", "snapshot-log", "metadata-log", 3);
    for (int i = 0; i < snapshots; i++)
        json_array_append_new(json_object_get(root, "snapshots"), snapshot(i));
    return root;
}

/* Writes it after `previous`, checks the text against jansson's own, and makes it known as `path`. */
static void write_as(json_t *root, const char *previous, const char *path, const struct stat *info) {
    MetadataText text;
    assert_true(metadata_text_make(root, previous, &text));
    char *expected = json_dumps(root, JSON_COMPACT);
    assert_string_equal(text.text, expected);
    assert_int_equal(text.bytes, strlen(expected));
    free(expected);
    metadata_cache_put(path, info, &text, root);
    metadata_text_deinit(&text);
}

static json_t *find(const char *path, const struct stat *info) {
    json_t *root = metadata_cache_find(path, info);
    assert_non_null(root);
    return root;
}

static void texts_follow_each_other(void **state) {
    struct stat info = {.st_ino = 7, .st_size = 10};
    json_t *root = metadata(0);
    write_as(root, "", "/t/0", &info);
    json_decref(root);
    char previous[32], path[32];
    for (int i = 1; i <= 60; i++) {
        snprintf(previous, sizeof previous, "/t/%d", i - 1);
        snprintf(path, sizeof path, "/t/%d", i);
        root = find(previous, &info);
        json_t *list = json_object_get(root, "snapshots");
        if (i % 3) json_array_append_new(list, snapshot(100 + i));
        if (i % 7 == 0) json_array_append_new(list, snapshot(200 + i));
        if (i % 5 == 0) json_array_remove(list, 0);
        if (i % 11 == 0) json_array_remove(list, json_array_size(list) / 2);
        if (i % 13 == 0) json_array_remove(list, json_array_size(list) - 1);
        if (i == 40) json_array_clear(list);
        write_as(root, i == 50 ? "/t/nothing" : previous, path, &info);
        json_decref(root);
    }
}

static void what_is_found_is_the_finders_own(void **state) {
    struct stat info = {.st_ino = 8, .st_size = 10};
    json_t *root = metadata(3);
    write_as(root, "", "/own", &info);
    json_t *found = find("/own", &info), *again;
    assert_true(json_equal(found, root));
    json_object_set_new(json_object_get(json_object_get(found, "refs"), "main"), "snapshot-id",
                        json_integer(2));
    json_array_clear(json_object_get(found, "snapshots"));
    json_array_clear(json_object_get(found, "metadata-log"));
    again = find("/own", &info);
    assert_true(json_equal(again, root));
    json_decref(again);
    json_decref(found);
    json_decref(root);
}

static void a_file_that_changed_is_not_found(void **state) {
    struct stat info = {.st_ino = 9, .st_size = 10}, other = {.st_ino = 9, .st_size = 11};
    json_t *root = metadata(1);
    write_as(root, "", "/changed", &info);
    assert_null(metadata_cache_find("/changed", &other));
    assert_null(metadata_cache_find("/other", &info));
    write_as(root, "", "/changed", &other);
    json_t *found = find("/changed", &other);
    json_decref(found);
    json_decref(root);
}

static void few_and_small_ones_are_kept(void **state) {
    struct stat info = {.st_ino = 10, .st_size = 10}, big = {.st_ino = 10, .st_size = 64 << 20};
    json_t *root = metadata(1);
    write_as(root, "", "/big", &big);
    assert_null(metadata_cache_find("/big", &big));
    write_as(root, "", "/first", &info);
    for (int i = 0; i < 20; i++) {
        char path[32];
        snprintf(path, sizeof path, "/many/%d", i);
        write_as(root, "", path, &info);
    }
    assert_null(metadata_cache_find("/first", &info));
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_follow_each_other),
        cmocka_unit_test(what_is_found_is_the_finders_own),
        cmocka_unit_test(a_file_that_changed_is_not_found),
        cmocka_unit_test(few_and_small_ones_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
