/* Copies of schemas and small batches live in one block each; what a consumer moves out of them stays alive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engines/base/arrow_builder.h"

static const ArrowColumnSpec *specs(void) {
    static ArrowColumnSpec columns[3];
    columns[0] = (ArrowColumnSpec){.name = "id", .type = sqltype_of(SQL_INT8)};
    columns[1] = (ArrowColumnSpec){.name = "tags", .type = sqltype_array_of(sqltype_of(SQL_TEXT))};
    columns[2] = (ArrowColumnSpec){.name = "price", .type = sqltype_numeric(10, 2)};
    return columns;
}

static void assert_as_built(const ArrowSchema *schema) {
    const char *type_name;
    assert_string_equal(schema->format, "+s");
    assert_int_equal(schema->n_children, 3);
    assert_string_equal(schema->children[0]->name, "id");
    assert_string_equal(schema->children[0]->format, "l");
    assert_string_equal(schema->children[1]->format, "+l");
    assert_string_equal(schema->children[1]->children[0]->name, "item");
    assert_string_equal(schema->children[1]->children[0]->format, "u");
    assert_string_equal(schema->children[2]->format, "d:10,2");
    (void)arrow_schema_sqltype(schema->children[2], &type_name);
    assert_string_equal(type_name, "numeric(10,2)");
}

static void test_copies_outlive_the_original(void **state) {
    ArrowSchema first, second, third;
    arrow_schema_build(&first, specs(), 3);
    arrow_schema_copy(&first, &second);
    assert_ptr_equal(arrow_schema_identity(&first), arrow_schema_identity(&second));
    arrow_schema_release(&first);
    assert_null(first.release);
    arrow_schema_copy(&second, &third);
    arrow_schema_release(&second);
    assert_as_built(&third);
    arrow_schema_release(&third);
}

static void test_schemas_built_apart_have_identities_of_their_own(void **state) {
    ArrowSchema first, second;
    arrow_schema_build(&first, specs(), 3);
    arrow_schema_build(&second, specs(), 3);
    assert_non_null(arrow_schema_identity(&first));
    assert_ptr_not_equal(arrow_schema_identity(&first), arrow_schema_identity(&second));
    arrow_schema_release(&first);
    arrow_schema_release(&second);
}

static void test_a_child_schema_may_be_moved_out_and_copied(void **state) {
    ArrowSchema schema, child, copy;
    arrow_schema_build(&schema, specs(), 3);
    child = *schema.children[1];
    schema.children[1]->release = NULL;
    arrow_schema_release(&schema);
    assert_string_equal(child.name, "tags");
    assert_string_equal(child.children[0]->name, "item");
    assert_null(arrow_schema_identity(&child));
    arrow_schema_copy(&child, &copy);
    arrow_schema_release(&child);
    assert_string_equal(copy.name, "tags");
    assert_int_equal(copy.n_children, 1);
    assert_string_equal(copy.children[0]->name, "item");
    arrow_schema_release(&copy);
}

static void release_foreign(ArrowSchema *schema) {
    schema->release = NULL;
}

static void test_foreign_schemas_are_copied_with_their_dictionaries(void **state) {
    ArrowSchema values = {.format = "u", .release = release_foreign};
    ArrowSchema column = {.format = "i", .name = "word", .dictionary = &values, .release = release_foreign};
    ArrowSchema *children[] = {&column};
    ArrowSchema root = {.format = "+s", .n_children = 1, .children = children, .release = release_foreign};
    ArrowSchema copy;
    arrow_schema_copy(&root, &copy);
    assert_string_equal(copy.children[0]->name, "word");
    assert_string_equal(copy.children[0]->dictionary->format, "u");
    assert_null(copy.children[0]->dictionary->name);
    arrow_schema_release(&copy);
    assert_non_null(root.release);
}

static void append_row(ArrowBuilder *builder, int64_t id, const char *tag, size_t tag_bytes) {
    arrow_append_int(arrow_builder_column(builder, 0), id);
    ArrowColumn *tags = arrow_builder_column(builder, 1);
    arrow_append_bytes(arrow_list_child(tags), tag, tag_bytes);
    arrow_append_null(arrow_list_child(tags));
    arrow_append_list_end(tags);
    if (id % 2)
        arrow_append_null(arrow_builder_column(builder, 2));
    else
        arrow_append_decimal(arrow_builder_column(builder, 2), id * 100);
    arrow_builder_end_row(builder);
}

/* One batch of `rows` rows whose tags are `tag_bytes` long, both read back. */
static void check_batch(ArrowBuilder *builder, int rows, size_t tag_bytes) {
    static char tag[4000];
    memset(tag, 'x', sizeof tag);
    for (int i = 0; i < rows; i++)
        append_row(builder, i, tag, tag_bytes);
    ArrowArray batch;
    arrow_builder_finish(builder, &batch);
    assert_int_equal(batch.length, rows);
    assert_int_equal(batch.n_children, 3);
    const ArrowArray *ids = batch.children[0], *tags = batch.children[1], *prices = batch.children[2];
    assert_int_equal(((const int64_t *)ids->buffers[1])[rows - 1], rows - 1);
    assert_int_equal(((const int32_t *)tags->buffers[1])[rows], 2 * rows);
    assert_int_equal(((const int32_t *)tags->children[0]->buffers[1])[2 * rows], (int)tag_bytes * rows);
    assert_int_equal(tags->children[0]->null_count, rows);
    assert_int_equal(prices->null_count, rows / 2);
    assert_true(((uintptr_t)prices->buffers[1] & 15) == 0);
    ArrowArray moved = *batch.children[1];
    batch.children[1]->release = NULL;
    arrow_array_release(&batch);
    assert_null(batch.release);
    assert_int_equal(((const char *)moved.children[0]->buffers[2])[0], 'x');
    arrow_array_release(&moved);
}

static void test_small_and_large_batches_from_one_builder(void **state) {
    ArrowBuilder builder;
    arrow_builder_init(&builder, specs(), 3);
    check_batch(&builder, 1, 5);
    check_batch(&builder, 300, 4000);
    check_batch(&builder, 2, 7);
    arrow_builder_deinit(&builder);
}

static void test_reset_forgets_an_incomplete_row(void **state) {
    ArrowBuilder builder;
    arrow_builder_init(&builder, specs(), 3);
    append_row(&builder, 8, "a", 1);
    arrow_append_int(arrow_builder_column(&builder, 0), 9);
    arrow_append_bytes(arrow_list_child(arrow_builder_column(&builder, 1)), "b", 1);
    arrow_builder_reset(&builder);
    check_batch(&builder, 3, 2);
    arrow_builder_deinit(&builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_outlive_the_original),
        cmocka_unit_test(test_schemas_built_apart_have_identities_of_their_own),
        cmocka_unit_test(test_a_child_schema_may_be_moved_out_and_copied),
        cmocka_unit_test(test_foreign_schemas_are_copied_with_their_dictionaries),
        cmocka_unit_test(test_small_and_large_batches_from_one_builder),
        cmocka_unit_test(test_reset_forgets_an_incomplete_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
