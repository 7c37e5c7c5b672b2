/* EXPLAIN's options, as PostgreSQL takes them. */
#include <strings.h>

#include "engines/columnar/plan/bind.h"

static const char *option_text(const PgQuery__DefElem *option) {
    if (!option->arg) return NULL;
    if (option->arg->node_case == PG_QUERY__NODE__NODE_STRING) return option->arg->string->sval;
    if (option->arg->node_case == PG_QUERY__NODE__NODE_BOOLEAN)
        return option->arg->boolean->boolval ? "true" : "false";
    return NULL;
}

static Status option_bool(const Binder *binder, const PgQuery__DefElem *option, bool *out, Error *err) {
    const char *text = option_text(option);
    bool number = option->arg && option->arg->node_case == PG_QUERY__NODE__NODE_INTEGER;
    int value = number ? option->arg->integer->ival : -1;
    *out = !option->arg || value == 1 || (text && (!strcasecmp(text, "true") || !strcasecmp(text, "on")));
    if (*out || value == 0 || (text && (!strcasecmp(text, "false") || !strcasecmp(text, "off"))))
        return STATUS_OK;
    return error_set_at(err, SQLSTATE_SYNTAX_ERROR, binder_position(binder, option->location),
                        "%s requires a Boolean value", option->defname);
}

static Status option_format(Binder *binder, const PgQuery__DefElem *option, Error *err) {
    const char *format = option_text(option);
    if (format && (!strcasecmp(format, "xml") || !strcasecmp(format, "yaml")))
        return binder_unsupported(binder, option->location, err, "EXPLAIN (FORMAT %s)", format);
    if (!format || (strcasecmp(format, "json") != 0 && strcasecmp(format, "text") != 0))
        return error_set_at(err, SQLSTATE_INVALID_PARAMETER, binder_position(binder, option->location),
                            "unrecognized value for EXPLAIN option \"format\": \"%s\"", format ? format : "");
    binder->plan->explain_json = strcasecmp(format, "json") == 0;
    return STATUS_OK;
}

Status bind_explain(Binder *binder, PgQuery__ExplainStmt *explain, Error *err) {
    Plan *plan = binder->plan;
    bool ignored = false, wal = false, costs = true, timing = true, timing_given = false,
         summary_given = false;
    struct {
        const char *name;
        bool *value, *given;
    } options[] = {{"analyze", &plan->analyze, NULL},
                   {"costs", &costs, NULL},
                   {"timing", &timing, &timing_given},
                   {"summary", &plan->explain_summary, &summary_given},
                   {"wal", &wal, NULL},
                   {"verbose", &ignored, NULL},
                   {"buffers", &ignored, NULL},
                   {"settings", &ignored, NULL}};
    plan->explain = true;
    for (size_t i = 0; i < explain->n_options; i++) {
        const PgQuery__DefElem *option = explain->options[i]->def_elem;
        bool known = strcmp(option->defname, "format") == 0;
        if (known) TRY(option_format(binder, option, err));
        for (size_t k = 0; !known && k < sizeof options / sizeof options[0]; k++) {
            if (strcmp(options[k].name, option->defname) != 0) continue;
            TRY(option_bool(binder, option, options[k].value, err));
            if (options[k].given) *options[k].given = true;
            known = true;
        }
        if (!known)
            return error_set_at(err, SQLSTATE_SYNTAX_ERROR, binder_position(binder, option->location),
                                "unrecognized EXPLAIN option \"%s\"", option->defname);
    }
    if (wal && !plan->analyze)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "EXPLAIN option WAL requires ANALYZE");
    if (timing_given && timing && !plan->analyze)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "EXPLAIN option TIMING requires ANALYZE");
    plan->explain_no_costs = !costs;
    plan->explain_no_timing = !timing;
    if (!summary_given) plan->explain_summary = plan->analyze;
    return STATUS_OK;
}
