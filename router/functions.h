/* What is known of functions by name, for routing alone: which change something or answer differently each
 * time, which leave something behind in the session, which are aggregates. A name in no list may be a user's
 * own function, which only PostgreSQL can know. */
#pragma once

#include <stdbool.h>

typedef enum FunctionNature {
    FUNCTION_UNKNOWN,
    FUNCTION_SAFE,      /* immutable, or stable within a statement */
    FUNCTION_AGGREGATE, /* safe, too */
    FUNCTION_WINDOW,    /* only with OVER; safe */
    FUNCTION_VOLATILE,
    FUNCTION_FILE,   /* reads files, which the columnar engine does */
    FUNCTION_SESSION /* volatile, and leaves state in the connection */
} FunctionNature;

FunctionNature function_nature(const char *name);
