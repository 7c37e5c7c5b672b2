/* Arrow files: the footer, every batch, every value of it printed. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgi/format/arrow_ipc_file.h"
#include "fcgi/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_ROWS = 1000 }; /* of columns without bytes a file may claim any number */

static void print_batch(const ArrowSchema *schema, ArrowArray *array) {
    RowWriter *writer;
    StrBuf text;
    Error err = {0};
    RowFormatOptions options = {.format = ROWFORMAT_NDJSON, .max_rows = MOST_ROWS};
    strbuf_init(&text);
    if (rowformat_begin(schema, &options, &writer, &text, &err) == STATUS_OK) {
        if (rowformat_batch(writer, array, &text, &err) != STATUS_OK) abort();
        rowformat_close(writer);
    }
    strbuf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ArrowIpcFile *file;
    Error err = {0};
    int fd = memfd_create("arrow", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    if (arrow_ipc_file_open_fd(fd, &file, &err) != STATUS_OK) {
        if (!error_is_set(&err)) abort();
        return 0;
    }
    ArrowSchema schema;
    arrow_ipc_file_schema(file, &schema);
    for (int i = 0; i < arrow_ipc_file_batch_count(file); i++) {
        ArrowArray array;
        error_clear(&err);
        if (arrow_ipc_file_batch(file, i, &array, &err) == STATUS_OK) {
            print_batch(&schema, &array);
            arrow_array_release(&array);
        } else if (!error_is_set(&err)) {
            abort();
        }
    }
    arrow_schema_release(&schema);
    arrow_ipc_file_close(file);
    return 0;
}
