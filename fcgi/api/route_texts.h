/* The "route" member of answers, written once per decision: on the fast lane writing it took longer than the
 * rest of the answer. Belongs to one event loop. Each entry keeps its decision alive, so that a pointer names
 * one decision only; once a minute all are let go, since a decision holds on to the tables as they were. */
#pragma once

#include "engines/base/strbuf.h"
#include "router/router.h"

enum { ROUTE_TEXT_SLOTS = 256 };

typedef struct RouteTexts {
    struct RouteText {
        Decision *decision;
        StrBuf text;
    } slots[ROUTE_TEXT_SLOTS];
    int64_t emptied_ns;
} RouteTexts; /* all zero = empty */

void route_texts_deinit(RouteTexts *texts);
void route_texts_append(StrBuf *out, RouteTexts *texts, Decision *decision);
