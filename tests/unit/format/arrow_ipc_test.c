/* What is written as an Arrow file is read back equal, whole, by batches, from any row; a damaged one is an
 * error. That others read it: tests/interop (pyarrow), tests/e2e (apache-arrow). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/base/arrow_builder.h"
#include "fcgi/format/arrow_ipc.h"
#include "fcgi/format/arrow_ipc_file.h"
#include "fcgi/format/format.h"

enum { ROWS = 200 };

static const ArrowColumnSpec columns[] = {
    {.name = "b", .type = {.id = SQL_BOOL}},
    {.name = "s", .type = {.id = SQL_INT2}},
    {.name = "i", .type = {.id = SQL_INT4}},
    {.name = "l", .type = {.id = SQL_INT8}},
    {.name = "o", .type = {.id = SQL_OID}},
    {.name = "f", .type = {.id = SQL_FLOAT4}},
    {.name = "g", .type = {.id = SQL_FLOAT8}},
    {.name = "d", .type = {.id = SQL_NUMERIC, .precision = 20, .scale = 3}},
    {.name = "n", .type = {.id = SQL_NUMERIC}},
    {.name = "t", .type = {.id = SQL_TEXT}},
    {.name = "j", .type = {.id = SQL_JSONB}},
    {.name = "z", .type = {.id = SQL_BYTEA}},
    {.name = "date", .type = {.id = SQL_DATE}},
    {.name = "time", .type = {.id = SQL_TIME}},
    {.name = "ts", .type = {.id = SQL_TIMESTAMP}},
    {.name = "tz", .type = {.id = SQL_TIMESTAMPTZ}},
    {.name = "iv", .type = {.id = SQL_INTERVAL}},
    {.name = "m", .type = {.id = SQL_OTHER}, .type_name = "mood"},
    {.name = "a", .type = {.id = SQL_INT4, .is_array = true}},
    {.name = "ta", .type = {.id = SQL_TEXT, .is_array = true}},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

typedef struct Sample {
    ArrowSchema schema;
    ArrowArray array;
} Sample;

static void append_text(ArrowColumn *out, const char *text) {
    arrow_append_bytes(out, text, strlen(text));
}

static void append_value(ArrowColumn *out, SqlType type, int row) {
    char text[64];
    snprintf(text, sizeof text, "%d", row);
    if (type.is_array) {
        for (int i = 0; i < row % 4; i++) {
            if (i == 2)
                arrow_append_null(arrow_list_child(out));
            else
                append_value(arrow_list_child(out), (SqlType){.id = type.id}, row + i);
        }
        arrow_append_list_end(out);
        return;
    }
    switch (type.id) {
    case SQL_BOOL: arrow_append_bool(out, row % 3 == 0); break;
    case SQL_FLOAT4:
    case SQL_FLOAT8: arrow_append_float(out, row * 1.25 - 7); break;
    case SQL_NUMERIC:
        if (type.precision)
            arrow_append_decimal(out, (__int128)(row - 50) * 1000000007 * 1000000007);
        else
            append_text(out, text);
        break;
    case SQL_JSONB: append_text(out, "{\"a\": [1, null]}"); break;
    case SQL_TEXT: append_text(out, row % 5 ? "größer als zwölf Bytes" : ""); break;
    case SQL_BYTEA: arrow_append_bytes(out, "\0\1\377", (size_t)row % 4); break;
    case SQL_INTERVAL: arrow_append_interval(out, row - 3, -row, row * INT64_C(1000000007000)); break;
    case SQL_OTHER: append_text(out, row % 2 ? "happy" : "sad"); break;
    default: arrow_append_int(out, row * 97 - 100);
    }
}

static void sample_init(Sample *sample, bool with_nulls) {
    ArrowBuilder builder;
    arrow_schema_build(&sample->schema, columns, COLUMNS);
    arrow_builder_init(&builder, columns, COLUMNS);
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < COLUMNS; i++) {
            ArrowColumn *out = arrow_builder_column(&builder, i);
            if (with_nulls && (row + i) % 7 == 0)
                arrow_append_null(out);
            else
                append_value(out, columns[i].type, row);
        }
        arrow_builder_end_row(&builder);
    }
    arrow_builder_finish(&builder, &sample->array);
    arrow_builder_deinit(&builder);
}

static void sample_deinit(Sample *sample) {
    arrow_array_release(&sample->array);
    arrow_schema_release(&sample->schema);
}

/* Rows [first, first + count) as NDJSON, whose writer knows nothing of IPC. */
static void append_rows(StrBuf *out, const ArrowSchema *schema, const ArrowArray *array, int64_t first,
                        int64_t count) {
    RowWriter *writer;
    Error err = {0};
    ArrowArray part = *array;
    part.offset += first;
    part.length = count;
    RowFormatOptions options = {.format = ROWFORMAT_NDJSON};
    assert_int_equal(rowformat_begin(schema, &options, &writer, out, &err), STATUS_OK);
    assert_int_equal(rowformat_batch(writer, &part, out, &err), STATUS_OK);
    rowformat_close(writer);
}

