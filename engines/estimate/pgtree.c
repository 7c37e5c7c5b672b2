#include "engines/estimate/pgtree.h"

static void visit_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        PgTreeVisitor visit, void *state) {
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return;
    const char *base = (const char *)message;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        const ProtobufCMessage *child = *(const ProtobufCMessage *const *)(base + field->offset);
        if (child) pgtree_visit(child, visit, state);
        return;
    }
    size_t count = *(const size_t *)(base + field->quantifier_offset);
    const ProtobufCMessage *const *children = *(const ProtobufCMessage *const *const *)(base + field->offset);
    for (size_t i = 0; i < count; i++)
        pgtree_visit(children[i], visit, state);
}

void pgtree_visit(const ProtobufCMessage *root, PgTreeVisitor visit, void *state) {
    if (!visit(state, root)) return;
    const ProtobufCMessageDescriptor *descriptor = root->descriptor;
    /* A Node is one of 238 kinds: go straight to the one it is. */
    if (descriptor == &pg_query__node__descriptor) {
        uint32_t kind = (uint32_t)((const PgQuery__Node *)root)->node_case;
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, kind);
        if (field) visit_field(root, field, visit, state);
        return;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        bool is_choice = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
        if (is_choice && *(const uint32_t *)((const char *)root + field->quantifier_offset) != field->id)
            continue;
        visit_field(root, field, visit, state);
    }
}

const char *pgtree_string(const PgQuery__Node *node) {
    return node && node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}
