/* Arrays, rows and jsonb as keys. Sorts and joins compare the bytes of "$order_key" instead. Groups do, too,
 * unless equal values of the type have equal bytes anyway; the value shown is then the group's first. */
#include "engines/columnar/plan/bind_nested.h"

static bool is_nested(SqlType type) {
    return type.is_array || type.id == SQL_JSONB || type.id == SQL_RECORD;
}

/* Equal values have one form: their blobs may be compared as they are. */
static bool bytes_tell(SqlType type) {
    if (!is_nested(type)) return true;
    if (!type.is_array) return false;
    switch ((SqlTypeId)type.id) {
    case SQL_NUMERIC:
    case SQL_FLOAT4:
    case SQL_FLOAT8:
    case SQL_INTERVAL:
    case SQL_BPCHAR:
    case SQL_JSONB:
    case SQL_RECORD: return false;
    default: return true;
    }
}

Expr *nested_order_key(Binder *binder, Expr *key) {
    if (!is_nested(key->type)) return key;
    return nested_call(binder, "$order_key", sqltype_of(SQL_BYTEA), &key, 1, key->position);
}

Expr *nested_equality_key(Binder *binder, Expr *key) {
    return bytes_tell(key->type) ? key : nested_order_key(binder, key);
}

Status nested_check_key(const Expr *key, bool ordering, Error *err) {
    SqlTypeId id = (SqlTypeId)key->type.id;
    if (id != SQL_JSON) return STATUS_OK;
    (void)error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, key->position,
                       "could not identify an %s operator for type %s", ordering ? "ordering" : "equality",
                       key->type.is_array ? "json[]" : "json");
    return ordering ? error_add_hint(err, "Use an explicit ordering operator or modify the query.")
                    : STATUS_ERROR;
}

/* ---- groups ---------------------------------------------------------------------------------------------
 */

static Status first_of_group(Binder *binder, Expr *value, AggregateCall *out, Error *err) {
    const AggregateFunction *found[8];
    int count = aggregate_candidates("array_agg", found, 8);
    for (int i = 0; i < count && i < 8; i++) {
        if (found[i]->arg_count != 1) continue;
        *out = (AggregateCall){.function = found[i],
                               .args = arena_memdup(binder->arena, &value, sizeof value),
                               .arg_count = 1,
                               .type = sqltype_array_of(value->type)};
        return STATUS_OK;
    }
    return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, value->position,
                        "grouping by this type is not available in the columnar engine");
}

/* Rewrites an aggregate's groups of such types; `above` becomes the projection that gives its columns back,
 * or stays NULL when there were none. */
Status nested_group_keys(Binder *binder, Rel *aggregate, Rel **above, Error *err) {
    *above = NULL;
    for (int g = 0; g < aggregate->exprs.count; g++) {
        Expr *value = aggregate->exprs.items[g];
        TRY(nested_check_key(value, false, err));
        if (bytes_tell(value->type)) continue;
        if (aggregate->grouping_set_count > 0)
            return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, value->position,
                                "grouping by this type is not available in the columnar engine");
        if (!*above) {
            *above = rel_new(binder, PLAN_PROJECT, 1);
            (*above)->inputs[0] = aggregate;
            (*above)->rows = aggregate->rows;
            for (int i = 0; i < aggregate->ids.count; i++) {
                id_list_add(binder->arena, &(*above)->ids, aggregate->ids.items[i]);
                expr_list_add(binder->arena, &(*above)->exprs, expr_column(binder, aggregate->ids.items[i]));
            }
            IdList ids = {0}; /* the lists may be shared with the tree */
            ExprList exprs = {0};
            for (int i = 0; i < aggregate->ids.count; i++)
                id_list_add(binder->arena, &ids, aggregate->ids.items[i]);
            for (int i = 0; i < aggregate->exprs.count; i++)
                expr_list_add(binder->arena, &exprs, aggregate->exprs.items[i]);
            aggregate->ids = ids;
            aggregate->exprs = exprs;
            AggregateCall *calls = ARENA_NEW_ARRAY(binder->arena, AggregateCall,
                                                   aggregate->call_count + aggregate->exprs.count + 1);
            if (aggregate->call_count)
                memcpy(calls, aggregate->calls, sizeof *calls * (size_t)aggregate->call_count);
            aggregate->calls = calls;
        }
        AggregateCall *call = &aggregate->calls[aggregate->call_count++];
        Expr *boxed = value; /* an array of arrays would be another thing */
        if (value->type.is_array) boxed = nested_call(binder, "$row", sqltype_of(SQL_RECORD), &value, 1, 0);
        TRY(first_of_group(binder, boxed, call, err));
        int first = binder_add_column(binder, "first", call->type, true);
        int key = binder_add_column(binder, "key", sqltype_of(SQL_BYTEA), true);
        id_list_add(binder->arena, &aggregate->ids, first);
        aggregate->ids.items[g] = key;
        aggregate->exprs.items[g] = nested_order_key(binder, value);
        Expr *args[2] = {expr_column(binder, first), constant_int(binder->arena, 1, sqltype_of(SQL_INT4))};
        Expr *shown = nested_call(binder, "$subscript", boxed->type, args, 2, 0);
        if (boxed != value) {
            Expr *field[2] = {shown, constant_int(binder->arena, 0, sqltype_of(SQL_INT4))};
            shown = nested_call(binder, "$field", value->type, field, 2, 0);
        }
        (*above)->exprs.items[g] = shown;
    }
    return STATUS_OK;
}

/* DISTINCT inside an aggregate compares its argument's bytes: only count() does not show them. */
Status nested_distinct_call(Binder *binder, AggregateCall *call, Error *err) {
    for (int a = 0; call->distinct && a < call->arg_count; a++) {
        Expr *arg = call->args[a];
        TRY(nested_check_key(arg, false, err));
        if (bytes_tell(arg->type)) continue;
        if (strcmp(call->function->name, "count") != 0)
            return error_set_at(
                err, SQLSTATE_FEATURE_NOT_SUPPORTED, arg->position,
                "DISTINCT over this type in an aggregate is not available in the columnar engine");
        call->args[a] = nested_order_key(binder, arg);
    }
    return STATUS_OK;
}

Status nested_check_set(const Binder *binder, const IdList *ids, Error *err) {
    for (int i = 0; i < ids->count; i++)
        if (!bytes_tell(binder->columns[ids->items[i]].type) ||
            binder->columns[ids->items[i]].type.id == SQL_JSON)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "set operations over this type are not available in the columnar engine");
    return STATUS_OK;
}
