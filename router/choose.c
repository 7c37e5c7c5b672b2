#include "router/choose.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/utf8.h"
#include "router/explain.h"
#include "router/placements.h"
#include "router/quarantine.h"
#include "router/rules_choice.h"

typedef enum Standing {
    STANDING_REFUSED,  /* by the router, before the engine was asked */
    STANDING_DECLINED, /* by the engine */
    STANDING_FAILED,   /* plan() gave an error: `errors[i]` */
    STANDING_DOWN,     /* could, but is down */
    STANDING_ELIGIBLE
} Standing;

typedef struct Choice {
    const ChoiceInput *input;
    Decision *decision;
    Standing standings[ROUTER_MAX_CANDIDATES];
    EnginePlan *plans[ROUTER_MAX_CANDIDATES];
    const Statement *statements[ROUTER_MAX_CANDIDATES]; /* as each engine was asked, with its own tables */
    Error errors[ROUTER_MAX_CANDIDATES];
    bool probes[ROUTER_MAX_CANDIDATES]; /* half-open engines that this statement may try */
    int home;                           /* where a write or DDL belongs, -1 = anywhere */
} Choice;

static bool is_kind(const Engine *engine, const char *kind) {
    return strcmp(engine->ops->kind, kind) == 0;
}
/* Reads tables of other engines through Engine.ops->scan. */
static bool federates(const Engine *engine) {
    return is_kind(engine, "columnar");
}
static bool is_row_store(const Engine *engine) {
    return !is_kind(engine, "columnar");
}

static int first_of_kind(const ChoiceInput *input, const char *kind) {
    for (int i = 0; i < input->engine_count; i++)
        if (is_kind(input->engines[i], kind)) return i;
    return -1;
}

/* ---- refusals: what the router knows before it asks an engine
 * ------------------------------------------------ */

static int home_of(const ChoiceInput *input) {
    StatementKind kind = input->features->kind;
    if (kind != STATEMENT_WRITE && kind != STATEMENT_DDL) return -1;
    const Resolution *resolution = input->resolution;
    bool forced_columnar = input->forced >= 0 && is_kind(input->engines[input->forced], "columnar");
    if (input->features->is_own_call)
        return forced_columnar ? input->forced : first_of_kind(input, "columnar");
    if (resolution->target >= 0) return resolution->target;
    if (input->wanted >= 0) return input->wanted;
    bool from_files =
        input->features->file_function && (input->features->creates_table || input->features->copies);
    if (from_files && input->forced < 0) return first_of_kind(input, "columnar");
    if (input->features->creates_table && input->forced >= 0) return input->forced;
    if (resolution->home >= 0) return resolution->home;
    /* A function, or COPY of a query without tables, names none: who asks for the columnar engine gets it
     * made there. */
    if ((kind == STATEMENT_DDL || input->features->copies) && resolution->home != RESOLUTION_SEVERAL &&
        forced_columnar)
        return input->forced;
    return first_of_kind(input, resolution->home == RESOLUTION_SEVERAL ? "columnar" : "postgres");
}

static bool refuse(EngineVerdict *verdict, const char *format, const char *first, const char *second) {
    snprintf(verdict->why, sizeof verdict->why, format, first, second);
    snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", SQLSTATE_NO_ENGINE);
    return true;
}

/* The columnar engine's own function, which PostgreSQL has not. */
static bool calls_search(const ChoiceInput *input) {
    return input->features->unknown_function && strcmp(input->features->unknown_function, "search") == 0;
}

