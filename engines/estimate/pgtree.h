/* Walks libpg_query's tree by its descriptors: every message below `root` once, parents first. */
#pragma once

#include <pg_query/pg_query.pb-c.h>
#include <stdbool.h>

/* Return false to leave out what is below `message`. */
typedef bool (*PgTreeVisitor)(void *state, const ProtobufCMessage *message);
void pgtree_visit(const ProtobufCMessage *root, PgTreeVisitor visit, void *state);

#define PGTREE_IS(message, name) ((message)->descriptor == &pg_query__##name##__descriptor)

/* Text of a String node, or NULL. */
const char *pgtree_string(const PgQuery__Node *node);
