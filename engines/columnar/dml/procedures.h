/* The procedures of schema signalbox. Internal to dml/. */
#pragma once

#include "engines/columnar/dml/ddl.h"

enum { PROCEDURE_MAX_PARAMETERS = 4 };

typedef enum ArgumentKind { ARGUMENT_TEXT, ARGUMENT_NUMBER } ArgumentKind;

typedef struct ProcedureParameter {
    const char *name;
    ArgumentKind kind;
} ProcedureParameter;

typedef struct ProcedureArgument {
    bool given; /* and not NULL */
    const char *text;
    int64_t number;
} ProcedureArgument;

typedef struct ProcedureCall {
    Ddl *ddl;
    const ProcedureArgument *arguments;
    DdlTable table; /* the first argument */
} ProcedureCall;

typedef struct Procedure {
    const char *name;
    ProcedureParameter parameters[PROCEDURE_MAX_PARAMETERS];
    int parameter_count, required_count;
    Status (*run)(const ProcedureCall *call, Error *err);
} Procedure;

/* One of the row that CALL answers; a negative value is NULL. */
typedef struct ProcedureResult {
    const char *name;
    int64_t value;
} ProcedureResult;
Status procedure_answer(Ddl *ddl, const ProcedureResult *results, int count, Error *err);

Status procedure_rollback(const ProcedureCall *call, Error *err);
Status procedure_create_branch(const ProcedureCall *call, Error *err);
Status procedure_create_tag(const ProcedureCall *call, Error *err);
Status procedure_drop_ref(const ProcedureCall *call, Error *err);
/* maintenance_procedures.c; NULL when it is none of them. */
const Procedure *procedure_maintenance(const char *name);
