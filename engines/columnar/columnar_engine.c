/* The columnar engine as the rest of the house sees it: EngineOps over catalog, planner and executor.
 *
 * A plan pins the table versions it was made for. Before each run their metadata locations are compared with
 * the catalog's; when a table has moved on, the statement is planned again and the new plan takes the old
 * one's place. Streams still running keep the plan they started with. */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "engines/columnar/catalog_intake.h"
#include "engines/columnar/dml/dml.h"
#include "engines/columnar/columnar_copy.h"
#include "engines/columnar/columnar_probe.h"
#include "engines/base/block_pool.h"
#include "engines/columnar/exec/arrow_export.h"
#include "engines/columnar/exec/executor.h"
#include "engines/columnar/exec/spill.h"
#include "engines/columnar/iceberg/table_pins.h"
#include "engines/columnar/files/file_tables.h"
#include "engines/columnar/iceberg/append_group.h"
#include "engines/columnar/kernels/plugin_functions.h"
#include "engines/columnar/maintain/background.h"
#include "engines/columnar/maintain/compaction_rows.h"
#include "engines/columnar/parquet/parquet_reader.h"
#include "engines/columnar/plan_marker.h"

typedef struct ColumnarEngine {
    Engine base;
    char *name;
    TableCatalog *catalog;
    ThreadPool *workers;
    Budget budget;
    ExecutorResources resources;
    char *spill_directory;
    FileTables *files;
    MaintenanceBackground *maintenance;               /* NULL unless serving */
    MaintenanceBackgroundOptions maintenance_options; /* interval 0: off */
    _Atomic uint64_t statement_count;
    uint64_t idle_since_count; /* columnar_release_idle's: the count it saw last, and how often */
    int idle_seconds;
} ColumnarEngine;

/* One Plan, shared by an EnginePlan and the streams that run it. */
typedef struct SharedPlan {
    _Atomic int references;
    Plan *plan;
} SharedPlan;

typedef struct ColumnarPlan {
    EnginePlan base;
    pthread_mutex_t lock; /* guards `current` */
    SharedPlan *current;
    PlanCommand command; /* in place of a plan */
    Arena command_arena;
    bool is_copy;
    bool is_table_command; /* in place of a plan: read off the statement */
    bool writes;           /* the plan's rows are for dml/ */
} ColumnarPlan;

/* ---- shared plans
 * ----------------------------------------------------------------------------------------------- */

static SharedPlan *shared_plan_make(Plan *plan) {
    SharedPlan *shared = calloc(1, sizeof *shared);
    if (!shared) abort();
    shared->references = 1;
    shared->plan = plan;
    return shared;
}

static void shared_plan_release(SharedPlan *shared) {
    if (!shared || atomic_fetch_sub(&shared->references, 1) > 1) return;
    plan_destroy(shared->plan);
    free(shared);
}

static SharedPlan *current_plan(ColumnarPlan *plan) {
    pthread_mutex_lock(&plan->lock);
    SharedPlan *shared = plan->current;
    atomic_fetch_add(&shared->references, 1);
    pthread_mutex_unlock(&plan->lock);
    return shared;
}

static void columnar_plan_destroy(EnginePlan *base) {
    ColumnarPlan *plan = (ColumnarPlan *)base;
    shared_plan_release(plan->current);
    if (plan->command.kind != COMMAND_NONE) arena_deinit(&plan->command_arena);
    pthread_mutex_destroy(&plan->lock);
    free(plan);
}

/* ---- a stream that keeps its plan alive
 * -------------------------------------------------------------------------- */

typedef struct HeldStream {
    ArrowArrayStream inner;
    ColumnarEngine *engine;
    SharedPlan *plan;
    int *pins;   /* its snapshots are being read: no process deletes their files */
    char *error; /* in place of the inner stream's */
} HeldStream;

/* The snapshots a plan reads, held from before it runs until unpin. */
static int *pin_plan(ColumnarEngine *engine, const Plan *plan) {
    int *pins = calloc((size_t)plan->version_count + 1, sizeof *pins);
    if (!pins) abort();
    table_pins_hold(table_catalog_pins(engine->catalog), plan->versions, plan->version_count, pins);
    return pins;
}

