#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "router/rules_internal.h"

enum { MINUTES_OF_DAY = 24 * 60 };

void rules_retain(RuleSet *rules) {
    atomic_fetch_add(&rules->references, 1);
}

void rules_release(RuleSet *rules) {
    if (!rules || atomic_fetch_sub(&rules->references, 1) != 1) return;
    arena_deinit(&rules->arena);
    free(rules);
}

int rules_count(const RuleSet *rules) {
    return rules->count;
}

bool rules_are_contextual(const RuleSet *rules) {
    return rules->contextual;
}

bool rule_is_contextual(const Rule *rule) {
    return rule->users.count || rule->roles.count || rule->tags.count || rule->header_count ||
           rule->hours_count || rule->days;
}

/* `*` any text, `?` one byte. Goes back to the last star only, so it takes pattern × text steps at most. */
static bool matches(const char *glob, const char *text) {
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*glob == '*') {
            star = glob++;
            resume = text;
        } else if (*glob && (*glob == '?' || *glob == *text)) {
            glob++;
            text++;
        } else if (star) {
            glob = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return !*glob;
}

static bool matches_any(const RuleTexts *globs, const char *text) {
    for (int i = 0; text && i < globs->count; i++)
        if (matches(globs->items[i], text)) return true;
    return false;
}

/* ---- the request
 * ----------------------------------------------------------------------------------------- */

static const char *header_of(const RouteContext *context, const char *parameter) {
    return context && context->header && parameter ? context->header(context->request, parameter) : NULL;
}

const char *rules_user(const RuleSet *rules, const RouteContext *context) {
    const char *user = header_of(context, rules->user_parameter);
    return user && user[0] ? user : NULL;
}

static const char *tag_of(const RouteContext *context) {
    if (context && context->tag) return context->tag;
    return header_of(context, "HTTP_X_TAG");
}

/* Names with commas between, as the header has them. */
static bool matches_a_role(const RuleTexts *globs, const char *roles) {
    char role[256];
    for (const char *at = roles; at && *at;) {
        at += strspn(at, ", \t");
        size_t length = strcspn(at, ","), kept = length;
        while (kept && (at[kept - 1] == ' ' || at[kept - 1] == '\t'))
            kept--;
        if (kept && kept < sizeof role) {
            memcpy(role, at, kept);
            role[kept] = 0;
            if (matches_any(globs, role)) return true;
        }
        at += length;
    }
    return false;
}

/* Minute of the local week, Sunday 00:00 = 0. The calendar is asked once per minute. */
static int local_minute(RuleSet *rules, int64_t wall_us) {
    uint64_t minute = (uint64_t)(wall_us / 60000000), known = atomic_load(&rules->local_minute);
    if (known >> 16 == minute && (known & 0xFFFF)) return (int)(known & 0xFFFF) - 1;
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm local;
    if (!localtime_r(&seconds, &local)) gmtime_r(&seconds, &local);
    int found = local.tm_wday * MINUTES_OF_DAY + local.tm_hour * 60 + local.tm_min;
    atomic_store(&rules->local_minute, minute << 16 | (uint64_t)(found + 1));
    return found;
}

static bool is_within(const Rule *rule, int minute_of_day) {
    for (int i = 0; i < rule->hours_count; i++) {
        RuleHours hours = rule->hours[i];
        bool over_midnight = hours.to <= hours.from;
        bool after = minute_of_day >= hours.from, before = minute_of_day < hours.to;
        if (over_midnight ? after || before : after && before) return true;
    }
    return !rule->hours_count;
}

/* NULL when it holds, else what does not. */
static const char *context_obstacle(const Rule *rule, const RouteContext *context, const char *user,
                                    const char *roles, int minute) {
    if (rule->users.count && !matches_any(&rule->users, user)) return "the user is another";
    if (rule->roles.count && !matches_a_role(&rule->roles, roles)) return "no role fits";
    if (rule->tags.count && !matches_any(&rule->tags, tag_of(context))) return "the tag is another";
    for (int i = 0; i < rule->header_count; i++) {
        const char *value = header_of(context, rule->headers[i].parameter);
        if (!value || !matches(rule->headers[i].glob, value)) return "a header is another";
    }
    if (rule->days && !(rule->days >> minute / MINUTES_OF_DAY & 1)) return "not on this day";
    if (rule->hours_count && !is_within(rule, minute % MINUTES_OF_DAY)) return "not at this time of day";
    return NULL;
}

static const char *obstacle_now(RuleSet *rules, const Rule *rule, const RouteContext *context,
                                int64_t wall_us) {
    return context_obstacle(rule, context, rules_user(rules, context),
                            header_of(context, rules->role_parameter),
                            rules->timed ? local_minute(rules, wall_us) : 0);
}

void rules_context(RuleSet *rules, const RouteContext *context, int64_t wall_us, RuleBits *out) {
    *out = (RuleBits){0};
    if (!rules->contextual) return;
    for (int i = 0; i < rules->count; i++)
        if (rule_is_contextual(&rules->rules[i]) && !obstacle_now(rules, &rules->rules[i], context, wall_us))
            out->words[i / 64] |= (uint64_t)1 << i % 64;
}

