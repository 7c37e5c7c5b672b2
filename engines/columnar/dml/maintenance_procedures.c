/* CALL signalbox.compact('t') and its kin: the maintenance of iceberg/maintenance.h, one step each, of all
 * that is there to do. */
#include "engines/columnar/dml/procedures.h"

/* Beyond it there is no difference. */
static int64_t milliseconds(int64_t seconds) {
    return seconds > INT64_MAX / 2000 ? INT64_MAX / 2 : seconds * 1000;
}

static MaintenanceOptions options_of(const ProcedureCall *call) {
    MaintenanceOptions options = maintenance_defaults();
    options.compact = options.expire = options.manifests = options.orphans = false;
    options.thorough = true;
    options.rewriter = call->ddl->context->rewriter;
    options.cancel = call->ddl->cancel;
    return options;
}

static Status run(const ProcedureCall *call, const MaintenanceOptions *options, MaintenanceReport *report,
                  Error *err) {
    *report = (MaintenanceReport){0};
    return maintenance_run(call->ddl->context->catalog, call->table.namespace_name, call->table.name, options,
                           report, err);
}

static Status compact(const ProcedureCall *call, Error *err) {
    MaintenanceOptions options = options_of(call);
    MaintenanceReport report;
    options.compact = true;
    TRY(run(call, &options, &report, err));
    ProcedureResult results[] = {{"rewritten_files", report.files_read},
                                 {"added_files", report.files_written},
                                 {"rewritten_bytes", report.bytes_read},
                                 {"added_bytes", report.bytes_written},
                                 {"conflicts", report.conflicts}};
    return procedure_answer(call->ddl, results, sizeof results / sizeof results[0], err);
}

static Status expire(const ProcedureCall *call, Error *err) {
    MaintenanceOptions options = options_of(call);
    MaintenanceReport report;
    options.expire = true;
    if (call->arguments[1].given) options.max_snapshot_age_ms = milliseconds(call->arguments[1].number);
    if (call->arguments[2].given)
        options.min_snapshots =
            (int)(call->arguments[2].number < INT32_MAX ? call->arguments[2].number : INT32_MAX);
    TRY(run(call, &options, &report, err));
    ProcedureResult results[] = {{"expired_snapshots", report.snapshots_expired},
                                 {"removed_files", report.files_removed},
                                 {"removed_bytes", report.bytes_removed}};
    return procedure_answer(call->ddl, results, sizeof results / sizeof results[0], err);
}

static Status remove_orphans(const ProcedureCall *call, Error *err) {
    MaintenanceOptions options = options_of(call);
    MaintenanceReport report;
    options.orphans = true;
    if (call->arguments[1].given) options.orphan_min_age_ms = milliseconds(call->arguments[1].number);
    TRY(run(call, &options, &report, err));
    ProcedureResult results[] = {{"removed_files", report.orphans_removed},
                                 {"removed_bytes", report.orphan_bytes}};
    return procedure_answer(call->ddl, results, sizeof results / sizeof results[0], err);
}

static Status rewrite_manifests(const ProcedureCall *call, Error *err) {
    MaintenanceOptions options = options_of(call);
    MaintenanceReport report;
    options.manifests = true;
    TRY(run(call, &options, &report, err));
    ProcedureResult results[] = {{"manifests_before", report.manifests_before},
                                 {"manifests_after", report.manifests_after}};
    return procedure_answer(call->ddl, results, sizeof results / sizeof results[0], err);
}

const Procedure *procedure_maintenance(const char *name) {
    static const Procedure PROCEDURES[] = {
        {"compact", {{"table", ARGUMENT_TEXT}}, 1, 1, compact},
        {"rewrite_data_files", {{"table", ARGUMENT_TEXT}}, 1, 1, compact},
        {"expire_snapshots",
         {{"table", ARGUMENT_TEXT}, {"max_age_seconds", ARGUMENT_NUMBER}, {"retain_last", ARGUMENT_NUMBER}},
         3,
         1,
         expire},
        {"remove_orphan_files",
         {{"table", ARGUMENT_TEXT}, {"min_age_seconds", ARGUMENT_NUMBER}},
         2,
         1,
         remove_orphans},
        {"rewrite_manifests", {{"table", ARGUMENT_TEXT}}, 1, 1, rewrite_manifests},
    };
    for (size_t i = 0; i < sizeof PROCEDURES / sizeof PROCEDURES[0]; i++)
        if (strcmp(PROCEDURES[i].name, name) == 0) return &PROCEDURES[i];
    return NULL;
}
