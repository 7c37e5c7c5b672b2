#include "router/explain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 48 };

/* 3000000 → "3,000,000" */
static const char *number_text(double value, char text[NUMBER_BYTES]) {
    char digits[32];
    if (!(value >= 0) || value > 1e15) {
        snprintf(text, NUMBER_BYTES, "%.3g", value);
        return text;
    }
    int length = snprintf(digits, sizeof digits, "%.0f", value), out = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = 0;
    return text;
}

static const char *cost_text(double cost_ms, char text[NUMBER_BYTES]) {
    if (cost_ms >= 100)
        number_text(cost_ms, text);
    else
        snprintf(text, NUMBER_BYTES, "%.*f", cost_ms >= 1 ? 1 : 2, cost_ms);
    return text;
}

static const char *key_columns(const TableDesc *table, const KeyDesc *key, Arena *arena) {
    const char *text = "";
    for (int i = 0; i < key->column_count; i++) {
        int column = key->columns[i];
        const char *name =
            column >= 0 && column < table->column_count ? table->columns[column].name : "(expression)";
        text = arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", name);
    }
    return text;
}

/* "flights (columnar, 3,000,000 rows) and airports (postgres)" */
static const char *tables_text(const ChoiceInput *input) {
    enum { MOST_NAMED = 4 };
    const Statement *statement = input->statement;
    const char *text = "";
    for (int i = 0; i < statement->binding_count && i < MOST_NAMED; i++) {
        const TableBinding *binding = &statement->bindings[i];
        char number[NUMBER_BYTES];
        const char *rows = "";
        if (binding->table->row_estimate >= 0)
            rows = arena_printf(input->arena, ", %s rows", number_text(binding->table->row_estimate, number));
        const char *between = i == 0 ? "" : i + 1 < statement->binding_count ? ", " : " and ";
        text = arena_printf(input->arena, "%s%s%s (%s%s)", text, between, binding->table->name,
                            binding->engine->name, rows);
    }
    if (statement->binding_count > MOST_NAMED)
        text = arena_printf(input->arena, "%s and %d more", text, statement->binding_count - MOST_NAMED);
    return text;
}

static const char *runner_up(const ChoiceInput *input, const Decision *decision, int chosen) {
    int best = -1;
    for (int i = 0; i < decision->candidate_count; i++) {
        const EngineVerdict *verdict = &decision->candidates[i].verdict;
        if (i != chosen && verdict->eligible &&
            (best < 0 || verdict->estimate.cost_ms < decision->candidates[best].verdict.estimate.cost_ms))
            best = i;
    }
    if (best < 0) return "";
    char cost[NUMBER_BYTES];
    return arena_printf(input->arena, ", %s %s ms", input->engines[best]->name,
                        cost_text(decision->candidates[best].verdict.estimate.cost_ms, cost));
}

static const char *class_text(StatementClass class) {
    switch (class) {
    case CLASS_AGGREGATE: return "an aggregate over";
    case CLASS_JOIN: return "a join of";
    default: return "a scan of";
    }
}

static const char *session_reason(const ChoiceInput *input, const char *engine) {
    const Features *features = input->features;
    const char *function =
        features->session_function ? features->session_function : features->volatile_function;
    if (features->statement_count > 1)
        return arena_printf(input->arena, "%d statements in one request run whole, in one %s session",
                            features->statement_count, engine);
    if (function)
        return arena_printf(
            input->arena,
            "%s() answers differently each time or leaves something behind, so %s runs it whole", function,
            engine);
    if (features->volatile_view)
        return arena_printf(input->arena, "the view %s calls volatile functions, so %s runs it whole",
                            features->volatile_view, engine);
    if (features->samples)
        return arena_printf(input->arena, "TABLESAMPLE draws other rows each time, so %s runs it whole",
                            engine);
    for (int i = 0; i < features->table_count; i++)
        if (features->tables[i].is_temporary)
            return arena_printf(input->arena, "%s lives as long as its connection: a session of %s",
                                features->tables[i].name, engine);
    if (features->has_locking)
        return arena_printf(input->arena, "rows are locked, which is done where they live: %s", engine);
    return arena_printf(input->arena, "transactions and settings belong to a session of %s", engine);
}

