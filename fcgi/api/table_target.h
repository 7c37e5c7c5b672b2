/* The table a path names: {t} is a name, schema.name or engine.schema.name. */
#pragma once

#include "fcgi/api/api_internal.h"

typedef struct TableTarget {
    Engine *engine;
    const char *schema; /* NULL = the engine's default (only for tables that are not there) */
    const char *name;
    bool exists;
    const TableDesc *desc; /* a copy in the exchange's arena; NULL when it does not exist */
} TableTarget;

bool table_is_called(const RegistryTable *entry, const char *wanted);
/* `engine_name` NULL = the columnar placement, else the first there is; of a table that is not there: the
 * columnar engine. Fails (SB002) when there is no such engine. */
Status table_target_find(Api *api, Exchange *exchange, const char *wanted, const char *engine_name,
                         TableTarget *out, Error *err);
/* For who has no exchange. */
Status table_target_find_in(Api *api, Arena *arena, const char *wanted, const char *engine_name,
                            TableTarget *out, Error *err);
/* Replies what there is to say of a table (tables.c), 404 when there is none. Workers only. */
void table_reply(Api *api, Exchange *exchange, const char *wanted, int http_status);
/* 404 with 42P01. */
void table_target_reply_missing(Exchange *exchange, const char *wanted);
/* "schema"."name", as the target's engine is asked for it in SQL that the router reads. */
void table_target_append_name(StrBuf *out, const TableTarget *target);
