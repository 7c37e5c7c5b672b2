/* The passes over text inputs. A new table's types are found in a sample first, and trusted until a value is
 * met that they would be others with: then the whole input is profiled, and read again. An input that the
 * sample holds whole is read once more than that. */
#include <string.h>

#include "engines/columnar/ingest/load_pass.h"
#include "engines/columnar/ingest/loader.h"

enum { SAMPLED_INPUTS = 8 };

typedef struct TextLoad {
    Loader *loader;
    bool json_lines;
    bool evolved;         /* the columns follow the input already */
    int64_t bytes_before; /* of passes that are over */
} TextLoad;

SqlType *load_profiled_types(const ColumnRegistry *registry, Arena *arena) {
    SqlType *types = ARENA_NEW_ARRAY(arena, SqlType, registry->count + 1);
    for (int i = 0; i < registry->count; i++)
        types[i] = column_profile_type(&registry->columns[i].profile);
    return types;
}

static LoadPass new_pass(TextLoad *load) {
    Loader *loader = load->loader;
    return (LoadPass){.options = loader->options,
                      .inputs = loader->inputs,
                      .input_count = loader->input_count,
                      .json_lines = load->json_lines,
                      .arena = &loader->arena,
                      .rejects = &loader->rejects,
                      .bytes_before = load->bytes_before,
                      .bytes_total = load->bytes_before + loader->total_bytes};
}

/* Finds columns and types; `limit` blocks of each of the first inputs, or all. `found` is initialised. */
static Status profile(TextLoad *load, int limit, const ColumnRegistry *columns, ColumnRegistry *found,
                      bool *whole, Error *err) {
    for (;;) {
        LoadPass pass = new_pass(load);
        column_registry_init(&pass.found);
        pass.blocks_limit = limit;
        pass.columns = columns;
        bool sampled = limit && !pass.options->receiver;
        if (sampled && pass.input_count > SAMPLED_INPUTS) pass.input_count = SAMPLED_INPUTS;
        if (!limit) pass.bytes_total += load->loader->total_bytes; /* the pass that follows */
        Status status = load_pass_run(&pass, err);
        if (status == STATUS_OK && pass.not_lines) {
            column_registry_deinit(&pass.found);
            load->json_lines = false;
            continue;
        }
        if (status != STATUS_OK) column_registry_deinit(&pass.found);
        if (!limit) load->bytes_before += pass.bytes_read;
        *found = pass.found;
        *whole = pass.whole && pass.input_count == load->loader->input_count;
        return status;
    }
}

static Status begin_create(TextLoad *load, const TableColumn *columns, int count, Error *err) {
    const IngestOptions *options = load->loader->options;
    return table_append_begin_create(load->loader->catalog, options->namespace_name, options->table, columns,
                                     count, options->mode == INGEST_REPLACE, &load->loader->append, err);
}

static Status begin_found(TextLoad *load, const ColumnRegistry *found, const SqlType *types, Error *err) {
    TableColumn *columns = ARENA_NEW_ARRAY(&load->loader->arena, TableColumn, found->count + 1);
    if (found->count == 0)
        return error_set(err, "22P04", "\"%s\" has no columns", load->loader->inputs[0].name);
    for (int i = 0; i < found->count; i++)
        columns[i] = (TableColumn){.name = found->columns[i].name, .type = types[i], .nullable = true};
    return begin_create(load, columns, found->count, err);
}