/* ---- the statement
 * --------------------------------------------------------------------------------------- */

/* By its name, SCHEMA.NAME or ENGINE.SCHEMA.NAME. */
static bool matches_table(const RuleTexts *globs, const RuleTable *table) {
    char name[512];
    if (matches_any(globs, table->name)) return true;
    if (!table->schema) return false;
    snprintf(name, sizeof name, "%s.%s", table->schema, table->name);
    if (matches_any(globs, name)) return true;
    if (!table->engine) return false;
    snprintf(name, sizeof name, "%s.%s.%s", table->engine, table->schema, table->name);
    return matches_any(globs, name);
}

static const char *table_obstacle(const Rule *rule, const RuleFacts *facts) {
    for (int i = 0; i < facts->table_count; i++)
        if (matches_table(&rule->tables, &facts->tables[i])) return NULL;
    return "no table fits";
}

static const char *statement_obstacle(const Rule *rule, const RuleFacts *facts) {
    if (rule->classes && !(rule->classes >> facts->class & 1)) return "the class is another";
    bool known = !rule->fingerprint_count;
    for (int i = 0; i < rule->fingerprint_count; i++)
        known |= rule->fingerprints[i] == facts->fingerprint;
    if (!known) return "the fingerprint is another";
    if (rule->min_bytes >= 0 && facts->bytes < rule->min_bytes)
        return facts->bytes < 0 ? "the bytes it would scan are not known" : "fewer bytes would be scanned";
    if (rule->max_bytes >= 0 && (facts->bytes < 0 || facts->bytes > rule->max_bytes))
        return facts->bytes < 0 ? "the bytes it would scan are not known" : "more bytes would be scanned";
    return rule->tables.count ? table_obstacle(rule, facts) : NULL;
}

/* ---- what follows
 * ----------------------------------------------------------------------------------------- */

static void limit_number(double wanted, double *limit) {
    if (wanted > 0 && (*limit <= 0 || wanted < *limit)) *limit = wanted;
}

static void take_limits(const Rule *rule, RuleOutcome *out) {
    const DecisionLimits *wanted = &rule->limits;
    limit_number(wanted->max_runtime_seconds, &out->limits.max_runtime_seconds);
    double before = out->limits.max_bytes_scanned;
    limit_number(wanted->max_bytes_scanned, &out->limits.max_bytes_scanned);
    if (out->limits.max_bytes_scanned != before) out->bytes_limited_by = rule->name;
    if (wanted->max_rows > 0 && (out->limits.max_rows == 0 || wanted->max_rows < out->limits.max_rows))
        out->limits.max_rows = wanted->max_rows;
}

static void take_effect(const Rule *rule, Engine *const *engines, int engine_count, RuleOutcome *out) {
    out->matched[out->matched_count++] = rule->name;
    if (rule->denies) {
        out->denied_by = rule->name;
        out->deny_text = rule->deny_text;
        return;
    }
    if (rule->prefer && !out->prefer) {
        out->prefer = rule->prefer;
        out->preferred_by = rule->name;
    }
    if (rule->require && !out->require) {
        out->require = rule->require;
        out->required_by = rule->name;
    }
    for (int i = 0; i < rule->forbid.count; i++)
        for (int j = 0; j < engine_count; j++)
            if (!out->forbidden_by[j] && !strcmp(engines[j]->name, rule->forbid.items[i]))
                out->forbidden_by[j] = rule->name;
    take_limits(rule, out);
}

static void note_trial(RuleTrials *trials, const Rule *rule, const char *obstacle) {
    if (!trials) return;
    RuleTrial *trial = &trials->items[trials->count++];
    *trial = (RuleTrial){.name = arena_strdup(trials->arena, rule->name),
                         .line = rule->line,
                         .matched = !obstacle,
                         .why = obstacle ? obstacle : "all of it fits"};
}

void rules_evaluate(const RuleSet *rules, const RuleBits *bits, const RuleFacts *facts,
                    Engine *const *engines, int engine_count, RuleTrials *trials, RuleOutcome *out) {
    *out = (RuleOutcome){0};
    if (trials) {
        trials->count = 0;
        trials->items = ARENA_NEW_ARRAY(trials->arena, RuleTrial, rules->count + 1);
    }
    for (int i = 0; i < rules->count && !out->denied_by; i++) {
        const Rule *rule = &rules->rules[i];
        bool asked = rule_is_contextual(rule), holds = bits->words[i / 64] >> i % 64 & 1;
        const char *obstacle = NULL;
        if (asked && !holds) {
            if (trials) obstacle = obstacle_now((RuleSet *)rules, rule, trials->context, trials->wall_us);
            if (!obstacle) obstacle = "it asks for another request";
        } else {
            obstacle = statement_obstacle(rule, facts);
        }
        if (!obstacle) take_effect(rule, engines, engine_count, out);
        note_trial(trials, rule, obstacle);
    }
}
