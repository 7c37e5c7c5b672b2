#include "engines/columnar/columnar_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/catalog_intake.h"
#include "engines/columnar/copy_writer.h"
#include "engines/columnar/dml/row_source.h"
#include "engines/columnar/files/file_paths.h"

typedef struct Copy {
    const CopyContext *context;
    const Statement *statement;
    const PgQuery__CopyStmt *stmt;
    CopyOptions options;
    Arena *arena;
    Execution *execution;
} Copy;

const PgQuery__CopyStmt *copy_of(const Statement *statement) {
    const PgQuery__ParseResult *tree = statement->tree;
    if (!tree || tree->n_stmts != 1 || !tree->stmts[0]->stmt ||
        tree->stmts[0]->stmt->node_case != PG_QUERY__NODE__NODE_COPY_STMT)
        return NULL;
    return tree->stmts[0]->stmt->copy_stmt;
}

static Status unsupported(const char *what, Error *err) {
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "%s is not available in the columnar engine", what);
}

/* ---- FROM ------------------------------------------------------------------------------------------------
 */

/* The files stay open from here to the end: what is read is what was looked at. */
static Status open_sources(Copy *copy, const FilePathList *files, TableIntakeSource *sources, Error *err) {
    for (int i = 0; i < files->count; i++) {
        const char *slash = strrchr(files->items[i].path, '/');
        int fd = open(files->items[i].path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) return error_set_errno(err, errno, "cannot open \"%s\"", files->items[i].path);
        sources[i] = (TableIntakeSource){.name = slash + 1, .fd = fd};
    }
    return STATUS_OK;
}

static Status load(Copy *copy, const TableBinding *binding, const TableIntakeSource *sources, int count,
                   int64_t *rows, Error *err) {
    static const TableIntakeFormat formats[] = {[COPY_FORMAT_AUTO] = TABLE_INTAKE_AUTO,
                                                [COPY_FORMAT_CSV] = TABLE_INTAKE_CSV,
                                                [COPY_FORMAT_JSON] = TABLE_INTAKE_JSON,
                                                [COPY_FORMAT_PARQUET] = TABLE_INTAKE_PARQUET};
    TableIntake intake = {.schema = binding->table->schema,
                          .table = binding->table->name,
                          .sources = sources,
                          .source_count = count,
                          .format = formats[copy->options.format],
                          .skip_bad_rows = copy->options.skip_bad_rows,
                          .delimiter = copy->options.delimiter,
                          .quote = copy->options.quote,
                          .header = copy->options.header,
                          .null_text = copy->options.null_text,
                          .cancel = copy->execution->cancel,
                          .arena = copy->arena};
    TableIntakeResult result;
    TRY(catalog_intake(copy->context->dml.catalog, copy->context->dml.resources->budget, &intake, &result,
                       err));
    *rows = result.row_count;
    return STATUS_OK;
}

static Status copy_from(Copy *copy, bool check, int64_t *rows, Error *err) {
    const Statement *statement = copy->statement;
    const PgQuery__CopyStmt *stmt = copy->stmt;
    FilePathList files = {0};
    if (stmt->n_attlist > 0) return unsupported("a list of columns of COPY FROM", err);
    if (stmt->where_clause) return unsupported("WHERE of COPY FROM", err);
    const TableBinding *binding = statement->binding_count == 1 ? &statement->bindings[0] : NULL;
    if (!binding || binding->engine != copy->context->dml.self || !binding->table)
        return unsupported("COPY into a table of another engine", err);
    if (strcmp(binding->table->kind, "table") != 0) return unsupported("COPY into a view", err);
    if (check) return STATUS_OK;
    TRY(file_paths_add(&files, file_tables_directories(copy->context->files), stmt->filename, copy->arena,
                       err));
    TableIntakeSource *sources = ARENA_NEW_ARRAY(copy->arena, TableIntakeSource, files.count + 1);
    for (int i = 0; i < files.count; i++)
        sources[i].fd = -1;
    Status status = open_sources(copy, &files, sources, err);
    if (status == STATUS_OK) status = load(copy, binding, sources, files.count, rows, err);
    for (int i = 0; i < files.count; i++)
        if (sources[i].fd >= 0) close(sources[i].fd);
    return status;
}

/* ---- TO --------------------------------------------------------------------------------------------------
 */

/* COPY t (a, b) TO is COPY (SELECT a, b FROM t) TO. */
typedef struct TableQuery {
    PgQuery__Node node, from;
    PgQuery__Node *from_list[1];
    PgQuery__SelectStmt select;
    PgQuery__Node star;
    PgQuery__AStar star_value;
} TableQuery;

