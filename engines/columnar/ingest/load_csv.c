#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engines/columnar/ingest/loader.h"
#include "engines/columnar/ingest/value_parse.h"

enum { SAMPLE_BYTES = 256 << 10, HEADER_SAMPLE_RECORDS = 200 };

typedef struct CsvColumns {
    Arena arena;
    int *mapping; /* field → column of the loader */
    int count;
} CsvColumns;

static bool is_null_text(const Loader *loader, const CsvField *field) {
    const char *text = loader->options->null_text;
    return text && !field->quoted && strlen(text) == field->length &&
           memcmp(text, field->data, field->length) == 0;
}

static Cell cell_of(const Loader *loader, const CsvField *field) {
    CellKind kind = is_null_text(loader, field) ? CELL_NULL : field->quoted ? CELL_QUOTED : CELL_TEXT;
    return (Cell){kind, field->data, field->length};
}

/* Whether the first record names the columns: it does when some column's values have a shape (number, date
 * ...) that its first value has not, or when nothing has a shape and the first record is all names, each used
 * once. */
static bool looks_like_header(CsvReader *probe, Error *err) {
    enum { PROBED = 256 };
    bool header_shaped[PROBED], text_below[PROBED], shaped_below[PROBED], more;
    memset(text_below, 0, sizeof text_below);
    memset(shaped_below, 0, sizeof shaped_below);
    if (csv_reader_next(probe, &more, err) != STATUS_OK || !more) return false;
    int columns = probe->field_count < PROBED ? probe->field_count : PROBED;
    bool all_names = true;
    for (int i = 0; i < columns; i++) {
        const CsvField *field = &probe->fields[i];
        header_shaped[i] = value_shape(field->data, field->length) != SHAPE_TEXT;
        if (header_shaped[i] || field->length == 0) all_names = false;
        for (int j = 0; j < i && all_names; j++)
            if (probe->fields[j].length == field->length &&
                memcmp(probe->fields[j].data, field->data, field->length) == 0)
                all_names = false;
    }
    for (int record = 0; record < HEADER_SAMPLE_RECORDS; record++) {
        if (csv_reader_next(probe, &more, err) != STATUS_OK || !more) break;
        for (int i = 0; i < columns && i < probe->field_count; i++) {
            const CsvField *field = &probe->fields[i];
            if (field->length == 0) continue;
            if (value_shape(field->data, field->length) == SHAPE_TEXT)
                text_below[i] = true;
            else
                shaped_below[i] = true;
        }
    }
    for (int i = 0; i < columns; i++)
        if (shaped_below[i] && !text_below[i] && !header_shaped[i]) return true;
    return all_names;
}

static Status detect(Loader *loader, ByteSource *source, CsvDialect *dialect, bool *header, Error *err) {
    const IngestOptions *options = loader->options;
    while (source->end - source->start < SAMPLE_BYTES && !source->at_end)
        TRY(byte_source_fill(source, err));
    const char *sample = source->buffer + source->start;
    size_t bytes = source->end - source->start;
    *dialect = csv_dialect_detect(sample, bytes, (CsvDialect){options->delimiter, options->quote});
    *header = options->header == 1;
    if (options->header >= 0) return STATUS_OK;
    ByteSource copy;
    CsvReader probe;
    Error ignored;
    byte_source_open_memory(&copy, sample, bytes, source->name);
    csv_reader_init(&probe, &copy, *dialect);
    *header = looks_like_header(&probe, &ignored);
    csv_reader_deinit(&probe);
    byte_source_close(&copy);
    return STATUS_OK;
}

/* Names of the columns of one file, unique: "column3" for an empty one, "name_2" for the second "name". */
static char **unique_names(const CsvReader *reader, bool header, Arena *arena) {
    char **names = ARENA_NEW_ARRAY(arena, char *, reader->field_count + 1);
    for (int i = 0; i < reader->field_count; i++) {
        const CsvField *field = &reader->fields[i];
        const char *base = header && field->length > 0 ? arena_strndup(arena, field->data, field->length)
                                                       : arena_printf(arena, "column%d", i + 1);
        names[i] = arena_strdup(arena, base);
        for (int suffix = 2, j = 0; j < i; j++) {
            if (strcmp(names[j], names[i]) == 0) {
                names[i] = arena_printf(arena, "%s_%d", base, suffix++);
                j = -1; /* compare the new name with all of them again */
            }
        }
    }
    return names;
}

static Status map_columns(Loader *loader, const CsvReader *reader, bool header, CsvColumns *columns,
                          Error *err) {
    columns->count = reader->field_count;
    columns->mapping = ARENA_NEW_ARRAY(&columns->arena, int, columns->count + 1);
    if (!header && loader->fixed) {
        /* Without names the order decides. */
        if (columns->count != loader->registry.count)
            return error_set(err, "22P04", "\"%s\" has %d columns without names, table \"%s\" has %d",
                             reader->source->name, columns->count, loader->options->table,
                             loader->registry.count);
        for (int i = 0; i < columns->count; i++)
            columns->mapping[i] = i;
        return STATUS_OK;
    }
    char **names = unique_names(reader, header, &columns->arena);
    for (int i = 0; i < columns->count; i++)
        TRY(loader_column(loader, names[i], strlen(names[i]), i, reader->source->name, &columns->mapping[i],
                          err));
    return STATUS_OK;
}

static Status load_record(Loader *loader, const CsvReader *reader, const CsvColumns *columns, Error *err) {
    const char *file = reader->source->name;
    if (reader->field_count != columns->count)
        return error_set(err, "22P04", "\"%s\", row %" PRId64 ": it has %d fields where %d are expected",
                         file, reader->record, reader->field_count, columns->count);
    for (int i = 0; i < columns->count; i++) {
        Cell cell = cell_of(loader, &reader->fields[i]);
        TRY(loader_cell(loader, columns->mapping[i], &cell, file, reader->record, err));
    }
    return loader_end_row(loader, reader->source->bytes_read, err);
}

static Status load_records(Loader *loader, CsvReader *reader, bool header, CsvColumns *columns, Error *err) {
    bool more;
    TRY(csv_reader_next(reader, &more, err));
    if (!more) return STATUS_OK;
    TRY(map_columns(loader, reader, header, columns, err));
    if (!header) TRY(load_record(loader, reader, columns, err));
    for (;;) {
        TRY(csv_reader_next(reader, &more, err));
        if (!more) return STATUS_OK;
        TRY(load_record(loader, reader, columns, err));
    }
}

Status load_csv_source(Loader *loader, ByteSource *source, Error *err) {
    CsvDialect dialect;
    bool header;
    TRY(detect(loader, source, &dialect, &header, err));
    CsvColumns columns = {.count = 0};
    CsvReader reader;
    arena_init(&columns.arena);
    csv_reader_init(&reader, source, dialect);
    Status status = load_records(loader, &reader, header, &columns, err);
    csv_reader_deinit(&reader);
    arena_deinit(&columns.arena);
    return status;
}

Status load_csv_input(Loader *loader, const LoadInput *input, Error *err) {
    ByteSource source;
    byte_source_open(&source, input);
    Status status = load_csv_source(loader, &source, err);
    loader->finished_bytes += source.bytes_read;
    byte_source_close(&source);
    return status;
}
