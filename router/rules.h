/* Rules for people: [[rule]] of the configuration, tried in order before cost (docs/routing.md).
 *
 *   rules_read(config) → rules_context (per request, what of it depends on who asks and when)
 *   → rules_evaluate (per decision) → rules_release
 *
 * A set is immutable and counted. What a request alone decides (user, role, header, tag, time of day) is one
 * bit per rule, so decisions are cached by text and these bits: rules that look at the statement alone cost
 * a cached decision nothing. Every rule that matches takes effect; of two that prefer or require an engine
 * the first wins, engines forbidden add up, of limits the lowest holds, the first that denies ends it.
 */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/engine.h"
#include "router/router.h"

enum { RULES_MOST = 256, RULES_CONTEXT_WORDS = RULES_MOST / 64 };

typedef struct RuleSet RuleSet;

/* One bit per rule: what it asks of the request itself holds. */
typedef struct RuleBits {
    uint64_t words[RULES_CONTEXT_WORDS];
} RuleBits;

/* Reads every rule. All that is wrong is appended to `problems` (may be NULL), one "FILE:LINE: sentence" per
 * line; the first is also `err`. */
Status rules_read(const Config *config, RuleSet **out, StrBuf *problems, Error *err);
void rules_retain(RuleSet *rules);
void rules_release(RuleSet *rules); /* may be NULL */
int rules_count(const RuleSet *rules);
/* Some rule looks at the request: rules_context says something. */
bool rules_are_contextual(const RuleSet *rules);

/* `context` may be NULL: nobody in particular. `wall_us` is clock_wall_us(). */
void rules_context(RuleSet *rules, const RouteContext *context, int64_t wall_us, RuleBits *out);
/* The user that the request names by the configured header, or NULL. */
const char *rules_user(const RuleSet *rules, const RouteContext *context);

/* A request header's name as FastCGI has it: X-Team → HTTP_X_TEAM. "" stays "". */
enum { RULES_PARAMETER_BYTES = 128 };
void rules_header_parameter(const char *header, char parameter[RULES_PARAMETER_BYTES]);

/* What rules look at in a statement. */
typedef struct RuleTable {
    const char *engine, *schema; /* may be NULL */
    const char *name;
} RuleTable;
typedef struct RuleFacts {
    const RuleTable *tables;
    int table_count;
    StatementClass class;
    uint64_t fingerprint;
    double bytes; /* what the engine that reads least would scan, < 0 = unknown */
} RuleFacts;

/* Pointers are into the set. */
typedef struct RuleOutcome {
    const char *denied_by;             /* NULL = not denied */
    const char *deny_text;             /* NULL = none written */
    const char *prefer, *preferred_by; /* engine and rule, NULL = none */
    const char *require, *required_by;
    const char *forbidden_by[ROUTER_MAX_CANDIDATES]; /* by engine index */
    DecisionLimits limits;
    const char *bytes_limited_by;
    const char *matched[RULES_MOST]; /* names, in order */
    int matched_count;
} RuleOutcome;

/* `trials` (may be NULL) gets each rule tried. Rules behind one that denies are not tried. */
void rules_evaluate(const RuleSet *rules, const RuleBits *bits, const RuleFacts *facts,
                    Engine *const *engines, int engine_count, RuleTrials *trials, RuleOutcome *out);