/* Needs PostgreSQL itself: nothing else has sessions, catalogs, or the user's own functions. */
static bool refuse_unless_postgres(const ChoiceInput *input, int engine, EngineVerdict *verdict) {
    const Features *features = input->features;
    if (features->kind == STATEMENT_SESSION && features->statement_count > 1)
        return refuse(verdict, "%s run whole, in PostgreSQL%s", "several statements in one request", "");
    if (features->kind == STATEMENT_SESSION)
        return refuse(verdict, "%s run in PostgreSQL%s", "transactions, settings and session functions", "");
    if (input->resolution->uses_catalog)
        return refuse(verdict, "%s are PostgreSQL's%s", "the system catalogs", "");
    bool anywhere = features->table_count == 0 && features->kind == STATEMENT_READ &&
                    first_of_kind(input, "postgres") >= 0;
    bool own = calls_search(input) && is_kind(input->engines[engine], "columnar");
    if (anywhere && features->unknown_function && !own)
        return refuse(verdict, "function %s() is not built in, so only PostgreSQL can know it%s",
                      features->unknown_function, "");
    if (anywhere && features->volatile_function)
        return refuse(verdict, "%s() is volatile and belongs to PostgreSQL%s", features->volatile_function,
                      "");
    if (features->own_function && features->own_function_home != input->engines[engine])
        return refuse(verdict, "%s() is a function of %s", features->own_function,
                      features->own_function_home->name);
    return false;
}

static bool refuse_elsewhere(const Choice *choice, int engine, EngineVerdict *verdict) {
    const ChoiceInput *input = choice->input;
    const Resolution *resolution = input->resolution;
    bool past = input->statement->travel_count > 0 || input->statement->as_of;
    if (past && !is_kind(input->engines[engine], "columnar"))
        return refuse(verdict, "%s keeps no past of its tables%s", input->engines[engine]->name, "");
    if (choice->home >= 0 && choice->home != engine)
        return refuse(verdict, "%s belongs to %s",
                      input->features->kind == STATEMENT_DDL ? "this definition"
                                                             : "the table that is written",
                      input->engines[choice->home]->name);
    if (input->features->file_function && !is_kind(input->engines[engine], "columnar"))
        return refuse(verdict, "%s() reads files, which only the columnar engine does%s",
                      input->features->file_function, "");
    bool may_pull =
        federates(input->engines[engine]) &&
        (resolution->home == RESOLUTION_SEVERAL || choice->home == engine || input->features->file_function);
    for (int i = 0; i < resolution->count && !may_pull; i++)
        if (resolution->uses[i].engine >= 0 && resolution->uses[i].engine != engine &&
            !(resolution->uses[i].copies && resolution->uses[i].copies[engine]))
            return refuse(verdict, "table %s is in %s", input->features->tables[i].name,
                          input->engines[resolution->uses[i].engine]->name);
    return false;
}

/* ---- candidates
 * ---------------------------------------------------------------------------------------------- */

static void ask_engine(Choice *choice, int index) {
    const ChoiceInput *input = choice->input;
    Engine *engine = input->engines[index];
    EngineVerdict *verdict = &choice->decision->candidates[index].verdict;
    choice->statements[index] = placements_rebind(input->resolution, input->statement, index, input->arena);
    if (engine->ops->plan(engine, choice->statements[index], verdict, &choice->plans[index],
                          &choice->errors[index]) != STATUS_OK) {
        const Error *error = &choice->errors[index];
        *verdict = (EngineVerdict){.position = error->position};
        snprintf(verdict->why, sizeof verdict->why, "%.250s", error->message);
        snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", error->sqlstate);
        choice->standings[index] = STANDING_FAILED;
        return;
    }
    choice->standings[index] =
        verdict->eligible && choice->plans[index] ? STANDING_ELIGIBLE : STANDING_DECLINED;
    char message[200];
    if (choice->standings[index] != STANDING_ELIGIBLE) {
        verdict->eligible = false;
    } else if (input->avoid >> index & 1) {
        choice->standings[index] = STANDING_DOWN;
        verdict->eligible = false;
        snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", SQLSTATE_ENGINE_DOWN);
        snprintf(verdict->why, sizeof verdict->why, "engine has just failed at this statement");
    } else if (!health_admits(input->health, index, &choice->probes[index], message, sizeof message)) {
        choice->standings[index] = STANDING_DOWN;
        verdict->eligible = false;
        snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s", SQLSTATE_ENGINE_DOWN);
        snprintf(verdict->why, sizeof verdict->why, "engine is down%s%s", message[0] ? ": " : "", message);
    }
}

/* What a row store's dialect cannot say with PostgreSQL's meaning, an engine that federates can do over its
 * rows: a read whose one home declined it for that, and nothing of a session. */