static void unpin_plan(ColumnarEngine *engine, const Plan *plan, int *pins) {
    table_pins_release(table_catalog_pins(engine->catalog), pins, plan->version_count);
    free(pins);
}

static Status is_current(ColumnarEngine *engine, const Plan *plan, bool *current, Error *err);

static int held_schema(ArrowArrayStream *stream, ArrowSchema *out) {
    HeldStream *held = stream->private_data;
    return held->inner.get_schema(&held->inner, out);
}

/* A file that is not there belongs, mostly, to a table dropped since the plan was made. */
static void explain_missing_file(HeldStream *held) {
    const char *text = held->inner.get_last_error(&held->inner);
    bool current = true;
    Error err = {0};
    if (!text || strncmp(text, SQLSTATE_UNDEFINED_FILE ":", sizeof SQLSTATE_UNDEFINED_FILE) != 0 ||
        held->error)
        return;
    bool known = is_current(held->engine, held->plan->plan, &current, &err) == STATUS_OK;
    if (known ? current : strcmp(err.sqlstate, SQLSTATE_UNDEFINED_TABLE) != 0) return;
    const char *message = strchr(text + sizeof SQLSTATE_UNDEFINED_FILE, ':');
    if (asprintf(&held->error,
                 "%s:0:a table was dropped or replaced while it was read, run the statement again%s",
                 SQLSTATE_SERIALIZATION_FAILURE, message ? message : "") < 0)
        held->error = NULL;
}

static int held_next(ArrowArrayStream *stream, ArrowArray *out) {
    HeldStream *held = stream->private_data;
    int code = held->inner.get_next(&held->inner, out);
    if (code) explain_missing_file(held);
    return code;
}

static const char *held_last_error(ArrowArrayStream *stream) {
    HeldStream *held = stream->private_data;
    return held->error ? held->error : held->inner.get_last_error(&held->inner);
}

static void held_release(ArrowArrayStream *stream) {
    HeldStream *held = stream->private_data;
    arrow_stream_release(&held->inner);
    unpin_plan(held->engine, held->plan->plan, held->pins);
    shared_plan_release(held->plan);
    free(held->error);
    free(held);
    stream->release = NULL;
}

/* Takes the inner stream, one reference to the plan and the plan's pins. */
static void hold_stream(ColumnarEngine *engine, ArrowArrayStream *inner, SharedPlan *plan, int *pins,
                        ArrowArrayStream *out) {
    HeldStream *held = calloc(1, sizeof *held);
    if (!held) abort();
    held->inner = *inner;
    held->engine = engine;
    held->plan = plan;
    held->pins = pins;
    *out = (ArrowArrayStream){.get_schema = held_schema,
                              .get_next = held_next,
                              .get_last_error = held_last_error,
                              .release = held_release,
                              .private_data = held};
}

/* ---- open, close, describe
 * ----------------------------------------------------------------------------------------- */

static void columnar_close(Engine *base) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    maintenance_background_stop(engine->maintenance);
    if (engine->workers) threadpool_destroy(engine->workers);
    file_tables_close(engine->files);
    if (engine->catalog) table_catalog_close(engine->catalog);
    budget_deinit(&engine->budget);
    free(engine->spill_directory);
    free(engine->name);
    free(engine);
}

/* Three quarters of the machine when nothing is configured. */
static int64_t default_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (int64_t)pages * page_bytes / 4 * 3 : (int64_t)4 << 30;
}

/* A warehouse that can only be read still answers what fits in memory. */
static void clean_spill_directory(const ColumnarEngine *engine) {
    Error failure = {0};
    if (spill_directory_prepare(engine->spill_directory, &failure) != STATUS_OK)
        log_warn("columnar.spill", "error=\"%s\"", failure.message);
}

