/* Columns of an existing table that an append needs: added, or widened where every stored value stays what it
 * is. */
#include <string.h>

#include "engines/columnar/iceberg/table_change.h"
#include "engines/columnar/ingest/loader.h"

static const TableColumn *find(const TableVersion *target, const char *name) {
    for (int i = 0; i < target->column_count; i++)
        if (strcmp(target->columns[i].name, name) == 0) return &target->columns[i];
    for (int i = 0; i < target->column_count; i++)
        if (strcasecmp(target->columns[i].name, name) == 0) return &target->columns[i];
    return NULL;
}

/* The type that the column needs to hold what was found as well; its own when no wider one does. */
static SqlType widened(SqlType have, SqlType found, const ColumnProfile *profile) {
    bool small = sqltype_is(have, SQL_INT2) || sqltype_is(have, SQL_INT4);
    if (small && sqltype_is(found, SQL_INT8)) return found;
    if (sqltype_is(have, SQL_INT2) && sqltype_is(found, SQL_INT4)) return found;
    if (sqltype_is(have, SQL_FLOAT4) && sqltype_is(found, SQL_FLOAT8) && !profile) return found;
    bool number = sqltype_is(found, SQL_NUMERIC) || sqltype_is_integer(found);
    if (!sqltype_is(have, SQL_NUMERIC) || have.precision == 0 || !number) return have;
    int whole = profile                          ? profile->max_integer_digits
                : sqltype_is(found, SQL_NUMERIC) ? found.precision - found.scale
                                                 : 0;
    int precision = whole + have.scale;
    if (precision <= have.precision || precision > NUMERIC_MAX_PRECISION) return have;
    return sqltype_numeric(precision, have.scale);
}

static void keep_change(Loader *loader, const char *column, bool added, SqlType from, SqlType to) {
    loader->changes[loader->change_count++] = (IngestSchemaChange){
        .column = arena_strdup(&loader->rejects.arena, column), .added = added, .from = from, .to = to};
}

static Status change_columns(Loader *loader, TableChange *change, const TableColumn *found, int count,
                             const ColumnRegistry *profiles, Error *err) {
    const TableVersion *target = table_change_target(change);
    for (int i = 0; i < count; i++) {
        const TableColumn *column = find(target, found[i].name);
        if (!column) {
            TRY(table_change_add_column(change, &found[i], NULL, false, err));
            keep_change(loader, found[i].name, true, found[i].type, found[i].type);
            target = table_change_target(change);
            continue;
        }
        SqlType from = column->type,
                to = widened(from, found[i].type, profiles ? &profiles->columns[i].profile : NULL);
        if (sqltype_equals(from, to)) continue;
        keep_change(loader, column->name, false, from, to);
        TRY(table_change_widen_column(change, loader->changes[loader->change_count - 1].column, to, err));
        target = table_change_target(change);
    }
    return STATUS_OK;
}

Status load_evolve(Loader *loader, const TableColumn *found, int count, const ColumnRegistry *profiles,
                   Error *err) {
    const IngestOptions *options = loader->options;
    TableChange *change;
    loader->change_count = 0;
    loader->changes = ARENA_NEW_ARRAY(&loader->rejects.arena, IngestSchemaChange, count + 1);
    TRY(table_change_begin_latest(loader->catalog, options->namespace_name, options->table, &change, err));
    if (change_columns(loader, change, found, count, profiles, err) != STATUS_OK) {
        table_change_abort(change);
        return STATUS_ERROR;
    }
    if (options->replace_rows) table_change_remove_all(change);
    return table_append_begin_change(change, &loader->append, err);
}
