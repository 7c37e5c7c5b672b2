/* Functions of plugins (engines/columnar/plugin.h) as functions of the engine. */
#pragma once

#include "engines/columnar/kernels/aggregate.h"

/* Loads the objects of a list separated by colons, each once per process. Called before any statement is
 * bound, by one thread at a time. 58P01 when there is no such file, F0000 for anything else that is wrong
 * with it. */
Status plugins_load(const char *paths, Error *err);

int plugin_function_candidates(const char *name, const ScalarFunction **out, int capacity);
int plugin_aggregate_candidates(const char *name, const AggregateFunction **out, int capacity);