static Status columnar_open(const EngineConfig *config, Engine **out, Error *err) {
    ColumnarEngine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory while opening engine %s", config->name);
    engine->name = strdup(config->name);
    engine->base = (Engine){.ops = &columnar_engine_ops, .name = engine->name};
    budget_init(&engine->budget, NULL, config->memory_bytes > 0 ? config->memory_bytes : default_memory());
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = config->threads > 0 ? config->threads : cores > 0 ? (int)cores : 1;
    Status status = plugins_load(config->plugins, err);
    if (status == STATUS_OK)
        status = table_catalog_open(config->catalog, config->directory, &engine->catalog, err);
    if (status == STATUS_OK) status = threadpool_create(&engine->workers, "columnar", threads, err);
    if (status == STATUS_OK && asprintf(&engine->spill_directory, "%s/spill", config->directory) < 0) {
        engine->spill_directory = NULL;
        status =
            error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory while opening engine %s", config->name);
    }
    if (status != STATUS_OK) {
        columnar_close(&engine->base);
        return STATUS_ERROR;
    }
    engine->files = file_tables_open(config->file_directories, engine->spill_directory, &engine->budget);
    if (config->cache_bytes > 0) parquet_cache_configure(config->cache_bytes);
    block_pool_configure(engine->budget.limit_bytes / 8, engine->budget.limit_bytes);
    if (config->spill) clean_spill_directory(engine);
    engine->resources = (ExecutorResources){.workers = engine->workers,
                                            .budget = &engine->budget,
                                            .spill_directory = config->spill ? engine->spill_directory : NULL,
                                            .spill_limit_bytes = config->spill_limit_bytes,
                                            .query_memory_bytes = config->query_memory_bytes};
    append_group_set_window(engine->catalog, config->insert_window_ms);
    engine->maintenance_options = (MaintenanceBackgroundOptions){
        .interval_ms = config->maintenance ? config->maintenance_interval_ms : 0,
        .warehouse = config->directory,
        .spill_directory = engine->resources.spill_directory,
        .memory_bytes = config->maintenance_memory_bytes};
    *out = &engine->base;
    return STATUS_OK;
}

static void describe_table(const TableVersion *version, Arena *arena, TableDesc *out) {
    ColumnDesc *columns = ARENA_NEW_ARRAY(arena, ColumnDesc, version->column_count + 1);
    char scratch[SQLTYPE_NAME_BYTES];
    for (int c = 0; c < version->column_count; c++) {
        const TableColumn *column = &version->columns[c];
        columns[c] = (ColumnDesc){.name = arena_strdup(arena, column->name),
                                  .type = column->type,
                                  .type_name = arena_strdup(arena, sqltype_short_name(column->type, scratch)),
                                  .nullable = column->nullable,
                                  .distinct = -1};
    }
    *out = (TableDesc){.schema = arena_strdup(arena, version->namespace_name),
                       .name = arena_strdup(arena, version->name),
                       .kind = "table",
                       .columns = columns,
                       .column_count = version->column_count,
                       .row_estimate = (double)version->row_count,
                       .bytes = version->bytes};
}

static Status describe_views(ColumnarEngine *engine, Arena *arena, TableList *out, Error *err) {
    Definition *views = NULL;
    int count = 0;
    char scratch[SQLTYPE_NAME_BYTES];
    TRY(table_catalog_definitions(engine->catalog, DEFINITION_VIEW, NULL, arena, &views, &count, err));
    TableDesc *tables = ARENA_NEW_ARRAY(arena, TableDesc, out->count + count + 1);
    if (out->count) memcpy(tables, out->tables, sizeof *tables * (size_t)out->count);
    out->tables = tables;
    for (int i = 0; i < count; i++) {
        PlanColumn *columns = NULL;
        int column_count = 0;
        Error failure = {0};
        if (plan_view_columns(&engine->base, engine->catalog, views[i].name, arena, &columns, &column_count,
                              &failure) != STATUS_OK)
            log_warn("columnar.describe", "view=%s error=\"%s\"", views[i].name, failure.message);
        ColumnDesc *described = ARENA_NEW_ARRAY(arena, ColumnDesc, column_count + 1);
        for (int c = 0; c < column_count; c++)
            described[c] =
                (ColumnDesc){.name = columns[c].name,
                             .type = columns[c].type,
                             .type_name = arena_strdup(arena, sqltype_short_name(columns[c].type, scratch)),
                             .nullable = true,
                             .distinct = -1};
        tables[out->count++] = (TableDesc){.schema = views[i].namespace_name,
                                           .name = views[i].name,
                                           .kind = "view",
                                           .columns = described,
                                           .column_count = column_count,
                                           .row_estimate = -1};
    }
    return STATUS_OK;
}

