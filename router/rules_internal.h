/* What rules_read.c makes and rules.c asks. */
#pragma once

#include "router/rules.h"

typedef struct RuleTexts { /* globs or names */
    const char **items;
    int count;
} RuleTexts;

typedef struct RuleHeader {
    const char *name;      /* as written */
    const char *parameter; /* HTTP_X_TEAM */
    const char *glob;
} RuleHeader;

typedef struct RuleHours { /* minutes of the day, [from, to); over midnight when to ≤ from */
    int from, to;
} RuleHours;

typedef struct Rule {
    const char *name;
    int line;
    /* Asked of the request. */
    RuleTexts users, roles, tags;
    RuleHeader *headers;
    int header_count;
    RuleHours *hours;
    int hours_count;
    unsigned days; /* bit 0 = Sunday; 0 = any */
    /* Asked of the statement. */
    RuleTexts tables;
    unsigned classes; /* bit per StatementClass; 0 = any */
    uint64_t *fingerprints;
    int fingerprint_count;
    double min_bytes, max_bytes; /* < 0 = any */
    /* What follows. */
    bool denies;
    const char *deny_text;
    const char *prefer, *require;
    RuleTexts forbid;
    DecisionLimits limits;
} Rule;

struct RuleSet {
    _Atomic int references;
    Arena arena;
    Rule *rules;
    int count;
    bool contextual, timed;
    const char *user_parameter, *role_parameter; /* HTTP_X_USER, NULL = none */
    _Atomic uint64_t local_minute;               /* minutes since 1970 << 16 | minute of the local week + 1 */
};

bool rule_is_contextual(const Rule *rule);