static PgQuery__Node *target_of(Copy *copy, PgQuery__Node *field) {
    PgQuery__ColumnRef *column = ARENA_NEW(copy->arena, PgQuery__ColumnRef);
    PgQuery__ResTarget *target = ARENA_NEW(copy->arena, PgQuery__ResTarget);
    PgQuery__Node *nodes = ARENA_NEW_ARRAY(copy->arena, PgQuery__Node, 2);
    pg_query__column_ref__init(column);
    pg_query__res_target__init(target);
    pg_query__node__init(&nodes[0]);
    pg_query__node__init(&nodes[1]);
    column->fields = ARENA_NEW_ARRAY(copy->arena, PgQuery__Node *, 1);
    column->fields[0] = field;
    column->n_fields = 1;
    column->location = -1;
    nodes[0].node_case = PG_QUERY__NODE__NODE_COLUMN_REF;
    nodes[0].column_ref = column;
    target->val = &nodes[0];
    target->location = -1;
    nodes[1].node_case = PG_QUERY__NODE__NODE_RES_TARGET;
    nodes[1].res_target = target;
    return &nodes[1];
}

static PgQuery__Node *query_of_table(Copy *copy) {
    const PgQuery__CopyStmt *stmt = copy->stmt;
    TableQuery *query = ARENA_NEW(copy->arena, TableQuery);
    pg_query__node__init(&query->node);
    pg_query__node__init(&query->from);
    pg_query__node__init(&query->star);
    pg_query__a__star__init(&query->star_value);
    pg_query__select_stmt__init(&query->select);
    query->from.node_case = PG_QUERY__NODE__NODE_RANGE_VAR;
    query->from.range_var = stmt->relation;
    query->from_list[0] = &query->from;
    query->star.node_case = PG_QUERY__NODE__NODE_A_STAR;
    query->star.a_star = &query->star_value;
    size_t count = stmt->n_attlist ? stmt->n_attlist : 1;
    query->select.target_list = ARENA_NEW_ARRAY(copy->arena, PgQuery__Node *, count);
    query->select.n_target_list = count;
    for (size_t i = 0; i < count; i++)
        query->select.target_list[i] = target_of(copy, stmt->n_attlist ? stmt->attlist[i] : &query->star);
    query->select.from_clause = query->from_list;
    query->select.n_from_clause = 1;
    query->select.limit_option = PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_DEFAULT;
    query->select.op = PG_QUERY__SET_OPERATION__SETOP_NONE;
    query->node.node_case = PG_QUERY__NODE__NODE_SELECT_STMT;
    query->node.select_stmt = &query->select;
    return &query->node;
}

static Status plan_query(Copy *copy, Plan **out, Error *err) {
    PgQuery__RawStmt raw;
    PgQuery__RawStmt *list[1] = {&raw};
    PgQuery__ParseResult tree;
    Statement statement = *copy->statement;
    if (copy->stmt->query && copy->stmt->query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return unsupported("COPY of a statement that writes", err);
    pg_query__raw_stmt__init(&raw);
    pg_query__parse_result__init(&tree);
    raw.stmt = copy->stmt->query ? copy->stmt->query : query_of_table(copy);
    tree.stmts = list;
    tree.n_stmts = 1;
    statement.tree = &tree;
    statement.kind = STATEMENT_READ;
    return plan_statement_from(copy->context->dml.self, &copy->context->source, &statement, out, err);
}

static Status write_rows(Copy *copy, const Plan *plan, CopyWriter *writer, int64_t *rows, Error *err) {
    RowSource source;
    Batch *batch = NULL;
    TRY(row_source_open(&source, &copy->context->dml, plan, copy->execution, err));
    Status status = STATUS_OK;
    do {
        status = row_source_next(&source, &batch, err);
        if (status != STATUS_OK || !batch) break;
        *rows += batch->row_count;
        status = copy_writer_add(writer, batch, err);
    } while (status == STATUS_OK);
    row_source_close(&source);
    return status;
}

static Status write_file(Copy *copy, const Plan *plan, int64_t *rows, Error *err) {
    const char *path;
    CopyWriter *writer;
    TRY(file_paths_target(file_tables_directories(copy->context->files), copy->stmt->filename, copy->arena,
                          &path, err));
    TRY(copy_writer_open(path, &copy->options, plan->root->columns, plan->root->column_count, &writer, err));
    if (write_rows(copy, plan, writer, rows, err) != STATUS_OK) {
        copy_writer_abort(writer);
        return STATUS_ERROR;
    }
    return copy_writer_finish(writer, err);
}

static Status copy_to(Copy *copy, bool check, int64_t *rows, Error *err) {
    Plan *plan = NULL;
    TRY(plan_query(copy, &plan, err));
    Status status = check ? STATUS_OK : write_file(copy, plan, rows, err);
    plan_destroy(plan);
    return status;
}

Status copy_run(const CopyContext *context, const Statement *statement, bool check, Execution *execution,
                int64_t *rows, Error *err) {
    Arena arena;
    Copy copy = {.context = context,
                 .statement = statement,
                 .stmt = copy_of(statement),
                 .arena = &arena,
                 .execution = execution};
    *rows = 0;
    if (!copy.stmt->filename || !copy.stmt->filename[0] || copy.stmt->is_program)
        return unsupported("COPY with STDIN, STDOUT or PROGRAM", err);
    TRY(copy_options_read(copy.stmt, &copy.options, err));
    arena_init(&arena);
    Status status =
        copy.stmt->is_from ? copy_from(&copy, check, rows, err) : copy_to(&copy, check, rows, err);
    arena_deinit(&arena);
    return status;
}
