/* Few groups: a batch's rows are sorted by group once, then every call adds each group's rows to its one
 * state, which stays in registers. */
#include "engines/columnar/exec/aggregate_internal.h"

enum { LEAST_ROWS_PER_GROUP = 32 };

bool aggregate_sort_few(AggregateState *state, const Batch *batch) {
    int groups = (int)state->table.count;
    FewGroups *few = &state->few;
    few->count = 0;
    if (state->table.count > MOST_FEW_GROUPS || batch->selected < groups * LEAST_ROWS_PER_GROUP) return false;
    uint32_t next[MOST_FEW_GROUPS + 1] = {0};
    for (int k = 0; k < batch->selected; k++)
        next[state->groups[k] + 1]++;
    for (int g = 0; g < groups; g++)
        next[g + 1] += next[g];
    memcpy(few->starts, next, sizeof *next * (size_t)(groups + 1));
    if (batch->selection)
        for (int k = 0; k < batch->selected; k++)
            few->rows[next[state->groups[k]]++] = batch->selection[k];
    else
        for (int k = 0; k < batch->selected; k++)
            few->rows[next[state->groups[k]]++] = (uint16_t)k;
    few->count = groups;
    return true;
}

Status aggregate_update_few(const AggregateState *state, const AggregateSlot *slot, AggregateInput *input,
                            Error *err) {
    const FewGroups *few = &state->few;
    for (int g = 0; g < few->count; g++) {
        char *row = group_row(&state->table, g);
        input->selection = few->rows + few->starts[g];
        input->selected = (int)(few->starts[g + 1] - few->starts[g]);
        if (!input->selected) continue;
        TRY(slot->call->function->update_single(group_states(&state->table, row) + slot->state_offset, input,
                                                err));
    }
    return STATUS_OK;
}
