/* Rows in, one snapshot out: writers of one change. */
#include <stdlib.h>

#include "engines/columnar/iceberg/append_group.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_writer.h"

struct TableAppendWriter {
    TableAppend *append;
    TableAppendWriter *next;
    TableWriter *writer; /* NULL until rows come, and when it is finished */
    Error failure;       /* of opening it */
};

/* Rows that are added to a table are gathered for a commit with those of others first (append_group.h), which
 * turns into an append of its own when there are many. */
struct TableAppend {
    AppendGroup *group; /* then nothing else counts */
    TableChange *change;
    TableAppendWriter *writers; /* the append's own is the last one */
    TableAppendWriter *own;
};

TableAppendWriter *table_append_writer_open(TableAppend *append) {
    TableAppendWriter *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    TableAppend *alone = append;
    bool failed =
        append->group && append_group_go_alone(append->group, &alone, &writer->failure) != STATUS_OK;
    TableAppend *owner = failed ? append : alone;
    writer->append = failed ? NULL : alone;
    writer->next = owner->writers;
    owner->writers = writer;
    return writer;
}

Status table_append_begin_change(TableChange *change, TableAppend **out, Error *err) {
    TableWriter *writer;
    if (table_writer_open(change, &writer, err) != STATUS_OK) {
        table_change_abort(change);
        return STATUS_ERROR;
    }
    TableAppend *append = calloc(1, sizeof *append);
    if (!append) abort();
    append->change = change;
    append->own = table_append_writer_open(append);
    append->own->writer = writer;
    *out = append;
    return STATUS_OK;
}

Status table_append_begin(TableCatalog *catalog, const char *namespace_name, const char *name, bool replace,
                          TableAppend **out, Error *err) {
    AppendGroup *group;
    if (replace) return table_append_begin_alone(catalog, namespace_name, name, true, out, err);
    TRY(append_group_begin(catalog, namespace_name, name, &group, err));
    *out = calloc(1, sizeof **out);
    if (!*out) abort();
    (*out)->group = group;
    return STATUS_OK;
}

Status table_append_begin_alone(TableCatalog *catalog, const char *namespace_name, const char *name,
                                bool replace, TableAppend **out, Error *err) {
    TableChange *change;
    TRY(table_change_begin_latest(catalog, namespace_name, name, &change, err));
    if (replace) table_change_remove_all(change);
    return table_append_begin_change(change, out, err);
}

Status table_append_begin_create(TableCatalog *catalog, const char *namespace_name, const char *name,
                                 const TableColumn *columns, int column_count, bool or_replace,
                                 TableAppend **out, Error *err) {
    TableChange *change;
    TRY(table_change_begin_create(catalog, namespace_name, name, columns, column_count, or_replace, &change,
                                  err));
    return table_append_begin_change(change, out, err);
}

const TableVersion *table_append_target(const TableAppend *append) {
    return append->group ? append_group_target(append->group) : table_change_target(append->change);
}

int64_t table_append_snapshot_id(const TableAppend *append) {
    return table_change_snapshot_id(append->change);
}

Status table_append_writer_batch(TableAppendWriter *writer, const Batch *batch, Error *err) {
    if (!writer->append) {
        if (err) *err = writer->failure;
        return STATUS_ERROR;
    }
    if (!writer->writer) {
        TRY(table_writer_open(writer->append->change, &writer->writer, err));
        table_writer_share(writer->writer); /* several writers share what one may hold */
    }
    return table_writer_append(writer->writer, batch, err);
}

Status table_append_writer_finish(TableAppendWriter *writer, Error *err) {
    TableWriter *finished = writer->writer;
    writer->writer = NULL;
    return finished ? table_writer_finish(finished, err) : STATUS_OK;
}

Status table_append_batch(TableAppend *append, const Batch *batch, Error *err) {
    if (append->group) return append_group_batch(append->group, batch, err);
    return table_append_writer_batch(append->own, batch, err);
}

/* Writers of a group are those that could not be opened; the others are the lone append's. */
static AppendGroup *end_grouped(TableAppend *append) {
    AppendGroup *group = append->group;
    for (TableAppendWriter *writer = append->writers, *next; writer; writer = next) {
        next = writer->next;
        free(writer);
    }
    free(append);
    return group;
}

static TableChange *append_end(TableAppend *append) {
    TableChange *change = append->change;
    for (TableAppendWriter *writer = append->writers, *next; writer; writer = next) {
        next = writer->next;
        table_writer_abort(writer->writer);
        free(writer);
    }
    free(append);
    return change;
}

void table_append_abort(TableAppend *append) {
    if (append && append->group) {
        append_group_abort(end_grouped(append));
        return;
    }
    if (append) table_change_abort(append_end(append));
}

Status table_append_commit(TableAppend *append, int64_t *row_count, int64_t *snapshot_id, Error *err) {
    TableChangeResult result;
    Status status = STATUS_OK;
    if (append->group) return append_group_commit(end_grouped(append), row_count, snapshot_id, err);
    for (TableAppendWriter *writer = append->writers; writer && status == STATUS_OK; writer = writer->next)
        status = table_append_writer_finish(writer, err);
    TableChange *change = append_end(append);
    if (status != STATUS_OK) {
        table_change_abort(change);
        return STATUS_ERROR;
    }
    TRY(table_change_commit(change, &result, err));
    if (row_count) *row_count = result.added_rows;
    if (snapshot_id) *snapshot_id = result.snapshot_id;
    return STATUS_OK;
}
