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

// Functions with what they take, beside the words that the dialect knows.
const signatures = `abs(x)|age(a, b)|array_agg(x)|avg(x)|ceil(x)|coalesce(a, b, ...)|concat(a, b, ...)|count(*)|count(DISTINCT x)|date_trunc('unit', t)|
  dense_rank() OVER (ORDER BY x)|extract(part FROM t)|first_value(x) OVER (ORDER BY y)|floor(x)|generate_series(from, to)|greatest(a, b)|lag(x) OVER (ORDER BY y)|
  lead(x) OVER (ORDER BY y)|least(a, b)|length(s)|lower(s)|max(x)|min(x)|now()|ntile(n) OVER (ORDER BY x)|nullif(a, b)|
  percentile_cont(p) WITHIN GROUP (ORDER BY x)|rank() OVER (ORDER BY x)|regexp_replace(s, pattern, with)|replace(s, from, to)|round(x, digits)|
  row_number() OVER (ORDER BY x)|search(column, 'words')|split_part(s, by, n)|string_agg(s, by)|substring(s FROM a FOR n)|sum(x)|to_char(t, format)|
  trim(s)|unnest(array)|upper(s)|approx_count_distinct(x)|width_bucket(x, low, high, n)`.split('|').map((text) => text.trim());

const functions = signatures.map((signature) => {
  const name = signature.slice(0, signature.indexOf('('));
  const apply = /^\w+\(\)/.test(signature) || signature.includes('OVER') || signature.includes('*') ? signature.replace(/ OVER .*/, ' OVER ()') : `${name}(`;
  return { label: name, detail: signature.slice(name.length), type: 'function', apply };
});

export const functionCompletion = (context) => {
  const word = context.matchBefore(/\w+/);
  if (!word || context.state.sliceDoc(word.from - 1, word.from) === '.') return null;
  return { from: word.from, options: functions, validFor: /^\w*$/ };
};
