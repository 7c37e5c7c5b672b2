#include <string.h>

#include "engines/columnar/ingest/loader.h"

#define LONE_VALUE_COLUMN "value"

typedef struct JsonRow {
    Loader *loader;
    JsonReader *reader;
    int next_column; /* the one after the last field's: the likely next */
    Error *err;
} JsonRow;

/* A key may be empty or longer than a name should be; it is still the column's name, but never "". */
static int load_field(void *context, const char *key, size_t key_length, const Cell *cell) {
    JsonRow *row = context;
    Loader *loader = row->loader;
    const char *file = row->reader->source->name;
    const char *name = !key ? LONE_VALUE_COLUMN : key_length ? key : "column";
    size_t length = !key ? strlen(LONE_VALUE_COLUMN) : key_length ? key_length : strlen("column");
    int column;
    if (loader_column(loader, name, length, row->next_column, file, &column, row->err) != STATUS_OK ||
        loader_cell(loader, column, cell, file, row->reader->row, row->err) != STATUS_OK)
        return 1;
    row->next_column = column + 1;
    return 0;
}

Status load_json_source(Loader *loader, ByteSource *source, Error *err) {
    JsonReader reader;
    json_reader_init(&reader, source);
    JsonRow row = {.loader = loader, .reader = &reader, .err = err};
    Status status = STATUS_OK;
    for (bool more = true; status == STATUS_OK;) {
        row.next_column = 0;
        status = json_reader_next(&reader, load_field, &row, &more, err);
        if (!more) break;
        if (status == STATUS_OK) status = loader_end_row(loader, source->bytes_read, err);
    }
    json_reader_deinit(&reader);
    return status;
}

Status load_json_input(Loader *loader, const LoadInput *input, Error *err) {
    ByteSource source;
    byte_source_open(&source, input);
    Status status = load_json_source(loader, &source, err);
    loader->finished_bytes += source.bytes_read;
    byte_source_close(&source);
    return status;
}
