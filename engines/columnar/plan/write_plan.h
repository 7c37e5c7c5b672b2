/* What a statement that writes does with the rows of its plan. The plan's root gives, in this order:
 *
 *   file, position   where the row of the target stands that is updated or deleted (NULL: none; MERGE)
 *   action           MERGE: which WriteAction, as int4
 *   values           one per column of the target: INSERT, UPDATE, MERGE, CREATE TABLE AS
 *   returning        the columns of RETURNING
 *
 * `file` is an index into TableVersion.files of the target, `position` the row's number in that file. Made by
 * bind_write.c and its kin, carried out by dml/.
 */
#pragma once

#include "engines/columnar/plan/plan.h"

typedef enum WriteKind { WRITE_INSERT, WRITE_UPDATE, WRITE_DELETE, WRITE_MERGE, WRITE_CREATE_AS } WriteKind;

typedef enum WriteAction { ACTION_NOTHING, ACTION_INSERT, ACTION_UPDATE, ACTION_DELETE } WriteAction;

typedef struct WritePlan {
    WriteKind kind;
    const char *namespace_name, *name;
    TableVersion *target; /* NULL: CREATE TABLE AS. Held by the plan */
    const TableColumn *columns;
    int column_count;
    int file_column; /* among the root's; `position` is the next. -1 = none */
    int action_column;
    int value_column;
    int returning_column, returning_count;
    bool whole_table;    /* DELETE of every row: nothing needs to be read */
    bool if_not_exists;  /* CREATE TABLE AS */
    bool without_data;   /* ... WITH NO DATA */
    const void *options; /* CREATE TABLE AS: PgQuery__IntoClause of the statement */
} WritePlan;