static void ask_to_pull(Choice *choice) {
    const ChoiceInput *input = choice->input;
    int home = input->resolution->home;
    if (home < 0 || input->forced >= 0 || input->features->kind != STATEMENT_READ ||
        input->classification->class == CLASS_SESSION || choice->standings[home] != STANDING_DECLINED ||
        strcmp(choice->decision->candidates[home].verdict.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) != 0)
        return;
    for (int i = 0; i < input->engine_count; i++) {
        if (i == home || !federates(input->engines[i]) || choice->standings[i] != STANDING_REFUSED) continue;
        EngineVerdict refused = choice->decision->candidates[i].verdict;
        choice->decision->candidates[i].verdict = (EngineVerdict){0};
        ask_engine(choice, i);
        if (choice->standings[i] == STANDING_ELIGIBLE || choice->standings[i] == STANDING_DOWN) continue;
        choice->standings[i] = STANDING_REFUSED; /* its own reason would hide the home's */
        choice->decision->candidates[i].verdict = refused;
    }
}

static void price_candidates(Choice *choice) {
    const ChoiceInput *input = choice->input;
    bool read = input->features->kind == STATEMENT_READ;
    for (int i = 0; i < input->engine_count; i++)
        if (choice->standings[i] == STANDING_ELIGIBLE)
            pricing_apply(read ? input->pricing : NULL, choice->decision, i);
}

/* Takes away what rules forbid, and engines whose answers differed. */
static Status apply_rules(Choice *choice, RuleChoice *rules, Error *err) {
    unsigned quarantined = quarantine_refuse(choice->input, choice->decision);
    for (int i = 0; i < choice->input->engine_count; i++)
        if (quarantined >> i & 1) choice->standings[i] = STANDING_REFUSED;
    if (rules_count(choice->input->rules) == 0) return STATUS_OK;
    TRY(rules_choose(choice->input, choice->decision, rules, err));
    for (int i = 0; i < choice->input->engine_count; i++)
        if (rules->refused >> i & 1) choice->standings[i] = STANDING_REFUSED;
    return STATUS_OK;
}

static void gather_candidates(Choice *choice) {
    const ChoiceInput *input = choice->input;
    choice->home = home_of(input);
    choice->decision->candidate_count = input->engine_count;
    for (int i = 0; i < input->engine_count; i++) {
        Candidate *candidate = &choice->decision->candidates[i];
        candidate->engine = input->engines[i];
        bool postgres = is_kind(input->engines[i], "postgres");
        if ((!postgres && refuse_unless_postgres(input, i, &candidate->verdict)) ||
            refuse_elsewhere(choice, i, &candidate->verdict))
            choice->standings[i] = STANDING_REFUSED;
        else
            ask_engine(choice, i);
    }
    ask_to_pull(choice);
}

static void release_others(Choice *choice, int keep) {
    for (int i = 0; i < choice->input->engine_count; i++) {
        if (i != keep) engine_plan_release(choice->plans[i]);
        if (choice->probes[i]) health_end_choice(choice->input->health, i, i == keep);
    }
}

/* ---- choosing
 * ------------------------------------------------------------------------------------------------ */

static double cost_of(const Choice *choice, int index) {
    double cost = choice->decision->candidates[index].verdict.estimate.cost_ms;
    return isnan(cost) ? INFINITY : cost;
}

static int cheapest(const Choice *choice, bool row_stores_only) {
    int best = -1;
    for (int i = 0; i < choice->input->engine_count; i++) {
        if (choice->standings[i] != STANDING_ELIGIBLE ||
            (row_stores_only && !is_row_store(choice->input->engines[i])))
            continue;
        if (best < 0 || cost_of(choice, i) < cost_of(choice, best)) best = i;
    }
    return best;
}

/* An index that leads to the rows is to be trusted more than a difference between two estimates. */
static bool is_clearly_cheaper(const Choice *choice, int index, int than) {
    return cost_of(choice, index) * 1.5 < cost_of(choice, than);
}

