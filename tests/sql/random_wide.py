"""Rarer constructs on top of random_grammar: arrays, jsonb, intervals, time zones, table functions, recursion, nested set operations.

The table re holds what breaks engines: -0.0, infinities, NaN, empty and NULL-holding arrays, nested jsonb."""
from random_grammar import CAST_NAMES, Generator, KINDS, T, TABLES

SETUP = '''
DROP TABLE IF EXISTS re;
CREATE TABLE re (id int, k int, s text, n numeric(20,4), f double precision, iv text, tz timestamptz, j jsonb, a text, x text);
INSERT INTO re SELECT i, CASE WHEN i % 6 <> 0 THEN i % 5 END,
  (ARRAY['', 'a', 'äöü', 'b-c', NULL, 'X y', 'v1', '%_'])[i % 8 + 1],
  (ARRAY[0, 1.5, NULL, -3.125, 100, 1e10, 0.0001, -0.5]::numeric[])[i % 8 + 1],
  (ARRAY[0, '-0', 1.5, NULL, 'NaN', 'Infinity', '-Infinity', 1e300, -2.25, 3]::float8[])[i % 10 + 1],
  (ARRAY['1 day', '2 hours', NULL, '1 mon -3 days', '-00:00:01.5', '1 year 2 mons', '0'])[i % 7 + 1],
  CASE WHEN i % 9 <> 0 THEN timestamptz '2020-03-28 22:30:00+00' + i * interval '47 minutes' END,
  (ARRAY['{"a": 1, "b": [1, 2, {"c": null}]}', '[]', 'null', '{"a": "x", "b": {}}', '[1, "a", null, 2.50]', '"v1"', '12', NULL, '{}', '{"b": [], "a": null}', 'true']::jsonb[])[i % 11 + 1],
  CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN '{}' WHEN 2 THEN ARRAY[i, NULL, 2] WHEN 3 THEN ARRAY[3, 2, 1] WHEN 4 THEN ARRAY[i % 4] ELSE ARRAY[1, 2, i] END::text,
  CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '{}' WHEN 2 THEN ARRAY['a', NULL] WHEN 3 THEN ARRAY['b', 'a,c', ''] ELSE ARRAY['v' || i % 3] END::text
  FROM generate_series(1, 48) i;
'''
# Intervals and arrays cannot be stored in a columnar table: they are there as text.
RE = '(SELECT id, k, s, n, f, iv::interval AS iv, tz, j, a::int[] AS a, x::text[] AS x FROM re)'
WIDE_TABLES = {'re': {'id': 'int', 'k': 'int', 's': 'text', 'n': 'num', 'f': 'float', 'iv': 'iv', 'tz': 'tz', 'j': 'json', 'a': 'ints', 'x': 'texts'}}
WIDE_CASTS = {'iv': 'interval', 'tz': 'timestamptz', 'json': 'jsonb', 'ints': 'int[]', 'texts': 'text[]'}
WIDE_LITERALS = {
    'iv': ["interval '1 day'", "interval '90 minutes'", "interval '1 month -1 day'", "interval '0'"],
    'tz': ["timestamptz '2020-03-29 01:30:00+00'", "timestamptz '2020-03-30 12:00:00+02'"],
    'json': ["'{\"a\": 1}'::jsonb", "'[1, 2]'::jsonb", "'null'::jsonb", "'{\"b\": [1]}'::jsonb"],
    'ints': ["'{}'::int[]", 'ARRAY[1, 2]', 'ARRAY[NULL, 3]', "'{3,2,1}'::int[]"],
    'texts': ["'{}'::text[]", "ARRAY['a', 'b']", "ARRAY['v1', NULL]"],
}
CAST_NAMES.update(WIDE_CASTS)
TABLES.update(WIDE_TABLES)
WIDE_KINDS = list(WIDE_CASTS)


