/* The functions of the plugin aggregate at place SLOT. */
#define SLOT_PASTE2(name, slot) name##slot
#define SLOT_PASTE(name, slot)  SLOT_PASTE2(name, slot)
#define SLOT_NAME(name)         SLOT_PASTE(name, SLOT)

static Status SLOT_NAME(plugin_update_)(char *states, size_t stride, const uint32_t *groups,
                                        const AggregateInput *input, Error *err) {
    return aggregate_update(aggregate_sources[SLOT], states, stride, groups, input, err);
}
static Status SLOT_NAME(plugin_single_)(void *state, const AggregateInput *input, Error *err) {
    return aggregate_update_single(aggregate_sources[SLOT], state, input, err);
}
static Status SLOT_NAME(plugin_combine_)(void *into, const void *from, Arena *arena, Error *err) {
    return aggregate_combine(aggregate_sources[SLOT], into, from, arena, err);
}
static Status SLOT_NAME(plugin_finalize_)(const char *states, size_t stride, int count, Vector *out,
                                          Arena *arena, Error *err) {
    return aggregate_finalize(aggregate_sources[SLOT], states, stride, count, out, arena, err);
}
static const AggregateFunction SLOT_NAME(plugin_slot_) = {.update = SLOT_NAME(plugin_update_),
                                                          .update_single = SLOT_NAME(plugin_single_),
                                                          .combine = SLOT_NAME(plugin_combine_),
                                                          .finalize = SLOT_NAME(plugin_finalize_)};
#undef SLOT_PASTE2
#undef SLOT_PASTE
#undef SLOT_NAME
#undef SLOT