static int memory_file(const StrBuf *bytes) {
    int fd = memfd_create("arrow", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes->data, bytes->length), (ssize_t)bytes->length);
    return fd;
}

static ArrowIpcFile *opened(const StrBuf *bytes) {
    ArrowIpcFile *file;
    Error err = {0};
    if (arrow_ipc_file_open_fd(memory_file(bytes), &file, &err) != STATUS_OK) fail_msg("%s", err.message);
    return file;
}

/* The sample in slices of these lengths, one after the other. */
static void write_file(const Sample *sample, ArrowIpcCompression compression, const int64_t *slices,
                       int slice_count, StrBuf *out) {
    ArrowIpcWriter *writer;
    Error err = {0};
    ArrowIpcOptions options = {.file = true, .compression = compression};
    int64_t row = 0;
    assert_int_equal(arrow_ipc_begin(&sample->schema, &options, &writer, out, &err), STATUS_OK);
    for (int i = 0; i < slice_count; row += slices[i++])
        assert_int_equal(arrow_ipc_batch(writer, &sample->array, row, slices[i], out, &err), STATUS_OK);
    arrow_ipc_end(writer, out);
}

static const int64_t slices[] = {0, 3, 64, 0, 1, 61, 71};
enum { SLICES = sizeof slices / sizeof slices[0] };

static void expect_stream(ArrowIpcFile *file, const Sample *sample, int64_t first, int64_t count) {
    StrBuf expected, found;
    ArrowArrayStream stream;
    ArrowSchema schema;
    Error err = {0};
    strbuf_init(&expected), strbuf_init(&found);
    int64_t left = ROWS - first < count ? ROWS - first : count;
    append_rows(&expected, &sample->schema, &sample->array, first, left > 0 ? left : 0);
    arrow_ipc_file_stream(file, first, count, &stream);
    assert_int_equal(arrow_stream_schema(&stream, &schema, &err), STATUS_OK);
    for (;;) {
        ArrowArray array;
        assert_int_equal(arrow_stream_next(&stream, &array, &err), STATUS_OK);
        if (!array.release) break;
        append_rows(&found, &schema, &array, 0, array.length);
        arrow_array_release(&array);
    }
    arrow_stream_release(&stream);
    arrow_schema_release(&schema);
    assert_string_equal(strbuf_text(&found), strbuf_text(&expected));
    strbuf_deinit(&expected), strbuf_deinit(&found);
}

static void what_was_written_is_read(void **state) {
    for (int nulls = 0; nulls < 2; nulls++)
        for (ArrowIpcCompression each = ARROW_IPC_PLAIN; each <= ARROW_IPC_ZSTD; each++) {
            Sample sample;
            StrBuf bytes;
            strbuf_init(&bytes);
            sample_init(&sample, nulls);
            write_file(&sample, each, slices, SLICES, &bytes);
            ArrowIpcFile *file = opened(&bytes);
            assert_int_equal(arrow_ipc_file_batch_count(file), SLICES);
            assert_int_equal(arrow_ipc_file_row_count(file), ROWS);
            expect_stream(file, &sample, 0, INT64_MAX);
            for (int64_t first = 0; first <= ROWS; first += 13)
                expect_stream(file, &sample, first, 40);
            assert_int_equal(arrow_ipc_file_batch_of(file, 0), 1);
            assert_int_equal(arrow_ipc_file_batch_of(file, 67), 4);
            assert_int_equal(arrow_ipc_file_batch_of(file, ROWS), SLICES);
            arrow_ipc_file_close(file);
            sample_deinit(&sample);
            strbuf_deinit(&bytes);
        }
}