static Status columnar_describe(Engine *base, Arena *arena, TableList *out, Error *err) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    TableName *names = NULL;
    int count = 0;
    TRY(table_catalog_list(engine->catalog, arena, &names, &count, err));
    *out = (TableList){.tables = ARENA_NEW_ARRAY(arena, TableDesc, count + 1), .default_schema = "default"};
    for (int i = 0; i < count; i++) {
        TableVersion *version = NULL;
        Error failure = {0};
        /* One broken table does not hide the others. */
        if (table_catalog_load(engine->catalog, names[i].namespace_name, names[i].name, &version, &failure) !=
            STATUS_OK) {
            log_warn("columnar.describe", "table=%s.%s error=\"%s\"", names[i].namespace_name, names[i].name,
                     failure.message);
            if (strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) continue; /* dropped since */
            /* Listed without columns: a statement on it comes here and is told what is wrong. */
            out->tables[out->count++] = (TableDesc){
                .schema = arena_strdup(arena, names[i].namespace_name),
                .name = arena_strdup(arena, names[i].name),
                .kind = "table",
                .row_estimate = -1,
                .bytes = -1,
            };
            continue;
        }
        describe_table(version, arena, &out->tables[out->count++]);
        table_version_release(version);
    }
    return describe_views(engine, arena, out, err);
}

/* ---- plan
 * ----------------------------------------------------------------------------------------------------------
 */

static Status open_files(void *files, const FileRequest *request, TableVersion **out, Error *err) {
    return file_tables_load(files, request, out, err);
}

static PlanTableSource plan_source(ColumnarEngine *engine) {
    PlanTableSource source = plan_catalog_source(engine->catalog);
    source.open_files = open_files;
    source.files_context = engine->files;
    return source;
}

static Status plan_anew(ColumnarEngine *engine, const Statement *statement, Plan **out, Error *err) {
    PlanTableSource source = plan_source(engine);
    return plan_statement_from(&engine->base, &source, statement, out, err);
}

static void verdict_declined(const Error *failure, EngineVerdict *verdict) {
    snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", failure->sqlstate);
    snprintf(verdict->why, sizeof verdict->why, "%.250s", failure->message);
    verdict->position = failure->position;
}

static ColumnarPlan *columnar_plan_make(Engine *base, const Statement *statement) {
    ColumnarPlan *made = calloc(1, sizeof *made);
    if (!made) abort();
    made->base = (EnginePlan){
        .references = 1, .engine = base, .statement = statement, .destroy = columnar_plan_destroy};
    pthread_mutex_init(&made->lock, NULL);
    return made;
}

static DmlContext dml_context(ColumnarEngine *engine) {
    return (DmlContext){.self = &engine->base,
                        .catalog = engine->catalog,
                        .resources = &engine->resources,
                        .rewriter = compaction_rewriter(&engine->resources)};
}

static CopyContext copy_context(ColumnarEngine *engine) {
    return (CopyContext){.dml = dml_context(engine), .files = engine->files, .source = plan_source(engine)};
}

/* *out stays NULL when the statement is no COPY. */
static Status plan_copy(ColumnarEngine *engine, const Statement *statement, EngineVerdict *verdict,
                        EnginePlan **out, Error *err) {
    CopyContext context = copy_context(engine);
    int64_t rows;
    if (!copy_of(statement)) return STATUS_OK;
    TRY(copy_run(&context, statement, true, NULL, &rows, err));
    ColumnarPlan *made = columnar_plan_make(&engine->base, statement);
    made->is_copy = true;
    verdict->eligible = true;
    *out = &made->base;
    return STATUS_OK;
}

/* CREATE, DROP, ALTER TABLE, TRUNCATE. *out stays NULL when the statement is none. */
static Status plan_table_command(ColumnarEngine *engine, const Statement *statement, EngineVerdict *verdict,
                                 EnginePlan **out, Error *err) {
    DmlContext context = dml_context(engine);
    bool handled = false;
    TRY(dml_command(&context, statement, true, &handled, NULL, NULL, err));
    if (!handled) return STATUS_OK;
    ColumnarPlan *made = columnar_plan_make(&engine->base, statement);
    made->is_table_command = true;
    verdict->eligible = true;
    *out = &made->base;
    return STATUS_OK;
}

