#include "router/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "engines/base/utf8.h"
#include "router/choose.h"
#include "router/conditions.h"
#include "router/fingerprint.h"
#include "router/hints.h"
#include "router/result_key.h"
#include "router/time_travel.h"
#include "router/volatility.h"

/* What a Decision is made of; only the first member is public. */
typedef struct DecisionBody {
    Decision decision;
    Arena arena; /* text, tree, bindings, reason */
    RegistrySnapshot *snapshot;
    Statement statement;
} DecisionBody;

void decision_retain(Decision *decision) {
    atomic_fetch_add(&decision->references, 1);
}

static void body_destroy(DecisionBody *body) {
    engine_plan_release(body->decision.plan);
    registry_release(body->snapshot);
    arena_deinit(&body->arena);
    free(body);
}

void decision_release(Decision *decision) {
    if (decision && atomic_fetch_sub(&decision->references, 1) == 1) body_destroy((DecisionBody *)decision);
}

/* ---- who is forced
 * ------------------------------------------------------------------------------------------- */

static bool is_forcing(const char *name) {
    return name && name[0] && strcmp(name, "auto") != 0;
}

static Status find_forced(const DecideInput *input, const char *hint, int *out, Error *err) {
    const RouteRequest *request = input->request;
    const char *name = is_forcing(request->engine) ? request->engine
                       : is_forcing(hint)          ? hint
                                                   : request->header_engine;
    *out = -1;
    if (!is_forcing(name)) return STATUS_OK;
    char known[400] = "";
    for (int i = 0; i < input->engine_count; i++) {
        if (strcmp(input->engines[i]->name, name) == 0) *out = i;
        size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i > 0 ? ", " : "", input->engines[i]->name);
    }
    if (*out >= 0) return STATUS_OK;
    (void)error_set(err, SQLSTATE_UNKNOWN_ENGINE, "there is no engine called \"%.100s\"", name);
    return error_add_hint(err, "The engines are %s; \"auto\" lets the router choose.", known);
}

/* The engine that CREATE TABLE's options name; -1 = none. */
static Status find_wanted(const DecideInput *input, const Features *features, const char *sql, int *out,
                          Error *err) {
    *out = -1;
    if (!features->wanted_engine) return STATUS_OK;
    for (int i = 0; i < input->engine_count; i++)
        if (strcmp(input->engines[i]->name, features->wanted_engine) == 0) *out = i;
    if (*out >= 0) return STATUS_OK;
    int location = features->wanted_engine_location;
    return error_set_at(err, SQLSTATE_UNKNOWN_ENGINE,
                        location >= 0 ? (int)utf8_count(sql, (size_t)location) + 1 : 0,
                        "there is no engine called \"%.100s\"", features->wanted_engine);
}

/* ---- text, tree, tables
 * --------------------------------------------------------------------------------------- */

typedef struct Reading {
    const char *sql;
    size_t sql_length;
    PgQuery__ParseResult *tree;
    const TableTravel *travels;
    int travel_count;
    const char *as_of;
    Features features;
    Resolution resolution;
} Reading;

static Status parse_timed(const DecideInput *input, DecisionBody *body, Reading *reading,
                          DecideTiming *timing, Error *err) {
    int64_t start = clock_now_ns();
    Status status =
        parse_sql(reading->sql, reading->sql_length, &input->limits, &body->arena, &reading->tree, err);
    timing->parse_ns += clock_now_ns() - start;
    timing->parses++;
    return status;
}

/* The length is capped before anything of it is read. */
static Status take_travels(const DecideInput *input, DecisionBody *body, Reading *reading, Error *err) {
    if (reading->sql_length > (size_t)input->limits.max_bytes) return STATUS_OK; /* parse_sql says so */
    return time_travel_take(reading->sql, reading->sql_length, &body->arena, &reading->sql,
                            &reading->sql_length, &reading->travels, &reading->travel_count, err);
}

static Status check_travels(const Reading *reading, Error *err) {
    if ((reading->travel_count == 0 && !reading->as_of) || reading->features.kind == STATEMENT_READ)
        return STATUS_OK;
    return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                        reading->travel_count > 0 ? reading->travels[0].position : 0,
                        "only queries can read the past of a table");
}

/* Engines do not know their own names, so when one engine has it all, the names are blanked and the text read
 * again. Tables come in the same order both times, which is what lets the first resolution stand. */
static Status take_engine_names_off(const DecideInput *input, DecisionBody *body, Reading *reading,
                                    DecideTiming *timing, Error *err) {
    size_t length;
    const char *blanked = resolve_blank_engines(&reading->features, &reading->resolution, reading->sql,
                                                reading->sql_length, &body->arena, &length);
    if (blanked == reading->sql) return STATUS_OK;
    reading->sql = blanked;
    reading->sql_length = length;
    TRY(parse_timed(input, body, reading, timing, err));
    int table_count = reading->features.table_count;
    features_read(reading->tree, &body->arena, &reading->features);
    if (reading->features.table_count != table_count)
        return error_set(err, SQLSTATE_UNDEFINED_TABLE,
                         "a table written with its engine's name has the name of a WITH query");
    return STATUS_OK;
}