static const char *target_name(const ChoiceInput *input) {
    for (int i = 0; i < input->features->table_count; i++)
        if (input->features->tables[i].role == TABLE_TARGET) return input->features->tables[i].name;
    return "the table";
}

static const char *key_reason(const ChoiceInput *input, const char *engine, const char *cost) {
    const Classification *found = input->classification;
    const TableDesc *table = found->table->table;
    char number[NUMBER_BYTES];
    const char *columns = key_columns(table, found->key, input->arena);
    if (found->class == CLASS_POINT_LOOKUP) {
        const char *instead = "";
        if (table->row_estimate >= 0)
            instead =
                arena_printf(input->arena, " out of about %s", number_text(table->row_estimate, number));
        return arena_printf(input->arena,
                            "%s(%s) is unique, so %s finds at most one row%s by index, in about %s ms",
                            table->name, columns, engine, instead, cost);
    }
    const char *rows = "few";
    if (found->expected_rows >= 0)
        rows = arena_printf(input->arena, "about %s", number_text(found->expected_rows, number));
    return arena_printf(input->arena, "an index on %s(%s) leads %s to %s rows, in about %s ms", table->name,
                        columns, engine, rows, cost);
}

static const char *reason_of(const ChoiceInput *input, const Decision *decision, int chosen) {
    Arena *arena = input->arena;
    const char *engine = input->engines[chosen]->name, *rule = decision->rule;
    char cost[NUMBER_BYTES];
    cost_text(decision->candidates[chosen].verdict.estimate.cost_ms, cost);
    StatementClass class = input->classification->class;
    if (decision->forced)
        return arena_printf(arena, "engine %s was asked for; it expects %s ms%s", engine, cost,
                            runner_up(input, decision, chosen));
    if (class == CLASS_SESSION) return session_reason(input, engine);
    if (class == CLASS_WRITE)
        return arena_printf(arena, "%s is written where it lives: %s", target_name(input), engine);
    if (class == CLASS_DDL)
        return arena_printf(arena, "definitions are changed where they belong: %s", engine);
    if (strcmp(rule, "system-catalog") == 0)
        return arena_printf(arena, "the system catalogs are %s's own", engine);
    if (strcmp(rule, "point-lookup") == 0 || strcmp(rule, "indexed-range") == 0)
        return key_reason(input, engine, cost);
    if (class == CLASS_CONSTANT)
        return arena_printf(arena, "no table is read; %s answers in about %s ms%s", engine, cost,
                            runner_up(input, decision, chosen));
    if (class == CLASS_FEDERATED)
        return arena_printf(arena,
                            "tables of several engines: %s; %s reads the others' and answers in about %s ms",
                            tables_text(input), engine, cost);
    if (strcmp(rule, "only-eligible") == 0)
        return arena_printf(arena, "%s %s: only %s can run it, in about %s ms", class_text(class),
                            tables_text(input), engine, cost);
    return arena_printf(arena, "%s %s: %s expects %s ms%s", class_text(class), tables_text(input), engine,
                        cost, runner_up(input, decision, chosen));
}

void explain_choice(const ChoiceInput *input, Decision *decision, int chosen) {
    decision->reason = reason_of(input, decision, chosen);
    char winner_cost[NUMBER_BYTES], cost[NUMBER_BYTES];
    cost_text(decision->candidates[chosen].verdict.estimate.cost_ms, winner_cost);
    const char *winner = input->engines[chosen]->name;
    for (int i = 0; i < decision->candidate_count; i++) {
        EngineVerdict *verdict = &decision->candidates[i].verdict;
        if (!verdict->eligible) continue;
        cost_text(verdict->estimate.cost_ms, cost);
        if (i == chosen)
            snprintf(verdict->why, sizeof verdict->why, "chosen: %s", decision->rule);
        else if (decision->forced)
            snprintf(verdict->why, sizeof verdict->why, "%s was asked for", winner);
        else if (strcmp(decision->rule, "cost") == 0 || strcmp(decision->rule, "federated") == 0)
            snprintf(verdict->why, sizeof verdict->why, "%s ms against %s ms in %s", cost, winner_cost,
                     winner);
        else
            snprintf(verdict->why, sizeof verdict->why, "%s comes first by rule %s", winner, decision->rule);
    }
}
