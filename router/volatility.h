/* Functions that functions.h does not list, by what the engines told of theirs.
 *
 *   features_read → resolve_tables → volatility_read → classify
 *
 * A function that an engine has and calls volatile makes the statement one of a session, and so does one that
 * nobody knows: it may write. So does a view that calls one. */
#pragma once

#include "router/features.h"
#include "router/resolve.h"

void volatility_read(const RegistrySnapshot *snapshot, const Resolution *resolution, Features *features);