/* A definition of a view or a function. *out stays NULL when the statement is none. */
static Status plan_definition(ColumnarEngine *engine, const Statement *statement, EngineVerdict *verdict,
                              EnginePlan **out, Error *err) {
    ColumnarPlan *made = columnar_plan_make(&engine->base, statement);
    arena_init(&made->command_arena);
    Status status =
        plan_command(&engine->base, engine->catalog, statement, &made->command_arena, &made->command, err);
    if (status == STATUS_OK && made->command.kind != COMMAND_NONE) {
        verdict->eligible = true;
        *out = &made->base;
        return STATUS_OK;
    }
    arena_deinit(&made->command_arena);
    made->command.kind = COMMAND_NONE;
    columnar_plan_destroy(&made->base);
    return status;
}

static Status columnar_plan(Engine *base, const Statement *statement, EngineVerdict *verdict,
                            EnginePlan **out, Error *err) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    Error failure = {0};
    Plan *plan = NULL;
    *verdict = (EngineVerdict){.estimate = {.rows = -1}};
    *out = NULL;
    Status status = STATUS_OK;
    if (statement->kind == STATEMENT_WRITE) status = plan_copy(engine, statement, verdict, out, &failure);
    if (statement->kind == STATEMENT_DDL)
        status = plan_table_command(engine, statement, verdict, out, &failure);
    if (statement->kind == STATEMENT_DDL && status == STATUS_OK && !*out)
        status = plan_definition(engine, statement, verdict, out, &failure);
    if (*out) return STATUS_OK;
    if (status == STATUS_OK) status = plan_anew(engine, statement, &plan, &failure);
    if (status != STATUS_OK) {
        if (strcmp(failure.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) != 0) {
            if (err) *err = failure;
            return STATUS_ERROR;
        }
        verdict_declined(&failure, verdict);
        return STATUS_OK;
    }
    ColumnarPlan *made = columnar_plan_make(base, statement);
    made->current = shared_plan_make(plan);
    made->writes = plan->write != NULL;
    verdict->eligible = true;
    PlanSpeed speed = {.threads = threadpool_thread_count(engine->workers),
                       .start = engine_slowness(base, CONSTANT_LATENCY_MS),
                       .scan = engine_slowness(base, CONSTANT_SCANNED_ROW_NS),
                       .hash = engine_slowness(base, CONSTANT_PROBED_ROW_NS)};
    plan_estimate(plan, &speed, &verdict->estimate);
    *out = &made->base;
    return STATUS_OK;
}

/* ---- execute
 * ------------------------------------------------------------------------------------------------------- */

/* Views and functions that were expanded still say what they said. */
static Status definitions_current(ColumnarEngine *engine, const Plan *plan, bool *current, Error *err) {
    Arena arena;
    Status status = STATUS_OK;
    arena_init(&arena);
    for (int i = 0; i < plan->definition_count && *current && status == STATUS_OK; i++) {
        const Definition *used = &plan->definitions[i];
        Definition *found = NULL;
        int count = 0;
        bool same = false;
        status =
            table_catalog_definitions(engine->catalog, used->kind, used->name, &arena, &found, &count, err);
        for (int f = 0; f < count; f++)
            same = same || (strcmp(found[f].signature, used->signature) == 0 &&
                            strcmp(found[f].text, used->text) == 0);
        *current = same;
    }
    arena_deinit(&arena);
    return status;
}

static Status is_current(ColumnarEngine *engine, const Plan *plan, bool *current, Error *err) {
    *current = !plan->reads_moving_past;
    TRY(definitions_current(engine, plan, current, err));
    for (int i = 0; i < plan->version_count && *current; i++) {
        const TableVersion *pinned = plan->versions[i];
        TableVersion *latest = NULL;
        if (file_tables_check(engine->files, pinned, current)) continue;
        TRY(table_catalog_load(engine->catalog, pinned->namespace_name, pinned->name, &latest, err));
        *current = strcmp(latest->metadata_location, pinned->metadata_location) == 0;
        table_version_release(latest);
    }
    return STATUS_OK;
}

