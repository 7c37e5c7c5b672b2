/* An example of a plugin: two functions and an aggregate. Built by the tests and shown in docs/plugins.md. */
#include "engines/columnar/plugin.h"

#include <stdio.h>

/* fibonacci(integer) → bigint; 22003 beyond what bigint holds. */
static int fibonacci(SignalboxCall *call) {
    const SignalboxVector *arg = &call->args[0];
    int64_t *out = call->out_values;
    for (int k = 0; k < call->selected; k++) {
        int row = signalbox_row(call, k);
        if (signalbox_is_null(arg, row)) continue;
        int32_t n = ((const int32_t *)arg->values)[arg->constant ? 0 : row];
        if (n < 0 || n > 92) {
            snprintf(call->error, sizeof call->error, "fibonacci(%d) is out of range", n);
            memcpy(call->sqlstate, "22003", 6);
            return 1;
        }
        int64_t a = 0, b = 1;
        for (int i = 0; i < n; i++) {
            int64_t next = (int64_t)((uint64_t)a + (uint64_t)b);
            a = b;
            b = next;
        }
        out[row] = a;
    }
    return 0;
}

/* shout(text) → text: with an exclamation mark; NULL for the empty string. */
static int shout(SignalboxCall *call) {
    const SignalboxVector *arg = &call->args[0];
    SignalboxString *out = call->out_values;
    for (int k = 0; k < call->selected; k++) {
        int row = signalbox_row(call, k);
        if (signalbox_is_null(arg, row)) continue;
        const SignalboxString *text = (const SignalboxString *)arg->values + (arg->constant ? 0 : row);
        if (text->length == 0) {
            call->out_validity[row >> 6] &= ~(UINT64_C(1) << (row & 63));
            continue;
        }
        char *made = call->alloc(call->context, (size_t)text->length + 1);
        memcpy(made, signalbox_string_data(text), text->length);
        made[text->length] = '!';
        out[row] = signalbox_string_make(made, text->length + 1);
    }
    return 0;
}

/* product(double precision) → double precision; NULL without rows. */
typedef struct Product {
    double value;
    int64_t count;
} Product;

static int product_update(char *states, size_t stride, const uint32_t *groups, SignalboxCall *call) {
    const SignalboxVector *arg = &call->args[0];
    for (int k = 0; k < call->selected; k++) {
        int row = signalbox_row(call, k);
        Product *state = (Product *)(void *)(states + groups[k] * stride);
        if (signalbox_is_null(arg, row)) continue;
        double value = ((const double *)arg->values)[arg->constant ? 0 : row];
        state->value = state->count++ ? state->value * value : value;
    }
    return 0;
}

static int product_combine(void *into, const void *from, SignalboxCall *call) {
    Product *a = into;
    const Product *b = from;
    (void)call;
    if (b->count) a->value = a->count ? a->value * b->value : b->value;
    a->count += b->count;
    return 0;
}

static int product_finalize(const void *state, void *value, SignalboxCall *call) {
    const Product *product = state;
    (void)call;
    memcpy(value, &product->value, sizeof product->value);
    return product->count == 0;
}

static const SignalboxScalar SCALARS[] = {
    {"fibonacci", 1, {SIGNALBOX_INT4}, SIGNALBOX_INT8, 1, fibonacci},
    {"shout", 1, {SIGNALBOX_TEXT}, SIGNALBOX_TEXT, 1, shout},
};
static const SignalboxAggregate AGGREGATES[] = {
    {"product",
     1,
     {SIGNALBOX_FLOAT8},
     SIGNALBOX_FLOAT8,
     sizeof(Product),
     1,
     product_update,
     product_combine,
     product_finalize},
};

static const SignalboxPlugin PLUGIN = {
    SIGNALBOX_PLUGIN_ABI, sizeof(SignalboxPlugin), "example", SCALARS, 2, AGGREGATES, 1};

const SignalboxPlugin *signalbox_plugin(void);
const SignalboxPlugin *signalbox_plugin(void) {
    return &PLUGIN;
}