static int default_engine(const Choice *choice) {
    const ChoiceInput *input = choice->input;
    int wanted = -1;
    for (int i = 0; i < input->engine_count && input->default_engine && input->default_engine[0]; i++)
        if (strcmp(input->engines[i]->name, input->default_engine) == 0) wanted = i;
    if (wanted >= 0 && choice->standings[wanted] == STANDING_ELIGIBLE) return wanted;
    /* PostgreSQL's answer is right whatever is computed: numerics of any length too. */
    static const char *const kinds[] = {"postgres", "columnar"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int engine = first_of_kind(input, kinds[i]);
        if (engine >= 0 && choice->standings[engine] == STANDING_ELIGIBLE) return engine;
    }
    return -1;
}

static int choose_by_rule(const Choice *choice, const char **rule) {
    const ChoiceInput *input = choice->input;
    int eligible = 0, any = -1;
    for (int i = 0; i < input->engine_count; i++)
        if (choice->standings[i] == STANDING_ELIGIBLE) {
            eligible++;
            any = i;
        }
    if (eligible == 0) return -1;
    StatementClass class = input->classification->class;
    if (class == CLASS_SESSION || class == CLASS_WRITE || class == CLASS_DDL) {
        *rule = class == CLASS_SESSION ? "session-home" : class == CLASS_WRITE ? "write-home" : "ddl-home";
        int postgres = first_of_kind(input, "postgres");
        bool home = choice->home >= 0 && choice->standings[choice->home] == STANDING_ELIGIBLE;
        if (home) return choice->home;
        return postgres >= 0 && choice->standings[postgres] == STANDING_ELIGIBLE ? postgres : any;
    }
    if (input->resolution->uses_catalog) {
        *rule = "system-catalog";
        return any;
    }
    if (class == CLASS_POINT_LOOKUP || class == CLASS_INDEXED_RANGE) {
        int row_store = cheapest(choice, true);
        *rule = class == CLASS_POINT_LOOKUP ? "point-lookup" : "indexed-range";
        int best = class == CLASS_INDEXED_RANGE ? cheapest(choice, false) : row_store;
        bool elsewhere =
            best >= 0 && best != row_store && row_store >= 0 && is_clearly_cheaper(choice, best, row_store);
        if (elsewhere) {
            *rule = "cost";
            return best;
        }
        if (row_store >= 0) return row_store;
    }
    if (class == CLASS_CONSTANT && eligible > 1) {
        *rule = "default-engine";
        int columnar = first_of_kind(input, "columnar");
        bool own = calls_search(input) && columnar >= 0 && choice->standings[columnar] == STANDING_ELIGIBLE;
        int engine = own ? columnar : default_engine(choice);
        return engine >= 0 ? engine : cheapest(choice, false);
    }
    *rule = class == CLASS_FEDERATED ? "federated" : eligible == 1 ? "only-eligible" : "cost";
    return cheapest(choice, false);
}

/* ---- when nobody can
 * ------------------------------------------------------------------------------------------ */

static void add_reasons(const Choice *choice, Error *err) {
    char text[sizeof err->detail];
    size_t length = 0;
    text[0] = 0;
    for (int i = 0; i < choice->input->engine_count && length < sizeof text; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s%s: %s", i > 0 ? "; " : "",
                             choice->input->engines[i]->name, choice->decision->candidates[i].verdict.why);
    (void)error_add_detail(err, "%s", text);
}

static Status fail_down(const Choice *choice, int index, Error *err) {
    (void)error_set(err, SQLSTATE_ENGINE_DOWN, "engine %s %s", choice->input->engines[index]->name,
                    choice->decision->candidates[index].verdict.why + strlen("engine "));
    return error_add_hint(err, "Try again when it is back; see /api/v1/engines.");
}

static Status fail_forced(const Choice *choice, Error *err) {
    int forced = choice->input->forced;
    const EngineVerdict *verdict = &choice->decision->candidates[forced].verdict;
    if (choice->standings[forced] == STANDING_FAILED) {
        if (err) *err = choice->errors[forced];
        return STATUS_ERROR;
    }
    if (choice->standings[forced] == STANDING_DOWN) return fail_down(choice, forced, err);
    return error_set_at(err, SQLSTATE_FORCED_ENGINE, verdict->position,
                        "engine %s cannot run this statement: %s", choice->input->engines[forced]->name,
                        verdict->why);
}