/* A reference to a plan over the tables as they are now. */
static Status fresh_plan(ColumnarEngine *engine, ColumnarPlan *plan, SharedPlan **out, Error *err) {
    SharedPlan *shared = current_plan(plan);
    bool current = false;
    Status status = is_current(engine, shared->plan, &current, err);
    if (status == STATUS_OK && current) {
        *out = shared;
        return STATUS_OK;
    }
    shared_plan_release(shared);
    TRY(status);
    Plan *again = NULL;
    TRY(plan_anew(engine, plan->base.statement, &again, err));
    shared = shared_plan_make(again);
    atomic_fetch_add(&shared->references, 1);
    pthread_mutex_lock(&plan->lock);
    SharedPlan *old = plan->current;
    plan->current = shared;
    pthread_mutex_unlock(&plan->lock);
    shared_plan_release(old);
    *out = shared;
    return STATUS_OK;
}

/* Takes the reference and the pins. */
static Status run_shared(ColumnarEngine *engine, SharedPlan *shared, int *pins, Execution *execution,
                         ArrowArrayStream *out, Error *err) {
    ArrowArrayStream inner;
    atomic_fetch_add(&engine->statement_count, 1);
    if (executor_run(shared->plan, &engine->resources, execution, &inner, err) != STATUS_OK) {
        unpin_plan(engine, shared->plan, pins);
        shared_plan_release(shared);
        return STATUS_ERROR;
    }
    execution->stats->rows_affected = -1;
    snprintf(execution->stats->command, sizeof execution->stats->command, "%s",
             shared->plan->explain ? "EXPLAIN" : "SELECT");
    hold_stream(engine, &inner, shared, pins, out);
    return STATUS_OK;
}

static Status nothing_next(void *state, ArrowArray *out, Error *err) {
    memset(out, 0, sizeof *out);
    return STATUS_OK;
}

static void nothing_close(void *state) {}

static Status run_command(ColumnarEngine *engine, const PlanCommand *command, Execution *execution,
                          ArrowArrayStream *out, Error *err) {
    ArrowSchema schema;
    TRY(plan_command_run(engine->catalog, command, err));
    snprintf(execution->stats->command, sizeof execution->stats->command, "%s", command->tag);
    execution->stats->rows_affected = -1;
    arrow_export_schema(NULL, 0, &schema);
    arrow_stream_make(out, &schema, (ArrowStreamSource){.next = nothing_next, .close = nothing_close});
    return STATUS_OK;
}

/* The same, with its tables' files held until unpin_plan. */
static Status pinned_plan(ColumnarEngine *engine, ColumnarPlan *plan, SharedPlan **out, int **pins,
                          Error *err) {
    TablePins *table_pins = table_catalog_pins(engine->catalog);
    int looking = table_pins_enter(table_pins);
    Status status = fresh_plan(engine, plan, out, err);
    *pins = status == STATUS_OK ? pin_plan(engine, (*out)->plan) : NULL;
    table_pins_release(table_pins, &looking, 1);
    return status;
}

static Status run_copy(ColumnarEngine *engine, const Statement *statement, Execution *execution,
                       ArrowArrayStream *out, Error *err) {
    CopyContext context = copy_context(engine);
    int64_t rows;
    TRY(copy_run(&context, statement, false, execution, &rows, err));
    snprintf(execution->stats->command, sizeof execution->stats->command, "COPY");
    execution->stats->rows_affected = rows;
    arrow_stream_make_empty(out);
    return STATUS_OK;
}

/* What another transaction got in before is planned and done again over its result. */
static Status run_write(ColumnarEngine *engine, ColumnarPlan *plan, Execution *execution,
                        ArrowArrayStream *out, Error *err) {
    enum { ATTEMPTS = 10 };
    DmlContext context = dml_context(engine);
    Status status = STATUS_OK;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        SharedPlan *shared = NULL;
        Error failure = {0};
        int *pins = NULL;
        TRY(pinned_plan(engine, plan, &shared, &pins, err));
        status = dml_run(&context, shared->plan, execution, out, &failure);
        unpin_plan(engine, shared->plan, pins);
        shared_plan_release(shared);
        if (status == STATUS_OK) return STATUS_OK;
        if (err) *err = failure;
        if (strcmp(failure.sqlstate, SQLSTATE_SERIALIZATION_FAILURE) != 0) break;
        TRY(cancel_check(execution->cancel, err));
    }
    return status;
}

