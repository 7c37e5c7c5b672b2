/* The MySQL/MariaDB engine's own struct, shared by its files. */
#pragma once

#include "engines/engine.h"
#include "engines/mysql/dialect.h"
#include "engines/mysql/mysql_call.h"
#include "engines/mysql/mysql_catalog.h"

typedef struct MysqlEngine {
    Engine base;
    EngineConfig config;
    char *name;
    MysqlPool pool;
    MysqlCatalog catalog;
    _Atomic int64_t pinged_at_ns;
    _Atomic bool pinging;
    pthread_mutex_t health_lock;
    EngineHealth health;
} MysqlEngine;

typedef struct MysqlPlan {
    EnginePlan base;
    Arena arena;
    DialectText text;
    bool is_read;
    char command[32];
} MysqlPlan;

/* From information_schema.columns: data_type, column_type, character_maximum_length, numeric_precision,
 * numeric_scale. */
SqlType mysql_column_type(const char *data_type, const char *full_type, int length, int precision, int scale);
Status mysql_intake(Engine *engine, const TableIntake *intake, TableIntakeResult *result, Error *err);
Status mysql_probe(Engine *engine, double out[ENGINE_CONSTANT_COUNT], Error *err);
Status mysql_describe(Engine *engine, Arena *arena, TableList *out, Error *err);
Status mysql_plan(Engine *engine, const Statement *statement, EngineVerdict *verdict, EnginePlan **out,
                  Error *err);
Status mysql_execute(Engine *engine, EnginePlan *plan, Execution *execution, ArrowArrayStream *out,
                     Error *err);
Status mysql_scan(Engine *engine, const ScanRequest *request, Execution *execution, ArrowArrayStream *out,
                  uint64_t *applied, Error *err);
/* Runs `sql` with `params` (already in the order of its "?", each to be read as types[i]) and streams the
 * rows. `numbers` (may be NULL) are the parameters' 0-based numbers in the user's statement, for messages. */
Status mysql_run(MysqlEngine *engine, const char *sql, const Param *params, const SqlType *types,
                 const int *numbers, int param_count, const SqlType *wanted, int wanted_count,
                 const char *command, bool is_read, Execution *execution, ArrowArrayStream *out, Error *err);