static void types_keep_their_names(void **state) {
    Sample sample;
    StrBuf bytes;
    ArrowSchema schema;
    strbuf_init(&bytes);
    sample_init(&sample, true);
    write_file(&sample, ARROW_IPC_PLAIN, slices, SLICES, &bytes);
    ArrowIpcFile *file = opened(&bytes);
    arrow_ipc_file_schema(file, &schema);
    for (int i = 0; i < COLUMNS; i++) {
        const char *declared;
        SqlType type = arrow_schema_sqltype(schema.children[i], &declared);
        assert_string_equal(schema.children[i]->name, columns[i].name);
        assert_string_equal(schema.children[i]->format, sample.schema.children[i]->format);
        if (columns[i].type_name)
            assert_string_equal(declared, columns[i].type_name);
        else
            assert_true(sqltype_equals(type, columns[i].type));
    }
    arrow_schema_release(&schema);
    arrow_ipc_file_close(file);
    sample_deinit(&sample);
    strbuf_deinit(&bytes);
}

static void a_child_outlives_its_batch_and_file(void **state) {
    Sample sample;
    StrBuf bytes;
    ArrowArray array, child;
    Error err = {0};
    strbuf_init(&bytes);
    sample_init(&sample, false);
    write_file(&sample, ARROW_IPC_ZSTD, slices, SLICES, &bytes);
    ArrowIpcFile *file = opened(&bytes);
    assert_int_equal(arrow_ipc_file_batch(file, 1, &array, &err), STATUS_OK);
    child = *array.children[2];
    array.children[2]->release = NULL;
    arrow_array_release(&array);
    arrow_ipc_file_close(file);
    assert_int_equal(((const int32_t *)child.buffers[1])[2], 2 * 97 - 100);
    arrow_array_release(&child);
    sample_deinit(&sample);
    strbuf_deinit(&bytes);
}

static void a_result_without_rows(void **state) {
    Sample sample;
    StrBuf bytes;
    strbuf_init(&bytes);
    sample_init(&sample, true);
    write_file(&sample, ARROW_IPC_LZ4, NULL, 0, &bytes);
    ArrowIpcFile *file = opened(&bytes);
    assert_int_equal(arrow_ipc_file_row_count(file), 0);
    arrow_ipc_file_close(file);
    sample_deinit(&sample);
    strbuf_deinit(&bytes);
}

/* Reads all there is; true when none of it was an error. */
static bool reads_whole(const StrBuf *bytes) {
    ArrowIpcFile *file;
    Error err = {0};
    bool whole = true;
    if (arrow_ipc_file_open_fd(memory_file(bytes), &file, &err) != STATUS_OK) {
        assert_true(error_is_set(&err));
        return false;
    }
    ArrowSchema schema;
    arrow_ipc_file_schema(file, &schema);
    for (int i = 0; i < arrow_ipc_file_batch_count(file); i++) {
        ArrowArray array;
        StrBuf text;
        if (arrow_ipc_file_batch(file, i, &array, &err) != STATUS_OK) {
            assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
            whole = false;
            continue;
        }
        strbuf_init(&text);
        append_rows(&text, &schema, &array, 0, array.length);
        strbuf_deinit(&text);
        arrow_array_release(&array);
    }
    arrow_schema_release(&schema);
    arrow_ipc_file_close(file);
    return whole;
}

static void damage_is_an_error(void **state) {
    static const int64_t two[] = {9, 5};
    for (ArrowIpcCompression each = ARROW_IPC_PLAIN; each <= ARROW_IPC_ZSTD; each++) {
        Sample sample;
        StrBuf bytes;
        strbuf_init(&bytes);
        sample_init(&sample, true);
        write_file(&sample, each, two, 2, &bytes);
        assert_true(reads_whole(&bytes));
        StrBuf cut = bytes;
        for (cut.length = bytes.length - 1; cut.length > 0; cut.length -= cut.length > 31 ? 31 : 1)
            assert_false(reads_whole(&cut));
        for (size_t i = 0; i < bytes.length; i += 3) { /* values may change; nothing may crash */
            for (int bit = 0; bit < 8; bit += 7) {
                bytes.data[i] ^= (char)(1 << bit);
                (void)reads_whole(&bytes);
                bytes.data[i] ^= (char)(1 << bit);
            }
        }
        sample_deinit(&sample);
        strbuf_deinit(&bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(types_keep_their_names),
        cmocka_unit_test(a_child_outlives_its_batch_and_file),
        cmocka_unit_test(a_result_without_rows),
        cmocka_unit_test(damage_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