static Status execute_plan(Engine *base, EnginePlan *plan, Execution *execution, ArrowArrayStream *out,
                           Error *err) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    SharedPlan *shared = NULL;
    ColumnarPlan *own = (ColumnarPlan *)plan;
    const PlanCommand *command = &own->command;
    if (command->kind != COMMAND_NONE) return run_command(engine, command, execution, out, err);
    if (own->is_copy) return run_copy(engine, plan->statement, execution, out, err);
    if (own->is_table_command) {
        DmlContext context = dml_context(engine);
        bool handled;
        return dml_command(&context, plan->statement, false, &handled, execution, out, err);
    }
    if (own->writes) return run_write(engine, own, execution, out, err);
    int *pins = NULL;
    TRY(pinned_plan(engine, own, &shared, &pins, err));
    if (execution->marker) plan_marker_append(shared->plan, execution->marker);
    return run_shared(engine, shared, pins, execution, out, err);
}

static MarkerAnswer columnar_read_marker(Engine *base, const MarkerRequest *request, StrBuf *out) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    ColumnarPlan *own = (ColumnarPlan *)request->plan;
    if (!own) return plan_marker_of_tables(request, base, engine->catalog, out);
    if (!own->current || own->writes) return MARKER_NONE;
    SharedPlan *shared = current_plan(own);
    MarkerAnswer answer = MARKER_NONE;
    if (plan_marker_exists(shared->plan, engine->files))
        answer = plan_marker_now(shared->plan, engine->catalog, request->may_wait, out);
    shared_plan_release(shared);
    return answer;
}

/* Tables or files that have changed are planned anew on the way. */
static Status columnar_execute(Engine *base, EnginePlan *plan, Execution *execution, ArrowArrayStream *out,
                               Error *err) {
    CancelToken *before = cancel_swap_current(execution->cancel);
    Status status = execute_plan(base, plan, execution, out, err);
    cancel_swap_current(before);
    return status;
}

/* ---- scan
 * ----------------------------------------------------------------------------------------------------------
 */

/* A plan of one scan. No filter is applied, and none claimed. */
static Plan *scan_plan(const ScanRequest *request, TableVersion *version) {
    Plan *plan = calloc(1, sizeof *plan);
    if (!plan) abort();
    arena_init(&plan->arena);
    PlanNode *node = ARENA_NEW(&plan->arena, PlanNode);
    node->kind = PLAN_SCAN;
    node->version = version;
    node->row_estimate = (double)version->row_count;
    node->column_count = request->column_count;
    node->scan_columns = ARENA_NEW_ARRAY(&plan->arena, int, request->column_count + 1);
    node->columns = ARENA_NEW_ARRAY(&plan->arena, PlanColumn, request->column_count + 1);
    for (int c = 0; c < request->column_count; c++) {
        const TableColumn *column = &version->columns[request->columns[c]];
        node->scan_columns[c] = request->columns[c];
        node->columns[c] =
            (PlanColumn){.name = column->name, .type = column->type, .nullable = column->nullable};
    }
    if (request->filter_count == 0) node->scan_row_limit = request->row_limit;
    plan->root = node;
    plan->versions = ARENA_NEW_ARRAY(&plan->arena, TableVersion *, 1);
    plan->versions[0] = version;
    plan->version_count = 1;
    return plan;
}

static Status scan_version(ColumnarEngine *engine, const ScanRequest *request, TableVersion **out,
                           Error *err) {
    TableVersion *version = NULL;
    TRY(table_catalog_load(engine->catalog, request->table->schema, request->table->name, &version, err));
    for (int c = 0; c < request->column_count; c++) {
        int column = request->columns[c];
        if (column >= 0 && column < version->column_count &&
            strcmp(version->columns[column].name, request->table->columns[column].name) == 0)
            continue;
        table_version_release(version);
        return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                         "table %s changed its columns since the statement was planned",
                         request->table->name);
    }
    *out = version;
    return STATUS_OK;
}

static Status columnar_scan(Engine *base, const ScanRequest *request, Execution *execution,
                            ArrowArrayStream *out, uint64_t *applied, Error *err) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    TablePins *table_pins = table_catalog_pins(engine->catalog);
    TableVersion *version = NULL;
    *applied = 0;
    int looking = table_pins_enter(table_pins);
    Status status = scan_version(engine, request, &version, err);
    SharedPlan *shared = status == STATUS_OK ? shared_plan_make(scan_plan(request, version)) : NULL;
    int *pins = shared ? pin_plan(engine, shared->plan) : NULL;
    table_pins_release(table_pins, &looking, 1);
    TRY(status);
    return run_shared(engine, shared, pins, execution, out, err);
}

