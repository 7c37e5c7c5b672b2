#include "engines/columnar/dml/table_options.h"

#include <stdio.h>

static const char *option_value(Arena *arena, const PgQuery__Node *arg) {
    if (!arg) return "true";
    switch (arg->node_case) {
    case PG_QUERY__NODE__NODE_STRING: return arg->string->sval;
    case PG_QUERY__NODE__NODE_INTEGER: return arena_printf(arena, "%d", arg->integer->ival);
    case PG_QUERY__NODE__NODE_FLOAT: return arg->float_->fval;
    case PG_QUERY__NODE__NODE_BOOLEAN: return arg->boolean->boolval ? "true" : "false";
    case PG_QUERY__NODE__NODE_TYPE_NAME: /* a bare word: month, none ... */
        return arg->type_name->n_names > 0 && arg->type_name->names[arg->type_name->n_names - 1]->node_case ==
                                                  PG_QUERY__NODE__NODE_STRING
                   ? arg->type_name->names[arg->type_name->n_names - 1]->string->sval
                   : NULL;
    default: return NULL;
    }
}

Status table_options_read(Binder *binder, PgQuery__Node *const *options, size_t count, TableOptions *out,
                          Error *err) {
    Arena *arena = binder->arena;
    *out = (TableOptions){0};
    out->properties = ARENA_NEW_ARRAY(arena, PropertyPair, count + 1);
    for (size_t i = 0; i < count; i++) {
        const PgQuery__DefElem *option = options[i]->def_elem;
        const char *value = option_value(arena, option->arg), *name = option->defname;
        int position = binder_position(binder, option->location);
        if (option->defnamespace && *option->defnamespace)
            name = arena_printf(arena, "%s.%s", option->defnamespace, name);
        if (!value)
            return error_set_at(err, SQLSTATE_INVALID_PARAMETER, position,
                                "invalid value for parameter \"%s\"", name);
        if (strcmp(name, "engine") == 0) continue; /* the router's: it brought the statement here */
        if (strcmp(name, "partitioning") == 0)
            out->partitioning = arena_strdup(arena, value);
        else if (strcmp(name, "sort_order") == 0)
            out->sort_order = arena_strdup(arena, value);
        else if (strchr(name, '.'))
            out->properties[out->property_count++] =
                (PropertyPair){arena_strdup(arena, name), arena_strdup(arena, value)};
        else
            return error_set_at(err, SQLSTATE_INVALID_PARAMETER, position, "unrecognized parameter \"%s\"",
                                name);
    }
    return STATUS_OK;
}

bool table_options_any(const TableOptions *options) {
    return options->partitioning || options->sort_order || options->property_count > 0;
}

Status table_options_apply(const TableOptions *options, TableChange *change, Error *err) {
    if (options->partitioning) TRY(table_change_set_partitioning(change, options->partitioning, err));
    if (options->sort_order) TRY(table_change_set_sort_order(change, options->sort_order, err));
    for (int i = 0; i < options->property_count; i++)
        TRY(table_change_set_property(change, options->properties[i].key, options->properties[i].value, err));
    return STATUS_OK;
}