/* Writes the rows. *conflict: nothing was, and the append is gone. */
static Status write(TextLoad *load, const ColumnRegistry *columns, const SqlType *types,
                    const ColumnProfile *const *sampled, bool fixed, bool *conflict, Error *err) {
    Loader *loader = load->loader;
    LoadPass pass = new_pass(load);
    pass.append = loader->append;
    pass.receiver = loader->options->receiver;
    pass.columns = columns;
    pass.types = types;
    pass.sampled = sampled;
    pass.fold_names = fixed;
    pass.file_names = loader->options->file_names;
    pass.may_evolve =
        fixed && loader->options->mode == INGEST_APPEND && !loader->options->keep_columns && !load->evolved;
    Status status = load_pass_run(&pass, err);
    loader->rows = pass.row_count;
    loader->rejected_count = pass.rejected_count;
    loader->finished_bytes = pass.bytes_read;
    *conflict = status == STATUS_OK && pass.conflict;
    if (pass.not_lines) load->json_lines = false;
    if (*conflict) {
        table_append_abort(loader->append);
        loader->append = NULL;
        load->bytes_before += pass.bytes_read;
    }
    return status;
}

/* The inputs' names as one more column. */
static Status add_file_name(const TextLoad *load, ColumnRegistry *columns, Error *err) {
    int column;
    if (!load->loader->options->file_names) return STATUS_OK;
    if (column_registry_find(columns, INGEST_FILE_NAME, strlen(INGEST_FILE_NAME), -1) >= 0)
        return error_set(err, "42701", "there is a column \"" INGEST_FILE_NAME "\" already");
    return column_registry_add(columns, INGEST_FILE_NAME, strlen(INGEST_FILE_NAME), &column, err);
}

/* A new table whose columns are found. */
static Status load_found(TextLoad *load, Error *err) {
    Arena *arena = &load->loader->arena;
    ColumnRegistry found;
    bool certain, conflict = true;
    TRY(profile(load, 1, NULL, &found, &certain, err));
    for (;;) {
        Status status = add_file_name(load, &found, err);
        SqlType *types = load_profiled_types(&found, arena);
        const ColumnProfile **sampled = ARENA_NEW_ARRAY(arena, const ColumnProfile *, found.count + 1);
        for (int i = 0; i < found.count; i++)
            sampled[i] = &found.columns[i].profile;
        if (status == STATUS_OK) status = begin_found(load, &found, types, err);
        if (status == STATUS_OK)
            status = write(load, &found, types, certain ? NULL : sampled, false, &conflict, err);
        column_registry_deinit(&found);
        if (status != STATUS_OK || !conflict) return status;
        TRY(profile(load, 0, NULL, &found, &certain, err));
        certain = true;
    }
}

/* The whole input's columns and types; then an append to a table that can hold them. */
static Status evolve(TextLoad *load, const ColumnRegistry *columns, Error *err) {
    ColumnRegistry found;
    bool whole;
    TRY(profile(load, 0, columns, &found, &whole, err));
    TableColumn *wanted = ARENA_NEW_ARRAY(&load->loader->arena, TableColumn, found.count + 1);
    for (int i = 0; i < found.count; i++)
        wanted[i] = (TableColumn){.name = found.columns[i].name,
                                  .type = column_profile_type(&found.columns[i].profile),
                                  .nullable = true};
    Status status = load_evolve(load->loader, wanted, found.count, &found, err);
    column_registry_deinit(&found);
    load->evolved = true;
    return status;
}

static Status begin_fixed(TextLoad *load, Error *err) {
    Loader *loader = load->loader;
    const IngestOptions *options = loader->options;
    if (loader->append) return STATUS_OK; /* evolved */
    if (options->mode != INGEST_APPEND) {
        int count = options->column_count;
        TableColumn *columns = ARENA_NEW_ARRAY(&loader->arena, TableColumn, count + 2);
        memcpy(columns, options->columns, (size_t)count * sizeof *columns);
        if (options->file_names)
            columns[count++] =
                (TableColumn){.name = INGEST_FILE_NAME, .type = sqltype_of(SQL_TEXT), .nullable = true};
        return begin_create(load, columns, count, err);
    }
    return table_append_begin(loader->catalog, options->namespace_name, options->table, options->replace_rows,
                              &loader->append, err);
}