/* ---- idle memory
 * --------------------------------------------------------------------------------------------------- */

/* malloc's arenas keep the most they ever held; looking through them stops the threads that share them, hence
 * only once nothing has run for a while. */
static void columnar_release_idle(Engine *base) {
    enum { QUIET_SECONDS = 10 };
    ColumnarEngine *engine = (ColumnarEngine *)base;
    block_pool_cool();
    uint64_t count = atomic_load(&engine->statement_count);
    if (count != engine->idle_since_count) engine->idle_seconds = 0;
    engine->idle_since_count = count;
    if (++engine->idle_seconds == QUIET_SECONDS && count > 0) malloc_trim(0);
}

static void columnar_usage(Engine *base, EngineUsage *out) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    ParquetCacheStats cache = parquet_cache_stats();
    SpillTotals spill = spill_totals();
    *out = (EngineUsage){.memory_used_bytes = atomic_load(&engine->budget.used_bytes),
                         .memory_limit_bytes = engine->budget.limit_bytes,
                         .spill_bytes = spill.used_bytes,
                         .spilled_bytes = spill.written_bytes,
                         .cache_bytes = cache.used_bytes,
                         .cache_hits = cache.hits,
                         .cache_misses = cache.misses};
}

/* ---- health
 * -------------------------------------------------------------------------------------------------------- */

static void columnar_health(Engine *base, EngineHealth *out) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    *out = (EngineHealth){0};
    Arena arena;
    arena_init(&arena);
    TableName *names = NULL;
    int count = 0;
    Error failure = {0};
    int64_t start_ns = clock_now_ns();
    out->up = table_catalog_list(engine->catalog, &arena, &names, &count, &failure) == STATUS_OK;
    out->latency_ms = (double)(clock_now_ns() - start_ns) / 1e6;
    snprintf(out->version, sizeof out->version, "Signalbox columnar %s, catalog in %s", SIGNALBOX_VERSION,
             table_catalog_kind(engine->catalog));
    if (!out->up) snprintf(out->message, sizeof out->message, "%.250s", failure.message);
    arena_deinit(&arena);
}

static Status columnar_schemas(Engine *base, Arena *arena, const char ***names, int *count, Error *err) {
    return table_catalog_namespaces(((ColumnarEngine *)base)->catalog, arena, names, count, err);
}

static Status columnar_read_rows(Engine *base, const TableIntake *intake, const TableRowReceiver *receiver,
                                 TableIntakeResult *result, Error *err) {
    return catalog_read_rows(&((ColumnarEngine *)base)->budget, intake, receiver, result, err);
}

static Status columnar_intake(Engine *base, const TableIntake *intake, TableIntakeResult *result,
                              Error *err) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    return catalog_intake(engine->catalog, &engine->budget, intake, result, err);
}

static Status columnar_table_details(Engine *base, const char *schema, const char *table, Arena *arena,
                                     TableDetails *out, Error *err) {
    return catalog_table_details(((ColumnarEngine *)base)->catalog, schema, table, arena, out, err);
}

static Status columnar_serve(Engine *base, Error *err) {
    ColumnarEngine *engine = (ColumnarEngine *)base;
    if (engine->maintenance_options.interval_ms == 0) return STATUS_OK;
    return maintenance_background_start(engine->catalog, &engine->maintenance_options, &engine->maintenance,
                                        err);
}

const EngineOps columnar_engine_ops = {
    .kind = "columnar",
    .default_constants = COLUMNAR_DEFAULT_CONSTANTS,
    .open = columnar_open,
    .close = columnar_close,
    .describe = columnar_describe,
    .schemas = columnar_schemas,
    .plan = columnar_plan,
    .execute = columnar_execute,
    .read_marker = columnar_read_marker,
    .scan = columnar_scan,
    .health = columnar_health,
    .probe = columnar_probe,
    .release_idle = columnar_release_idle,
    .usage = columnar_usage,
    .intake = columnar_intake,
    .read_rows = columnar_read_rows,
    .serve = columnar_serve,
    .table_details = columnar_table_details,
};
