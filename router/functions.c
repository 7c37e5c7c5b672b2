#include "router/functions.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Each list is sorted (strcmp); a unit test checks it. */
const char *const function_volatile_names[] = {
    "clock_timestamp", "currval", "gen_random_bytes", "gen_random_uuid", "lastval", "nextval", "pg_backend_pid",
    "pg_cancel_backend", "pg_create_restore_point", "pg_current_xact_id", "pg_logical_emit_message", "pg_ls_dir",
    "pg_notify", "pg_promote", "pg_read_binary_file", "pg_read_file", "pg_reload_conf", "pg_rotate_logfile", "pg_sleep",
    "pg_sleep_for", "pg_sleep_until", "pg_stat_file", "pg_stat_reset", "pg_switch_wal", "pg_terminate_backend", "random",
    "setval", "timeofday", "txid_current", "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4",
};
const size_t function_volatile_count = sizeof function_volatile_names / sizeof *function_volatile_names;

const char *const function_session_names[] = {
    "pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_all",
    "pg_advisory_unlock_shared", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_export_snapshot",
    "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared", "set_config", "setseed",
};
const size_t function_session_count = sizeof function_session_names / sizeof *function_session_names;

const char *const function_aggregate_names[] = {
    "any_value", "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "covar_pop",
    "covar_samp", "every", "grouping", "json_agg", "json_object_agg", "jsonb_agg", "jsonb_object_agg", "max", "min",
    "mode", "percentile_cont", "percentile_disc", "range_agg", "range_intersect_agg", "regr_avgx", "regr_avgy",
    "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "stddev", "stddev_pop",
    "stddev_samp", "string_agg", "sum", "var_pop", "var_samp", "variance", "xmlagg",
};
const size_t function_aggregate_count = sizeof function_aggregate_names / sizeof *function_aggregate_names;

const char *const function_window_names[] = {
    "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank", "rank",
    "row_number",
};
const size_t function_window_count = sizeof function_window_names / sizeof *function_window_names;

const char *const function_safe_names[] = {
    "abs", "acos", "acosd", "acosh", "age", "array_append", "array_cat", "array_dims", "array_fill", "array_length",
    "array_lower", "array_ndims", "array_position", "array_positions", "array_prepend", "array_remove", "array_replace",
    "array_to_json", "array_to_string", "array_upper", "ascii", "asin", "asind", "asinh", "atan", "atan2", "atan2d",
    "atand", "atanh", "bit_count", "bit_length", "btrim", "cardinality", "cbrt", "ceil", "ceiling", "char_length",
    "character_length", "chr", "concat", "concat_ws", "convert_from", "convert_to", "cos", "cosd", "cosh", "cot", "cotd",
    "current_database", "current_schema", "current_setting", "date_bin", "date_part", "date_trunc", "decode", "degrees",
    "div", "encode", "exp", "extract", "factorial", "floor", "format", "format_type", "gcd", "generate_series",
    "generate_subscripts", "get_bit", "get_byte", "has_table_privilege", "host", "initcap", "isempty", "isfinite",
    "json_array_elements", "json_array_elements_text", "json_array_length", "json_build_array", "json_build_object",
    "json_each", "json_each_text", "json_extract_path", "json_extract_path_text", "json_object", "json_object_keys",
    "json_populate_record", "json_to_record", "json_to_recordset", "json_typeof", "jsonb_array_elements",
    "jsonb_array_elements_text", "jsonb_array_length", "jsonb_build_array", "jsonb_build_object", "jsonb_each",
    "jsonb_each_text", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_object", "jsonb_object_keys",
    "jsonb_path_exists", "jsonb_path_query", "jsonb_path_query_array", "jsonb_path_query_first", "jsonb_pretty",
    "jsonb_set", "jsonb_strip_nulls", "jsonb_to_record", "jsonb_to_recordset", "jsonb_typeof", "justify_days",
    "justify_hours", "justify_interval", "lcm", "left", "length", "ln", "log", "log10", "lower", "lower_inc", "lower_inf",
    "lpad", "ltrim", "make_date", "make_interval", "make_time", "make_timestamp", "make_timestamptz", "masklen", "md5",
    "min_scale", "mod", "normalize", "now", "num_nonnulls", "num_nulls", "obj_description", "octet_length", "overlaps",
    "overlay", "parse_ident", "pg_column_size", "pg_database_size", "pg_get_constraintdef", "pg_get_expr",
    "pg_get_indexdef", "pg_get_viewdef", "pg_is_in_recovery", "pg_relation_size", "pg_size_pretty", "pg_table_size",
    "pg_total_relation_size", "pg_typeof", "phraseto_tsquery", "pi", "plainto_tsquery", "position", "pow", "power",
    "quote_ident", "quote_literal", "quote_nullable", "radians", "regexp_count", "regexp_instr", "regexp_like",
    "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array", "regexp_split_to_table",
    "regexp_substr", "repeat", "replace", "reverse", "right", "round", "row_to_json", "rpad", "rtrim", "scale", "sha224",
    "sha256", "sha384", "sha512", "sign", "similar_to_escape", "sin", "sind", "sinh", "split_part", "sqrt",
    "starts_with", "statement_timestamp", "string_to_array", "string_to_table", "strpos", "substr", "substring", "tan",
    "tand", "tanh", "text", "timezone", "to_ascii", "to_char", "to_date", "to_hex", "to_json", "to_jsonb", "to_number",
    "to_timestamp", "to_tsquery", "to_tsvector", "transaction_timestamp", "translate", "trim_array", "trim_scale",
    "trunc", "ts_headline", "ts_rank", "ts_rank_cd", "unnest", "upper", "upper_inc", "upper_inf", "version",
    "websearch_to_tsquery", "width_bucket",
};
const size_t function_safe_count = sizeof function_safe_names / sizeof *function_safe_names;

static int compare_name(const void *name, const void *entry) { return strcmp(name, *(const char *const *)entry); }

static bool listed(const char *name, const char *const *names, size_t count) {
    return bsearch(name, names, count, sizeof *names, compare_name) != NULL;
}

static bool has_prefix(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

FunctionNature function_nature(const char *name) {
    if (listed(name, function_safe_names, function_safe_count))
        return FUNCTION_SAFE;
    if (listed(name, function_aggregate_names, function_aggregate_count))
        return FUNCTION_AGGREGATE;
    if (listed(name, function_window_names, function_window_count))
        return FUNCTION_WINDOW;
    if (listed(name, function_session_names, function_session_count) || has_prefix(name, "dblink") ||
        has_prefix(name, "lo_"))
        return FUNCTION_SESSION;
    if (listed(name, function_volatile_names, function_volatile_count))
        return FUNCTION_VOLATILE;
    return FUNCTION_UNKNOWN;
}
