/* Names to tables. How a written name is read, in this order:
 *
 *   engine.schema.name   that table, nowhere else
 *   engine.name          the engine's default schema, unless the engine has none and some engine has a schema
 *                        called like it with such a table
 *   schema.name          that schema in whichever engine has it
 *   name                 the default schema of whichever engine has it
 *   pg_*, pg_catalog.*, information_schema.*   PostgreSQL's system catalogs, when no table is called so
 *
 * In several engines: the engine that is forced; else, for reads, the copies that [placements] declares
 * (placements.h); else 42P09 with the full names to choose from. WITH queries hide tables of their names. A
 * view is a table of the engine that has it and is not expanded: what it reads is that engine's business, and
 * so are the rights to it.
 *
 * When every table lives in one engine, engine names are taken off the text (blanked, so that positions
 * stay), because an engine does not know its own name. When several engines take part, only the columnar
 * engine can run the statement; it reads the names as written, from the bindings.
 */
#pragma once

#include "router/features.h"
#include "router/registry.h"

typedef struct ResolvedUse {
    const RegistryTable *entry; /* NULL: a system catalog, a new table, or unknown where that is allowed */
    int engine;                 /* where it lives or will be made, -1 = not said */
    bool engine_written;        /* its first part is an engine's name */
    bool is_catalog;
    const RegistryTable *const *copies; /* by engine index, NULL where there is none; NULL: one placement */
} ResolvedUse;

typedef struct Resolution {
    ResolvedUse *uses; /* one per Features.tables */
    int count;
    int home;   /* index of the one engine that has every table; -1 = none named, -2 = several */
    int target; /* engine of the write or DDL target, -1 = none known */
    bool uses_catalog;
    bool unresolved; /* some existing table is not known, and was let through */
    bool engine_written;
} Resolution;

enum { RESOLUTION_NO_ENGINE = -1, RESOLUTION_SEVERAL = -2 };

/* `forced` is an engine index or -1. Errors: 42P01 with a hint, 42P09. */
Status resolve_tables(const RegistrySnapshot *snapshot, const Features *features, const char *sql,
                      size_t sql_length, int forced, Arena *arena, Resolution *out, Error *err);

/* The text with every engine's name before a table (and in table.column references) blanked out, or `sql`
 * itself. */
const char *resolve_blank_engines(const Features *features, const Resolution *resolution, const char *sql,
                                  size_t sql_length, Arena *arena, size_t *out_length);
/* One binding per distinct written name. */
void resolve_bindings(const Features *features, const Resolution *resolution, Arena *arena,
                      const TableBinding **out, int *out_count);
