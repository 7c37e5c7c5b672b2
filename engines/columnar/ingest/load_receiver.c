/* Which columns somebody else than the catalog receives. */
#include <string.h>

#include "engines/columnar/ingest/loader.h"

static int find(const IngestReceiver *receiver, const char *name) {
    for (int i = 0; i < receiver->column_count; i++)
        if (!strcmp(receiver->columns[i].name, name)) return i;
    for (int i = 0; i < receiver->column_count; i++)
        if (!strcasecmp(receiver->columns[i].name, name)) return i;
    return -1;
}

static Status choose(const Loader *loader, const TableColumn *found, int count, bool *occurs, Error *err) {
    const IngestReceiver *receiver = loader->options->receiver;
    for (int i = 0; i < count; i++) {
        int column = find(receiver, found[i].name);
        if (column < 0)
            return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "table \"%s\" has no column \"%.100s\"",
                             loader->options->table, found[i].name);
        occurs[column] = true;
    }
    return STATUS_OK;
}

Status load_receiver_columns(Loader *loader, const TableColumn *found, int count, TableColumn **out,
                             int *out_count, Error *err) {
    const IngestReceiver *receiver = loader->options->receiver;
    int room = receiver->columns ? receiver->column_count : count;
    TableColumn *columns = ARENA_NEW_ARRAY(&loader->arena, TableColumn, room + 1);
    *out = columns;
    *out_count = 0;
    if (!receiver->columns) {
        if (count == 0) return error_set(err, "22P04", "\"%s\" has no columns", loader->inputs[0].name);
        memcpy(columns, found, (size_t)count * sizeof *columns);
        *out_count = count;
        return STATUS_OK;
    }
    bool *occurs = ARENA_NEW_ARRAY(&loader->arena, bool, room + 1);
    TRY(choose(loader, found, count, occurs, err));
    for (int i = 0; i < room; i++)
        if (occurs[i]) columns[(*out_count)++] = receiver->columns[i];
    return STATUS_OK;
}