static Status find_columns(const TableVersion *target, ColumnRegistry *columns, SqlType *types, Error *err) {
    for (int i = 0, column; i < target->column_count; i++) {
        const char *name = target->columns[i].name;
        types[i] = target->columns[i].type;
        TRY(column_registry_add(columns, name, strlen(name), &column, err));
    }
    return STATUS_OK;
}

/* A table whose columns are there already. */
static Status load_fixed(TextLoad *load, Error *err) {
    Loader *loader = load->loader;
    bool conflict = true;
    while (conflict) {
        ColumnRegistry columns;
        bool lines = load->json_lines;
        TRY(begin_fixed(load, err));
        const TableVersion *target = table_append_target(loader->append);
        SqlType *types = ARENA_NEW_ARRAY(&loader->arena, SqlType, target->column_count + 1);
        column_registry_init(&columns);
        Status status = find_columns(target, &columns, types, err);
        if (status == STATUS_OK) status = write(load, &columns, types, NULL, true, &conflict, err);
        if (status == STATUS_OK && conflict && lines == load->json_lines)
            status = evolve(load, &columns, err);
        column_registry_deinit(&columns);
        TRY(status);
    }
    return STATUS_OK;
}

/* ---- for a receiver --------------------------------------------------------------------------------------
 */

/* Every name that occurs: of CSV the first block tells, JSON's rows differ. */
static Status find_occurring(TextLoad *load, ColumnRegistry *found, Error *err) {
    const Loader *loader = load->loader;
    const IngestReceiver *receiver = loader->options->receiver;
    ColumnRegistry known;
    bool whole, named = receiver->columns;
    for (int i = 0; i < loader->input_count; i++)
        named = named && loader->inputs[i].format == INGEST_CSV;
    column_registry_init(&known);
    Status status = STATUS_OK;
    for (int i = 0, column; i < receiver->column_count && status == STATUS_OK; i++)
        status = column_registry_add(&known, receiver->columns[i].name, strlen(receiver->columns[i].name),
                                     &column, err);
    if (status == STATUS_OK)
        status = profile(load, named ? 1 : 0, receiver->columns ? &known : NULL, found, &whole, err);
    column_registry_deinit(&known);
    return status;
}

static Status load_received(TextLoad *load, Error *err) {
    Loader *loader = load->loader;
    const IngestReceiver *receiver = loader->options->receiver;
    ColumnRegistry found, columns;
    TableColumn *chosen;
    int count;
    TRY(find_occurring(load, &found, err));
    TableColumn *wanted = ARENA_NEW_ARRAY(&loader->arena, TableColumn, found.count + 1);
    for (int i = 0; i < found.count; i++)
        wanted[i] = (TableColumn){.name = arena_strdup(&loader->arena, found.columns[i].name),
                                  .type = column_profile_type(&found.columns[i].profile),
                                  .nullable = true};
    Status status = load_receiver_columns(loader, wanted, found.count, &chosen, &count, err);
    column_registry_deinit(&found);
    TRY(status);
    SqlType *types = ARENA_NEW_ARRAY(&loader->arena, SqlType, count + 1);
    column_registry_init(&columns);
    for (int i = 0, column; i < count && status == STATUS_OK; i++) {
        types[i] = chosen[i].type;
        status = column_registry_add(&columns, chosen[i].name, strlen(chosen[i].name), &column, err);
    }
    for (bool conflict = true; conflict && status == STATUS_OK;) {
        status = receiver->begin(receiver->context, chosen, count, err);
        if (status == STATUS_OK)
            status = write(load, &columns, types, NULL, receiver->columns != NULL, &conflict, err);
    }
    column_registry_deinit(&columns);
    return status;
}

Status load_text(Loader *loader, Error *err) {
    TextLoad load = {.loader = loader, .json_lines = true};
    if (loader->options->receiver) return load_received(&load, err);
    bool fixed = loader->options->mode == INGEST_APPEND || loader->options->columns;
    return fixed ? load_fixed(&load, err) : load_found(&load, err);
}