static Status read_statement(const DecideInput *input, DecisionBody *body, Reading *reading, int forced,
                             DecideTiming *timing, Error *err) {
    features_read(reading->tree, &body->arena, &reading->features);
    TRY(resolve_tables(input->snapshot, &reading->features, reading->sql, reading->sql_length, forced,
                       &body->arena, &reading->resolution, err));
    timing->unresolved = reading->resolution.unresolved;
    if (reading->resolution.engine_written && reading->resolution.home >= 0)
        TRY(take_engine_names_off(input, body, reading, timing, err));
    volatility_read(input->snapshot, &reading->resolution, &reading->features);
    return STATUS_OK;
}

static void fill_statement(DecisionBody *body, const Reading *reading) {
    Statement *statement = &body->statement;
    *statement = (Statement){.sql = reading->sql,
                             .sql_length = reading->sql_length,
                             .tree = reading->tree,
                             .kind = reading->features.kind,
                             .statement_count = reading->features.statement_count,
                             .param_count = reading->features.param_count,
                             .text_hash = hash64_bytes(reading->sql, reading->sql_length, 0),
                             .runs_code = reading->features.runs_code,
                             .travels = reading->travels,
                             .travel_count = reading->travel_count,
                             .as_of = reading->as_of};
    resolve_bindings(&reading->features, &reading->resolution, &body->arena, &statement->bindings,
                     &statement->binding_count);
    body->decision.statement = statement;
}

static void fill_traits(Decision *decision, const Features *features, const Classification *found) {
    decision->class = found->class;
    bool one_row = found->class == CLASS_POINT_LOOKUP && !features->is_explain;
    decision->result_rows_small = one_row;
    decision->changes_schema = features->changes_schema;
    decision->max_rows_hint = one_row ? 1 : -1;
    if (features->select && conditions_read_limit(features->select) >= 0)
        decision->max_rows_hint = conditions_read_limit(features->select);
    decision->repeatable = features->kind == STATEMENT_READ && !features->is_explain &&
                           !features->has_locking && !features->samples && !features->volatile_view &&
                           !features->volatile_function && !features->session_function &&
                           !features->unknown_function &&
                           !features->file_function; /* files change without telling */
    decision->comparable = decision->repeatable && !features->varies;
}

static Status decide_in_body(const DecideInput *input, DecisionBody *body, DecideTiming *timing, Error *err) {
    const RouteRequest *request = input->request;
    Reading reading = {.sql = request->sql, .sql_length = request->sql_length};
    TRY(take_travels(input, body, &reading, err));
    TRY(parse_timed(input, body, &reading, timing, err)); /* before the copy: the caps come first */
    if (reading.sql == request->sql)
        reading.sql = arena_strndup(&body->arena, request->sql, request->sql_length);
    if (request->as_of) reading.as_of = arena_strdup(&body->arena, request->as_of);
    Hints hints;
    hints_read(reading.sql, reading.sql_length, &body->arena, &hints);
    int forced;
    TRY(find_forced(input, hints.engine, &forced, err));
    TRY(read_statement(input, body, &reading, forced, timing, err));
    TRY(check_travels(&reading, err));
    fill_statement(body, &reading);
    int wanted;
    TRY(find_wanted(input, &reading.features, reading.sql, &wanted, err));
    Classification found;
    classify(&reading.features, &reading.resolution, &found);
    fill_traits(&body->decision, &reading.features, &found);
    result_key_read(&reading.features, &reading.resolution, &body->statement, &body->arena, &body->decision);
    body->decision.fingerprint = fingerprint_hash(reading.sql, reading.sql_length);
    body->decision.warning = hints.warning;
    ChoiceInput choice = {.engines = input->engines,
                          .engine_count = input->engine_count,
                          .health = input->health,
                          .pricing = input->pricing,
                          .avoid = request->avoid,
                          .quarantine = input->quarantine,
                          .rules = input->rules,
                          .bits = input->bits,
                          .trials = request->trials,
                          .default_engine = input->default_engine,
                          .features = &reading.features,
                          .resolution = &reading.resolution,
                          .classification = &found,
                          .statement = &body->statement,
                          .forced = forced,
                          .wanted = wanted,
                          .arena = &body->arena};
    return choose_engine(&choice, &body->decision, err);
}

Status decide(const DecideInput *input, Decision **out, int64_t *out_bytes, DecideTiming *timing,
              Error *err) {
    DecisionBody *body = calloc(1, sizeof *body);
    if (!body) abort();
    atomic_init(&body->decision.references, 1);
    arena_init(&body->arena);
    registry_retain(input->snapshot);
    body->snapshot = input->snapshot;
    if (decide_in_body(input, body, timing, err) != STATUS_OK) {
        body_destroy(body);
        return STATUS_ERROR;
    }
    /* The arena's blocks double, and the engine's plan is about as large again. */
    *out_bytes = (int64_t)sizeof *body + (int64_t)body->arena.used_bytes * 3 + 4096;
    *out = &body->decision;
    return STATUS_OK;
}
