#include "router/rules_choice.h"

#include <stdio.h>
#include <string.h>

static int engine_named(const ChoiceInput *input, const char *name) {
    for (int i = 0; name && i < input->engine_count; i++)
        if (!strcmp(input->engines[i]->name, name)) return i;
    return -1;
}

static const RuleTable *tables_of(const ChoiceInput *input) {
    const Features *features = input->features;
    RuleTable *tables = ARENA_NEW_ARRAY(input->arena, RuleTable, features->table_count + 1);
    for (int i = 0; i < features->table_count; i++) {
        const RegistryTable *entry = i < input->resolution->count ? input->resolution->uses[i].entry : NULL;
        const TableUse *use = &features->tables[i];
        tables[i] = entry ? (RuleTable){.engine = entry->engine->name,
                                        .schema = entry->table->schema,
                                        .name = entry->table->name}
                          : (RuleTable){.schema = use->schema, .name = use->name};
    }
    return tables;
}

/* Of the engine that reads least: no choice of engine gets below that. */
static double least_bytes(const ChoiceInput *input, const Decision *decision) {
    double least = -1;
    for (int i = 0; i < input->engine_count; i++) {
        const EngineVerdict *verdict = &decision->candidates[i].verdict;
        double bytes = verdict->estimate.bytes_scanned;
        if (verdict->eligible && bytes >= 0 && (least < 0 || bytes < least)) least = bytes;
    }
    return least;
}

static void refuse(const ChoiceInput *input, Decision *decision, int engine, RuleChoice *out,
                   const char *why) {
    EngineVerdict *verdict = &decision->candidates[engine].verdict;
    if (!verdict->eligible) return; /* its own reason says more */
    out->refused |= 1u << engine;
    verdict->eligible = false;
    snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", SQLSTATE_DENIED);
    snprintf(verdict->why, sizeof verdict->why, "%s", why);
}

static void refuse_candidates(const ChoiceInput *input, const RuleOutcome *outcome, Decision *decision,
                              RuleChoice *out) {
    int required = engine_named(input, outcome->require);
    char why[256];
    for (int i = 0; i < input->engine_count; i++) {
        double bytes = decision->candidates[i].verdict.estimate.bytes_scanned;
        if (outcome->forbidden_by[i]) {
            snprintf(why, sizeof why, "rule %s forbids it", outcome->forbidden_by[i]);
            refuse(input, decision, i, out, why);
        } else if (outcome->require && required != i) {
            snprintf(why, sizeof why, "rule %s requires %s", outcome->required_by, outcome->require);
            refuse(input, decision, i, out, why);
        } else if (outcome->bytes_limited_by && bytes > outcome->limits.max_bytes_scanned) {
            snprintf(why, sizeof why, "it would scan about %.0f bytes, rule %s allows %.0f", bytes,
                     outcome->bytes_limited_by, outcome->limits.max_bytes_scanned);
            refuse(input, decision, i, out, why);
        }
    }
}

static Status fail_denied(const RuleOutcome *outcome, Error *err) {
    return error_set(err, SQLSTATE_DENIED, "rule %s denies this statement%s%.500s", outcome->denied_by,
                     outcome->deny_text ? ": " : "", outcome->deny_text ? outcome->deny_text : "");
}

Status rules_choose(const ChoiceInput *input, Decision *decision, RuleChoice *out, Error *err) {
    *out = (RuleChoice){.prefer = -1};
    RuleFacts facts = {.tables = tables_of(input),
                       .table_count = input->features->table_count,
                       .class = input->classification->class,
                       .fingerprint = decision->fingerprint,
                       .bytes = least_bytes(input, decision)};
    RuleOutcome outcome;
    rules_evaluate(input->rules, input->bits, &facts, input->engines, input->engine_count, input->trials,
                   &outcome);
    if (outcome.denied_by) return fail_denied(&outcome, err);
    const char **names = ARENA_NEW_ARRAY(input->arena, const char *, outcome.matched_count + 1);
    for (int i = 0; i < outcome.matched_count; i++)
        names[i] = arena_strdup(input->arena, outcome.matched[i]);
    decision->rules = names;
    decision->rule_count = outcome.matched_count;
    decision->limits = outcome.limits;
    refuse_candidates(input, &outcome, decision, out);
    const char *engine = outcome.require ? outcome.require : outcome.prefer;
    const char *rule = outcome.require ? outcome.required_by : outcome.preferred_by;
    out->prefer = engine_named(input, engine);
    if (out->prefer < 0) return STATUS_OK;
    out->rule = arena_printf(input->arena, "rule:%s", rule);
    out->reason = arena_printf(input->arena, "rule %s %s engine %s", rule,
                               outcome.require ? "requires" : "prefers", engine);
    return STATUS_OK;
}

Status rules_fail_nobody(const ChoiceInput *input, const Decision *decision, const RuleChoice *choice,
                         Error *err) {
    char text[sizeof err->detail] = "";
    size_t length = 0;
    for (int i = 0; i < input->engine_count && length < sizeof text; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s: %s", i > 0 ? "; " : "",
                                   input->engines[i]->name, decision->candidates[i].verdict.why);
    int first = __builtin_ctz(choice->refused);
    (void)!error_set(err, SQLSTATE_DENIED, "rules leave no engine for this statement: %s: %s",
                     input->engines[first]->name, decision->candidates[first].verdict.why);
    return error_add_detail(err, "%s", text);
}