class WideGenerator(Generator):
    def literal(self, kind):
        if kind not in WIDE_LITERALS:
            return super().literal(kind)
        if self.chance(0.06):
            return T('NULL::', CAST_NAMES[kind], kind=kind)
        return T(self.rng.choice(WIDE_LITERALS[kind]), kind=kind)

    # ---- scalars ------------------------------------------------------------------------------------------

    def own(self, kind, s, scope, depth):
        wide = getattr(self, 'own_' + kind, None)
        if kind in WIDE_CASTS or (wide and self.chance(0.35)):
            return T(*wide(s, scope, depth), kind=kind)
        return super().own(kind, s, scope, depth)

    def either(self, *options):
        return self.rng.choice(options)()

    def own_int(self, s, scope, depth):
        lit = self.literal
        return self.either(
            lambda: ('cardinality(', s('ints'), ')'),
            lambda: ('cardinality(', s('texts'), ')'),
            lambda: ('cardinality(string_to_array(', s('text'), ', ', self.pick("'b'", "''", 'NULL', "'-'"), '))'),
            lambda: ('array_length(', s(self.pick('ints', 'texts')), ', ', self.pick('1', '1', '2'), ')'),
            lambda: ('array_position(', s('ints'), ', (', s('int'), ')::int)'),
            lambda: ('(', s('ints'), ')[', self.pick('1', '2', '0', '-1'), ']'),
            lambda: ('(SELECT ', self.pick('count(*)', 'count(u)', 'sum(u)', 'max(u)', 'min(u)'), '::int FROM unnest(', s('ints'), ') u', T(' WHERE u > ', lit('int'), optional=True), ')'),
            lambda: ('ascii(', s('text'), ')'),
            lambda: ('(', s('int'), self.pick(' & ', ' | ', ' # '), lit('int'), ')'),
            lambda: ('(', s('date'), ' - ', s('date'), ')'),
            lambda: ('extract(', self.pick('year', 'month', 'day', 'hour', 'epoch', 'dow', 'doy', 'isodow', 'week', 'quarter'), ' FROM ', s(self.pick('ts', 'tz')), ')::bigint'),
            lambda: ('extract(', self.pick('year', 'month', 'day', 'hour', 'epoch'), ' FROM ', s('iv'), ')::bigint'),
            lambda: ('octet_length(', s('text'), ')'),
            lambda: ('greatest(', s('int'), ', ', s('int'), ', ', s('int'), ')'),
            lambda: ("(jsonb_typeof(", s('json'), ") = 'object')::int"),
        )

    def own_num(self, s, scope, depth):
        return self.either(
            lambda: ('trunc(', s('num'), ', ', self.pick('0', '1', '3', '-1'), ')'),
            lambda: ('mod(', s('num'), ', nullif(', s(self.pick('num', 'int')), ', 0))'),
            lambda: (s('num'), '::numeric(30,', self.pick('0', '1', '5'), ')'),
            lambda: ('sign(', s('num'), ')'),
            lambda: ('coalesce(', s('num'), ', ', s('int'), ', ', s('num'), ')'),
            lambda: ('greatest(', s('num'), ', ', s('int'), ', ', s('num'), ')'),
            lambda: ('CASE ', s('int'), ' WHEN ', self.literal('int'), ' THEN ', s('num'), ' WHEN 3 THEN ', s('int'), ' ELSE ', s('num'), ' END'),
            lambda: ('trim_scale(', s('num'), ')'),
            lambda: ('extract(epoch FROM ', s(self.pick('iv', 'ts', 'tz')), ')'),
        )

    def own_float(self, s, scope, depth):
        return self.either(
            lambda: ('(', s('float'), ' / nullif(', s('float'), ', 0))'),
            lambda: (self.pick('floor', 'ceil', 'abs', '-', 'round', 'trunc', 'sign'), '(', s('float'), ')'),
            lambda: (s(self.pick('int', 'num')), '::float8'),
            lambda: ('date_part(', self.pick("'year'", "'epoch'", "'hour'"), ', ', s(self.pick('ts', 'date', 'iv')), ')'),
        )

    def own_text(self, s, scope, depth):
        lit = self.literal
        return self.either(
            lambda: (s(self.pick('ints', 'texts', 'json', 'iv', 'tz', 'bool', 'ts')), '::text'),
            lambda: ('array_to_string(', s(self.pick('ints', 'texts')), ", ','", T(", '*'", optional=True), ')'),
            lambda: ('(', s('texts'), ')[', self.pick('1', '2', '3'), ']'),
            lambda: ('((', s(self.pick('ints', 'texts')), ')[', self.pick('1:2', '2:', ':1', '0:1', '3:2'), '])::text'),
            lambda: ('(', s('json'), self.pick(" ->> 'a'", ' ->> 0', ' ->> -1', " #>> '{b,2,c}'", " #>> '{b,0}'"), ')'),
            lambda: ("jsonb_path_query_first(", s('json'), ", '", self.pick('$.b[*]', '$.a', '$[*] ? (@ > 1)', '$.b.size()', '$.type()'), "')::text"),
            lambda: ('jsonb_build_object(', self.pick("'k'", "'a'"), ', ', s(self.pick('int', 'num', 'text', 'date', 'bool', 'ints', 'json', 'ts')), ")::text"),
            lambda: ('to_jsonb(', s(self.pick('int', 'num', 'date', 'ts', 'ints', 'texts', 'bool')), ')::text'),
            lambda: ('jsonb_typeof(', s('json'), ')'),
            lambda: ('format(', self.pick("'%s-%s'", "'%L/%s'", "'%2$s %1$s'", "'%-6s|%4s'"), ', ', s('text'), ', ', s(self.pick('int', 'num', 'date', 'text')), ')'),
            lambda: ('translate(', s('text'), ", 'abX', 'ba')"),
            lambda: (self.pick('left', 'right'), '(', s('text'), ', ', self.pick('1', '2', '-1', '0'), ')'),
            lambda: ('overlay(', s('text'), " placing 'Q' from ", self.pick('1', '2'), T(' for 2', optional=True), ')'),
            lambda: ('repeat(', s('text'), ', ', self.pick('2', '0', '-1'), ')'),
            lambda: ("encode(convert_to(", s('text'), ", 'UTF8'), ", self.pick("'hex'", "'base64'", "'escape'"), ')'),
            lambda: ('ROW(', s(self.pick('int', 'num')), ', ', s('text'), ', ', s('date'), ')::text'),
            lambda: ('age(', s('ts'), ', ', s('ts'), ')::text'),
            lambda: ('(', s('ts'), ' - ', s('ts'), ')::text'),
            lambda: ('to_char(', s(self.pick('ts', 'tz')), ', ', self.pick("'YYYY-MM-DD HH24:MI:SS.MS'", "'Dy, DD Mon YY HH12 am'", "'J DDD WW'", "'TZ OF'"), ')'),
            lambda: ('to_char(', s('iv'), ", 'HH24:MI:SS'", ')'),
            lambda: ('regexp_match(', s('text'), ', ', self.pick("'([a-c])(.?)'", "'^.'", "'v(\\d)'"), ')::text'),
            lambda: ('substring(', s('text'), ' from ', self.pick("'.$'", "'[a-c]+'", "'(.)b?'"), ')'),
            lambda: ('quote_nullable(', s(self.pick('text', 'int')), ')'),
        )

    def own_bool(self, s, scope, depth):
        return ('(', self.predicate(scope, depth - 1), ')')

    def own_date(self, s, scope, depth):
        return self.either(
            lambda: ('(', s('date'), ' + (', s('int'), ' % 1000)::int)'),
            lambda: ("date_trunc('", self.pick('month', 'week', 'quarter', 'decade'), "', ", s('date'), ')::date'),
            lambda: ('(', s('tz'), " AT TIME ZONE 'Europe/Berlin')::date"),
            lambda: ('make_date(2020, (1 + abs(', s('int'), ' % 12))::int, (1 + abs(', s('int'), ' % 28))::int)'),
        )

    def own_ts(self, s, scope, depth):
        return self.either(
            lambda: ('(', s('ts'), self.pick(' + ', ' - '), s('iv'), ')'),
            lambda: ('(', s('date'), self.pick(' + ', ' - '), s('iv'), ')'),
            lambda: ('(', s('tz'), ' AT TIME ZONE ', self.pick("'Europe/Berlin'", "'UTC'", "'America/New_York'", "'+03'"), ')'),
            lambda: ("date_bin('", self.pick('15 minutes', '1 day', '7 hours'), "', ", s('ts'), ", timestamp '2020-01-01')"),
            lambda: ("date_trunc('", self.pick('week', 'quarter', 'minute', 'decade'), "', ", s('ts'), ')'),
        )

    def own_iv(self, s, scope, depth):
        return self.either(
            lambda: ('(', s('ts'), ' - ', s('ts'), ')'),
            lambda: ('age(', s('ts'), ', ', s('ts'), ')'),
            lambda: ('(', s('iv'), self.pick(' + ', ' - '), s('iv'), ')'),
            lambda: ('(', s('iv'), ' * ', self.pick('2', '0.5', '-1'), ')'),
            lambda: ('justify_', self.pick('days', 'hours', 'interval'), '(', s('iv'), ')'),
            lambda: ('make_interval(days => (', s('int'), ' % 100)::int)'),
            lambda: ('(-', s('iv'), ')'),
        )

    def own_tz(self, s, scope, depth):
        return self.either(
            lambda: ('(', s('tz'), self.pick(' + ', ' - '), s('iv'), ')'),
            lambda: ('(', s('ts'), ' AT TIME ZONE ', self.pick("'Europe/Berlin'", "'America/New_York'", "'UTC'"), ')'),
            lambda: ("date_trunc('", self.pick('day', 'month', 'hour', 'week'), "', ", s('tz'), T(", 'Europe/Berlin'", optional=True), ')'),
            lambda: (s(self.pick('ts', 'date')), '::timestamptz'),
        )

    def own_json(self, s, scope, depth):
        return self.either(
            lambda: ('(', s('json'), self.pick(" -> 'a'", " -> 'b'", ' -> 0', " #> '{b,0}'"), ')'),
            lambda: ("jsonb_build_object('a', ", s(self.pick('int', 'text', 'num', 'bool', 'ints')), ", 'b', ", s(self.pick('json', 'date')), ')'),
            lambda: ('jsonb_build_array(', s(self.pick('int', 'text')), ', ', s('json'), ')'),
            lambda: ('to_jsonb(', s(self.pick('int', 'num', 'text', 'ints', 'texts', 'date')), ')'),
            lambda: ('(', s('json'), ' || ', s('json'), ')'),
            lambda: ("(jsonb_build_object('a', ", s('int'), ", 'b', ", s('text'), ") - 'a')"),
            lambda: ('jsonb_strip_nulls(', s('json'), ')'),
            lambda: ("jsonb_set(jsonb_build_object('a', ", s('int'), "), '{a}', coalesce(", s('json'), ", '1'))"),
            lambda: ('jsonb_path_query_array(', s('json'), ", '", self.pick('$.b[*]', '$.*', '$[*] ? (@ == 1)', '$.b[0]'), "')"),
        )

    def own_ints(self, s, scope, depth):
        return self.either(
            lambda: ('ARRAY[', s('int'), ', ', s('int'), ']::int[]'),
            lambda: ('(', s('ints'), ' || ', s('ints'), ')'),
            lambda: ('array_append(', s('ints'), ', (', s('int'), ')::int)'),
            lambda: ('array_remove(', s('ints'), ', (', s('int'), ')::int)'),
            lambda: ('array_replace(', s('ints'), ', (', s('int'), ')::int, ', self.literal('int'), ')'),
            lambda: ('(', s('ints'), ')[', self.pick('1:2', '2:', ':1', '0:0'), ']'),
            lambda: ('ARRAY(SELECT u + 1 FROM unnest(', s('ints'), ') WITH ORDINALITY o(u, i)', T(' WHERE u > ', self.literal('int'), optional=True), ' ORDER BY i)'),
            lambda: ('array_positions(', s('ints'), ', (', s('int'), ')::int)'),
        )

    def own_texts(self, s, scope, depth):
        return self.either(
            lambda: ('string_to_array(', s('text'), ', ', self.pick("'b'", "''", 'NULL', "'-'"), T(", ''", optional=True), ')'),
            lambda: ('regexp_split_to_array(', s('text'), ', ', self.pick("'b'", "''", "'[-X]'"), ')'),
            lambda: ('ARRAY[', s('text'), ', ', s('text'), ']'),
            lambda: ('array_cat(', s('texts'), ', ', s('texts'), ')'),
            lambda: ('array_prepend(', s('text'), ', ', s('texts'), ')'),
            lambda: ('regexp_match(', s('text'), ", '(.)(b?)')"),
        )

    # ---- predicates ---------------------------------------------------------------------------------------

    def predicate(self, scope, depth):
        if depth <= 0 or not self.chance(0.3):
            return super().predicate(scope, depth)
        s = lambda k: self.scalar(scope, k, depth - 1)
        kind = self.pick('int', 'int', 'text', 'num', 'date')
        return T(*self.either(
            lambda: (s('ints'), self.pick(' @> ', ' <@ ', ' && ', ' = ', ' < '), s('ints')),
            lambda: (s('texts'), self.pick(' @> ', ' <@ ', ' && ', ' = ', ' >= '), s('texts')),
            lambda: (s('int'), self.pick(' = ANY (', ' <> ALL (', ' > ANY (', ' <= ALL ('), s('ints'), ')'),
            lambda: (s('text'), self.pick(' = ANY (', ' LIKE ANY (', ' <> ALL ('), s('texts'), ')'),
            lambda: (s('json'), self.pick(' @> ', ' <@ ', ' = ', ' <> ', ' < '), s('json')),
            lambda: (s('json'), self.pick(" ? 'a'", " ?| ARRAY['a', 'b']", " ?& ARRAY['a', 'b']", " @? '$.b[*]'", " @@ '$.a == 1'")),
            lambda: (s('iv'), self.pick(' < ', ' >= '), s('iv')),
            lambda: (s('tz'), self.pick(' < ', ' >= ', ' = '), s('tz')),
            lambda: (s('ts'), self.pick(' < ', ' >= ', ' = '), s(self.pick('date', 'tz'))),
            lambda: (s('text'), self.pick(' SIMILAR TO ', ' NOT SIMILAR TO '), self.pick("'(a|b)%'", "'_+'", "'[a-c]*'", "'%(b|X)'")),
            lambda: ('starts_with(', s('text'), ', ', s('text'), ')'),
            lambda: ('(', s('date'), ', ', s('date'), ') OVERLAPS (', s('date'), ', ', s('date'), ')'),
            lambda: (s('int'), self.pick(' = ', ' < ', ' >= '), s('num')),
            lambda: (s('float'), self.pick(' = ', ' < ', ' >= '), s(self.pick('int', 'num'))),
            lambda: ('ROW(', s('int'), ', ', s('text'), ') IS ', self.pick('NOT ', ''), self.pick('NULL', 'DISTINCT FROM ROW(1, NULL)')),
            lambda: self.quantified(scope, kind),
            lambda: self.row_in(scope),
            lambda: self.quantified(scope, kind),
        ), kind='bool')

    def quantified(self, scope, kind):
        table, alias, own, where = self.inner(scope)
        kind = kind if any(k == kind for _, k in own) else 'int'
        return (self.scalar(scope, kind, 0), self.pick(' = ANY ', ' > ANY ', ' <= ALL ', ' <> ALL ', ' < ANY ', ' = ALL '), '(SELECT ', self.column(own, kind), ' FROM ', table, ' ', alias, where, ')')

    def row_in(self, scope):
        table, alias, own, where = self.inner(scope)
        return ('(', self.scalar(scope, 'int', 0), ', ', self.scalar(scope, 'text', 0), ')', self.pick(' IN ', ' NOT IN ', ' = ANY '), '(SELECT ', self.column(own, 'int'), ', ',
                self.column(own, 'text'), ' FROM ', table, ' ', alias, where, ')')

    def scalar_subquery(self, scope, kind):
        if kind == 'bool' or not self.chance(0.35):
            return super().scalar_subquery(scope, kind)
        table, alias, own, where = self.inner(scope)
        column = self.column(own, kind)
        return T('(SELECT ', column, ' FROM ', table, ' ', alias, where, ' ORDER BY ', self.column(own, 'int'), self.pick('', ' DESC', ' NULLS FIRST'), ', ', alias, '.id LIMIT 1',
                 T(' OFFSET ', self.pick('1', '2', '5'), optional=True), ')', kind=kind)

    # ---- FROM ---------------------------------------------------------------------------------------------

    def source(self, depth):
        if not self.chance(0.22):
            return super().source(depth)
        alias = self.alias()
        which = self.rng.randrange(7)
        if which < 3:
            return T(RE, ' ', alias), [('%s.%s' % (alias, c), k) for c, k in TABLES['re'].items()]
        if which == 3:
            return T('generate_series(', self.pick('1, 5', '5, 1, -2', '1, 0', '-2, 8, 3'), ') ', alias, '(id)'), [(alias + '.id', 'int')]
        if which == 4:
            return T('(VALUES ', self.pick("(1, 'a', 1.50)", "(NULL::int, NULL, 2)"), ", (2, 'v1', 1.5), (3, NULL, NULL)", T(", (2, 'b', 10.000)", optional=True), ') ', alias, '(k, s, n)'), [
                (alias + '.k', 'int'), (alias + '.s', 'text'), (alias + '.n', 'num')]
        if which == 5:
            return T('unnest(', self.literal('ints'), ', ', self.literal('texts'), ') WITH ORDINALITY ', alias, '(k, s, id)'), [(alias + '.k', 'int'), (alias + '.s', 'text'), (alias + '.id', 'int')]
        # Not called id: it repeats, so that it makes no total order.
        return T('(', self.recursive(), ') ', alias, '(r, k, s)'), [(alias + '.r', 'int'), (alias + '.k', 'int'), (alias + '.s', 'text')]

    def recursive(self):
        name = self.alias()
        union = self.pick(' UNION ALL ', ' UNION ')
        if self.chance(0.5):
            return T('WITH RECURSIVE ', name, "(id, k, s) AS (SELECT 1, ", self.pick('0', '1', '7'), ", 'a'::text", union, 'SELECT id + 1, (k * ', self.pick('2', '3'), ' + id) % 17, ',
                     self.pick('s', "left(s || 'b', 4)", 'reverse(s)'), ' FROM ', name, ' WHERE id < ', self.pick('6', '12', '1'), ') SELECT * FROM ', name)
        return T('WITH RECURSIVE ', name, '(id, k, s) AS (SELECT id, k, s::text FROM ', self.pick('ra', 'rb'), ' WHERE id <= ', self.pick('3', '10', '0'), union, 'SELECT b.id, b.k, ',
                 self.pick('b.s', 'r.s'), '::text', ' FROM ', name, ' r JOIN ', self.pick('ra', 'rb'), ' b ON b.id = r.id + ', self.pick('7', '10', '15'), ' WHERE r.id < 50) SELECT * FROM ', name)

    def sources(self, depth):
        if self.chance(0.08):
            return self.merged_join()
        tree, scope = super().sources(depth)
        if self.chance(0.12):
            alias = self.alias()
            call, columns = self.table_call(scope, alias)
            return T(tree, self.pick(' CROSS JOIN LATERAL ', ', LATERAL '), call, T()), scope + columns
        return tree, scope

    def table_call(self, scope, alias):
        s = lambda k: self.scalar(scope, k, 1)
        columns = lambda *pairs: [('%s.%s' % (alias, c), k) for c, k in pairs]
        return self.either(
            lambda: (T('generate_series(1, ', s('int'), ' % 5) ', alias, '(v)'), columns(('v', 'int'))),
            lambda: (T('unnest(', s('ints'), ') WITH ORDINALITY ', alias, '(v, o)'), columns(('v', 'int'), ('o', 'int'))),
            lambda: (T('unnest(', s('texts'), ') ', alias, '(v)'), columns(('v', 'text'))),
            lambda: (T('unnest(', s('ints'), ', ', s('texts'), ') ', alias, '(v, w)'), columns(('v', 'int'), ('w', 'text'))),
            lambda: (T('string_to_table(', s('text'), ', ', self.pick("'b'", 'NULL', "'-'"), ') ', alias, '(v)'), columns(('v', 'text'))),
            lambda: (T('regexp_split_to_table(', s('text'), ', ', self.pick("'[bX]'", "''"), ') ', alias, '(v)'), columns(('v', 'text'))),
            lambda: (T("jsonb_each_text(CASE WHEN jsonb_typeof(", s('json'), ") = 'object' THEN '{\"a\": 1, \"b\": null}'::jsonb END) ", alias, '(v, w)'), columns(('v', 'text'), ('w', 'text'))),
            lambda: (T('jsonb_array_elements(jsonb_build_array(', s('int'), ', ', s('text'), ')) ', alias, '(v)'), columns(('v', 'json'))),
            lambda: (T('jsonb_object_keys(jsonb_build_object(', self.pick("'a', 1", "'b', 2, 'aa', 3"), ')) ', alias, '(v)'), columns(('v', 'text'))),
        )

    def merged_join(self):
        """USING and NATURAL: columns of the same name become one, without a qualifier."""
        left, right = self.rng.choice([('ra', 'rb'), ('rb', 'ra'), ('ra', 'rc'), ('rb', 'rd'), ('ra', 'rd')])
        a, b = self.alias(), self.alias()
        names = self.rng.choice([('id',), ('k',), ('id', 'k'), ('s',), ('k', 's')])
        join = self.pick(' JOIN ', ' LEFT JOIN ', ' RIGHT JOIN ', ' FULL JOIN ')
        if self.chance(0.2):
            names = tuple(set(TABLES['ra']) & set(TABLES['rc']))
            left, right = 'ra', 'rc'
            tree = T(left, ' ', a, ' NATURAL', join, right, ' ', b)
        else:
            tree = T(left, ' ', a, join, right, ' ', b, ' USING (', ', '.join(names), ')')
        scope = [(c, TABLES[left][c]) for c in names]
        for alias, table in ((a, left), (b, right)):
            scope += [('%s.%s' % (alias, c), k) for c, k in TABLES[table].items()]
        return tree, scope

    def total_order(self, scope):
        if any('.' not in name for name, _ in scope):
            return None  # a FULL JOIN's ids may both be NULL; the merged column has no alias
        return super().total_order(scope)

    # ---- aggregates ---------------------------------------------------------------------------------------

    def aggregate(self, scope, window=False):
        if window or not self.chance(0.3):
            return super().aggregate(scope, window)
        s = lambda k: self.scalar(scope, k, 1)
        tail = T(' FILTER (WHERE ', self.predicate(scope, 1), ')', optional=True) if self.chance(0.25) else ''
        ordered = self.pick('', ' DESC', ' NULLS FIRST')
        kind = self.pick('int', 'text', 'date', 'bool')
        value = s(kind)
        typed = T('(', value, ')::', CAST_NAMES[kind])
        text, parts = self.either(
            lambda: ('text', ('jsonb_agg(', typed, ' ORDER BY ', typed, ordered, ')', tail, '::text')),
            lambda: ('text', ('json_agg(', typed, ' ORDER BY ', typed, ordered, ')', tail, '::text')),
            lambda: ('text', ('array_to_string(array_agg(', self.pick('', 'DISTINCT '), typed, ' ORDER BY ', typed, ordered, ')', tail, ", ',', '*')")),
            lambda: ('text', ('(array_agg(', typed, ' ORDER BY ', typed, ordered, ')', tail, ')[', self.pick('1:2', '2:', '1:1'), ']::text')),
            lambda: ('text', ('string_agg(DISTINCT (', value, ")::text, ',' ORDER BY (", value, ')::text', self.pick('', ' DESC'), ')', tail)),
            lambda: ('int', ('count(DISTINCT (', s('int'), ', ', s('text'), '))', tail)),
            # Rounded: what cancels to nearly nothing depends on the order of rows; a real: so do the last digits of what is large.
            lambda: ('float', ('round(', self.pick('corr', 'covar_pop', 'covar_samp', 'regr_count', 'regr_avgx'), '(', self.column(scope, 'int'), ', ', self.column(scope, 'int'), ')', tail, '::numeric, 6)::real')),
            lambda: ('float', ('percentile_cont(', self.pick('0.5', '0.25', '1'), ') WITHIN GROUP (ORDER BY ', self.column(scope, self.pick('int', 'float')), ')', tail)),
            lambda: ('text', ('percentile_disc(ARRAY[0.1, 0.5, 1]) WITHIN GROUP (ORDER BY ', self.column(scope, self.pick('int', 'text', 'date')), ')', tail, '::text')),
            lambda: ('int', (self.pick('rank', 'dense_rank'), '(', self.literal('int'), ') WITHIN GROUP (ORDER BY ', self.column(scope, 'int'), self.pick('', ' DESC'), ')', tail)),
            lambda: ('iv', (self.pick('sum', 'avg', 'max', 'min'), '(', self.column(scope, 'iv'), ')', tail)),
            lambda: ('bool', ('every(', self.predicate(scope, 1), ')', tail)),
            lambda: ('tz', (self.pick('min', 'max'), '(', s('tz'), ')', tail)),
            lambda: ('text', (self.pick('min', 'max'), '(', s(self.pick('ints', 'texts')), ')', tail, '::text')),
            lambda: ('int', ('count(DISTINCT ', s(self.pick('ints', 'json', 'iv', 'tz', 'texts', 'ts')), ')', tail)),
        )
        return T(*parts, kind=text)

    def grouped(self, scope):
        groups, tail = super().grouped(scope)
        if ' HAVING ' not in str(tail) and self.chance(0.1):
            table, alias, own, where = self.inner([])
            tail.parts.append(T(' HAVING ', self.pick('count(*)', 'max(%s)' % self.column(scope, 'int')), self.pick(' > ', ' IN ', ' <= ALL '), '(SELECT ', 'count(*)', ' FROM ', table, ' ', alias, where,
                                ')', optional=True))
        return groups, tail

    # ---- statements ---------------------------------------------------------------------------------------

    def listed(self, kinds):
        """A SELECT of these kinds, for an arm of a set operation."""
        tree, scope = self.sources(0)
        items = T()
        for i, kind in enumerate(kinds):
            items.parts += [', ' if i else '', self.scalar(scope, kind, 1), ' AS c%d' % i]
        return T('SELECT ', items, ' FROM ', tree, T(' WHERE ', self.predicate(scope, 1), optional=True))

    def set_tree(self, kinds, depth):
        if depth == 0 or self.chance(0.2):
            return self.listed(kinds)
        return T('(', self.set_tree(kinds, depth - 1), ')', self.pick(' UNION ALL ', ' UNION ', ' INTERSECT ', ' INTERSECT ALL ', ' EXCEPT ', ' EXCEPT ALL '), '(', self.set_tree(kinds, depth - 1), ')')

    def select(self, depth):
        if depth > 1 and self.chance(0.06):
            kinds = [self.pick(*KINDS, *WIDE_KINDS) for _ in range(self.rng.randint(1, 3))]
            return self.set_tree(kinds, 3), [('c%d' % i, kind) for i, kind in enumerate(kinds)]
        if self.chance(0.05):
            tree, scope = self.sources(0)
            item, kind = self.either(
                lambda: (T('generate_series(1, ', self.scalar(scope, 'int', 1), ' % 4)'), 'int'),
                lambda: (T('unnest(', self.scalar(scope, 'ints', 1), ')'), 'int'),
                lambda: (T('regexp_split_to_table(', self.scalar(scope, 'text', 1), ", 'b')"), 'text'))
            other = self.pick(*KINDS)
            return T('SELECT ', item, ' AS c0, ', self.scalar(scope, other, 1), ' AS c1 FROM ', tree, T(' WHERE ', self.predicate(scope, 1), optional=True)), [('c0', kind), ('c1', other)]
        return super().select(depth)