/* A user's mistake (an unknown column, a wrong type) rather than something an engine lacks. */
static bool is_users_mistake(const EngineVerdict *verdict) {
    return strncmp(verdict->sqlstate, "42", 2) == 0 || strncmp(verdict->sqlstate, "22", 2) == 0;
}

static Status fail_nobody(const Choice *choice, Error *err) {
    int engine_count = choice->input->engine_count, asked = -1, asked_count = 0, mistakes = 0;
    for (int i = 0; i < engine_count; i++)
        if (choice->standings[i] == STANDING_FAILED) {
            if (err) *err = choice->errors[i];
            return STATUS_ERROR;
        }
    for (int i = 0; i < engine_count; i++)
        if (choice->standings[i] == STANDING_DOWN) return fail_down(choice, i, err);
    for (int i = 0; i < engine_count; i++)
        if (choice->standings[i] == STANDING_DECLINED) {
            asked = i;
            asked_count++;
            mistakes += is_users_mistake(&choice->decision->candidates[i].verdict);
        }
    const EngineVerdict *verdict = asked >= 0 ? &choice->decision->candidates[asked].verdict : NULL;
    if (asked >= 0 && mistakes == asked_count) {
        (void)error_set_at(err, verdict->sqlstate, verdict->position, "%s", verdict->why);
        return STATUS_ERROR;
    }
    const Features *features = choice->input->features;
    if (asked_count == 1)
        (void)error_set_at(err, SQLSTATE_NO_ENGINE, verdict->position,
                           "engine %s cannot run this statement: %s", choice->input->engines[asked]->name,
                           verdict->why);
    else if (features->kind == STATEMENT_SESSION)
        (void)error_set(
            err, SQLSTATE_NO_ENGINE, "%s run whole in PostgreSQL, but a table of this request is elsewhere",
            features->statement_count > 1 ? "several statements in one request" : "session statements");
    else
        (void)error_set(err, SQLSTATE_NO_ENGINE, "no available engine can run this statement");
    add_reasons(choice, err);
    return STATUS_ERROR;
}

Status choose_engine(const ChoiceInput *input, Decision *out, Error *err) {
    Choice choice = {.input = input, .decision = out};
    gather_candidates(&choice);
    price_candidates(&choice);
    RuleChoice rules = {.prefer = -1};
    int chosen = -1;
    if (apply_rules(&choice, &rules, err) != STATUS_OK) {
        release_others(&choice, -1);
        return STATUS_ERROR;
    }
    if (input->forced >= 0) {
        out->forced = true;
        out->rule = "forced";
        chosen = choice.standings[input->forced] == STANDING_ELIGIBLE ? input->forced : -1;
    } else {
        chosen = choose_by_rule(&choice, &out->rule);
        if (rules.prefer >= 0 && choice.standings[rules.prefer] == STANDING_ELIGIBLE) {
            chosen = rules.prefer;
            out->rule = rules.rule;
        }
    }
    release_others(&choice, chosen);
    bool down = false;
    for (int i = 0; i < input->engine_count; i++)
        down |= choice.standings[i] == STANDING_DOWN;
    if (chosen < 0 && input->forced < 0 && rules.refused && !down)
        return rules_fail_nobody(input, out, &rules, err);
    if (chosen < 0) return input->forced >= 0 ? fail_forced(&choice, err) : fail_nobody(&choice, err);
    out->engine = input->engines[chosen];
    out->plan = choice.plans[chosen];
    out->statement = choice.statements[chosen];
    out->candidates[chosen].chosen = true;
    out->by_cost = strcmp(out->rule, "cost") == 0 || strcmp(out->rule, "indexed-range") == 0;
    atomic_store(&out->looked_at_ns, clock_now_ns());
    ChoiceInput settled = *input;
    settled.statement = out->statement;
    explain_choice(&settled, out, chosen);
    if (rules.rule && out->rule == rules.rule) out->reason = rules.reason;
    return STATUS_OK;
}
