// PostgreSQL as the editor shows it: words that people write in statements, not the whole of the grammar's list,
// in which "id", "name" and "result" are keywords too.
import { PostgreSQL, SQLDialect } from '@codemirror/lang-sql';

const keywords = `add all alter analyze and any array as asc asymmetric begin between by case cast check collate column commit concurrently
  conflict constraint create cross cube current_date current_time current_timestamp database default delete desc distinct do drop else end
  escape except exists explain false fetch filter first following for foreign from full group grouping having if ilike in index inner insert
  intersect interval into is isnull join key last lateral left like limit localtime localtimestamp materialized natural not nothing notnull
  null nulls offset on only or order ordinality outer over overlaps partition preceding primary range recursive references returning right
  rollback rollup row rows schema select set sets show similar some symmetric table tablesample temporary then ties to transaction true
  truncate unbounded union unique update using values verbose view when where window with within without zone`;

const types = `bigint bigserial bit boolean bool bytea char character cidr date decimal double float float4 float8 inet int int2 int4 int8 integer
  json jsonb money numeric precision real serial smallint text time timestamp timestamptz timetz uuid varchar varying xml`;

const builtin = `abs age array_agg avg bool_and bool_or ceil char_length coalesce concat concat_ws corr count cume_dist date_part date_trunc dense_rank
  exp extract first_value floor format generate_series greatest json_agg json_build_object jsonb_agg jsonb_build_object lag last_value lead least
  left length ln log lower lpad ltrim max md5 min mod mode now ntile nullif percent_rank percentile_cont percentile_disc position power random
  rank regexp_match regexp_replace repeat replace reverse right round row_number rpad rtrim sign split_part sqrt stddev stddev_pop stddev_samp
  string_agg strpos substr substring sum to_char to_date to_number to_timestamp translate trim trunc unnest upper var_pop var_samp variance
  width_bucket`;

export const dialect = SQLDialect.define({ ...PostgreSQL.spec, keywords, types, builtin });
