/* Questions to parse trees, whatever is in them. */
#include <string.h>

#include "engines/mysql/dialect_internal.h"

static size_t count_of(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    return *(const size_t *)(const void *)((const char *)message + field->quantifier_offset);
}

static bool is_absent(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
           *(const uint32_t *)(const void *)((const char *)message + field->quantifier_offset) != field->id;
}

static ProtobufCMessage *const *items_of(const ProtobufCMessage *message,
                                         const ProtobufCFieldDescriptor *field) {
    return *(ProtobufCMessage *const *const *)(const void *)((const char *)message + field->offset);
}

static const ProtobufCMessage *item_of(const ProtobufCMessage *message,
                                       const ProtobufCFieldDescriptor *field) {
    return *(ProtobufCMessage *const *)(const void *)((const char *)message + field->offset);
}

static bool field_finds(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        TreeQuestion question, const void *argument) {
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || is_absent(message, field)) return false;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return dialect_tree_finds(item_of(message, field), question, argument);
    for (size_t i = 0; i < count_of(message, field); i++)
        if (dialect_tree_finds(items_of(message, field)[i], question, argument)) return true;
    return false;
}

bool dialect_tree_finds(const ProtobufCMessage *message, TreeQuestion question, const void *argument) {
    if (!message) return false;
    if (question(message, argument)) return true;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        if (field_finds(message, &message->descriptor->fields[i], question, argument)) return true;
    return false;
}

/* A column of that name, or * . */
static bool is_column(const ProtobufCMessage *message, const void *name) {
    if (message->descriptor != &pg_query__column_ref__descriptor) return false;
    const PgQuery__ColumnRef *ref = (const PgQuery__ColumnRef *)message;
    const char *column = dialect_string(ref->fields[ref->n_fields - 1]);
    return !name || !column || !strcmp(column, name);
}

bool dialect_reads_column(const ProtobufCMessage *message, const char *name) {
    return dialect_tree_finds(message, is_column, name);
}

static bool varies(const ProtobufCMessage *message, const void *unused) {
    (void)unused;
    return message->descriptor == &pg_query__column_ref__descriptor ||
           message->descriptor == &pg_query__func_call__descriptor ||
           message->descriptor == &pg_query__sub_link__descriptor;
}

bool dialect_is_constant(const Node *node) {
    return !dialect_tree_finds(&node->base, varies, NULL);
}

static bool same_field(const ProtobufCMessage *a, const ProtobufCMessage *b,
                       const ProtobufCFieldDescriptor *field) {
    if (is_absent(a, field) != is_absent(b, field)) return false;
    if (is_absent(a, field)) return true;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || count_of(a, field) != count_of(b, field)) return false;
        for (size_t i = 0; i < count_of(a, field); i++)
            if (!dialect_same_tree(items_of(a, field)[i], items_of(b, field)[i])) return false;
        return true;
    }
    const void *left = (const char *)a + field->offset, *right = (const char *)b + field->offset;
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: return dialect_same_tree(item_of(a, field), item_of(b, field));
    case PROTOBUF_C_TYPE_STRING:
        return !strcmp(*(char *const *)left ? *(char *const *)left : "",
                       *(char *const *)right ? *(char *const *)right : "");
    case PROTOBUF_C_TYPE_BOOL: return *(const protobuf_c_boolean *)left == *(const protobuf_c_boolean *)right;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: return !memcmp(left, right, 8);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM: return !memcmp(left, right, 4);
    default: return false;
    }
}

bool dialect_same_tree(const ProtobufCMessage *a, const ProtobufCMessage *b) {
    if (!a || !b) return a == b;
    if (a->descriptor != b->descriptor) return false;
    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &a->descriptor->fields[i];
        if (strcmp(field->name, "location") != 0 && !same_field(a, b, field)) return false;
    }
    return true;
}
