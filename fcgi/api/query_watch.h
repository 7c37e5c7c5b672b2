/* The reads under way on the slow lane. Those whose engine has answered nothing for a while (it hangs) are
 * stopped, so that another engine can run them. One that is down but answers, with a refusal, fails its
 * statements by itself or goes on with them. Writes are left alone: what became of them is not known. */
#pragma once

#include "fcgi/api/query_answer.h"

void query_watch_begin(QueryRun *run);
void query_watch_end(QueryRun *run);
/* About once a second, with what the engines' health is. */
void query_watch_tick(Api *api, const EngineHealth health[ROUTER_MAX_CANDIDATES]);
