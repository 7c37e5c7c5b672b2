/* Rules at the point of choice: between the candidates' verdicts and the router's own rules (choose.c). */
#pragma once

#include "router/choose.h"

typedef struct RuleChoice {
    unsigned refused;   /* engines (1 << index) that could, and that a rule takes away */
    const char *rule;   /* "rule:NAME" of the one that prefers or requires, NULL = none */
    const char *reason; /* in words */
    int prefer;         /* engine index, -1 = none */
} RuleChoice;

/* Fills the decision's rules and limits and the refused candidates' verdicts. Error: SB005. */
Status rules_choose(const ChoiceInput *input, Decision *decision, RuleChoice *out, Error *err);
/* SB005: rules took every engine away that could. */
Status rules_fail_nobody(const ChoiceInput *input, const Decision *decision, const RuleChoice *choice,
                         Error *err);
