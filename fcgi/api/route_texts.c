#include "fcgi/api/route_texts.h"

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "fcgi/api/decision_json.h"

static const int64_t EMPTY_INTERVAL_NS = 60000000000;

static void empty(struct RouteText *slot) {
    if (!slot->decision) return;
    decision_release(slot->decision);
    slot->decision = NULL;
    strbuf_deinit(&slot->text);
}

void route_texts_deinit(RouteTexts *texts) {
    for (int i = 0; i < ROUTE_TEXT_SLOTS; i++)
        empty(&texts->slots[i]);
}

void route_texts_append(StrBuf *out, RouteTexts *texts, Decision *decision) {
    int64_t now_ns = clock_now_ns();
    if (now_ns - texts->emptied_ns > EMPTY_INTERVAL_NS) {
        route_texts_deinit(texts);
        texts->emptied_ns = now_ns;
    }
    struct RouteText *slot = &texts->slots[hash64_u64((uint64_t)(uintptr_t)decision) % ROUTE_TEXT_SLOTS];
    if (slot->decision != decision) {
        empty(slot);
        decision_retain(decision);
        slot->decision = decision;
        strbuf_init(&slot->text);
        decision_append_route(&slot->text, decision);
    }
    strbuf_append(out, slot->text.data, slot->text.length);
}
