"""The grammar of random-statements: its four tables and the tree of a statement; random_wide adds the rarer constructs."""

SETUP = '''
DROP TABLE IF EXISTS ra, rb, rc, rd;
CREATE TABLE ra (id int, k int, s text, n numeric(8,2), d date, b boolean, f double precision, g bigint);
INSERT INTO ra SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE i % 7 END, CASE WHEN i % 6 = 0 THEN NULL ELSE substr('abcXYZ', i % 6 + 1, 1 + i % 3) END,
  CASE WHEN i % 9 = 0 THEN NULL ELSE (i * 37 % 1000)::numeric / 4 - 60 END, CASE WHEN i % 8 = 0 THEN NULL ELSE date '2020-01-01' + (i * 17 % 400) END,
  CASE WHEN i % 4 = 0 THEN NULL ELSE i % 3 = 0 END, CASE WHEN i % 10 = 0 THEN NULL ELSE (i % 13) / 4.0 END, CASE WHEN i % 11 = 0 THEN NULL ELSE i * 1000003::bigint END
  FROM generate_series(1, 60) i;
CREATE TABLE rb (id int, k int, s varchar(8), n numeric(12,4), ts timestamp, m smallint, f real);
INSERT INTO rb SELECT i, CASE WHEN i % 4 = 0 THEN NULL ELSE i % 9 END, CASE WHEN i % 5 = 0 THEN NULL ELSE substr('cbaZYX', i % 6 + 1, 2) END,
  CASE WHEN i % 7 = 0 THEN NULL ELSE (i * 31 % 100)::numeric / 8 END, CASE WHEN i % 6 = 0 THEN NULL ELSE timestamp '2020-01-01' + i * interval '31 hours' END,
  CASE WHEN i % 3 = 0 THEN NULL ELSE i - 15 END, CASE WHEN i % 8 = 0 THEN NULL ELSE i / 2.0 END FROM generate_series(1, 35) i;
CREATE TABLE rc (id int, k int, s text, n numeric(8,2));
CREATE TABLE rd (id int, k bigint, s text, n numeric(6,3), d date, g bigint);
INSERT INTO rd SELECT i, CASE WHEN i % 10 = 0 THEN NULL ELSE i % 50 END, CASE WHEN i % 13 = 0 THEN NULL ELSE 'v' || i % 20 END,
  CASE WHEN i % 17 = 0 THEN NULL ELSE (i % 700)::numeric / 8 END, CASE WHEN i % 19 = 0 THEN NULL ELSE date '2019-06-01' + i % 300 END, i::bigint * i FROM generate_series(1, 6000) i;
'''
TABLES = {
    'ra': {'id': 'int', 'k': 'int', 's': 'text', 'n': 'num', 'd': 'date', 'b': 'bool', 'f': 'float', 'g': 'int'},
    'rb': {'id': 'int', 'k': 'int', 's': 'text', 'n': 'num', 'ts': 'ts', 'm': 'int', 'f': 'float'},
    'rc': {'id': 'int', 'k': 'int', 's': 'text', 'n': 'num'},
    'rd': {'id': 'int', 'k': 'int', 's': 'text', 'n': 'num', 'd': 'date', 'g': 'int'},
}
KINDS = ['int', 'text', 'num', 'date', 'bool', 'float', 'ts']
CAST_NAMES = {'int': 'int', 'num': 'numeric', 'text': 'text', 'date': 'date', 'bool': 'bool', 'float': 'float8', 'ts': 'timestamp'}
RANKS = ('row_number()', 'rank()', 'dense_rank()')


class T:
    """A tree: parts are strings and trees, joined to text. `kind` is the type of an expression; `choices` are smaller trees that may
    stand in its place. A statement's clauses are optional parts, which shrinking drops."""

    def __init__(self, *parts, kind=None, optional=False):
        self.parts, self.kind, self.optional = list(parts), kind, optional

    def __str__(self):
        return ''.join(str(p) for p in self.parts)


class Generator:
    def __init__(self, rng):
        self.rng = rng
        self.aliases = 0

    def pick(self, *items):
        return self.rng.choice(items)

    def chance(self, p):
        return self.rng.random() < p

    # ---- scalars ------------------------------------------------------------------------------------------

    def literal(self, kind):
        if self.chance(0.06):
            return T('NULL::', CAST_NAMES[kind], kind=kind)
        r = self.rng
        if kind == 'int':
            return T(str(r.choice([0, 1, 2, 3, 5, 7, 10, -1, -3, 100, 49])), kind=kind)
        if kind == 'num':
            return T(r.choice(['0.5', '1.25', '-2.00', '10.0', '3.125', '0.00', '100.75']), kind=kind)
        if kind == 'float':
            return T(r.choice(['0.25::float8', '1.5::float8', '-2::float8', '3::float8']), kind=kind)
        if kind == 'text':
            return T(r.choice(["'a'", "'bc'", "''", "'X'", "'v1'", "'cX'", "'zz'"]), kind=kind)
        if kind == 'date':
            return T(r.choice(["date '2020-01-01'", "date '2020-06-15'", "date '2019-07-01'", "date '2021-01-31'"]), kind=kind)
        if kind == 'ts':
            return T(r.choice(["timestamp '2020-01-15 12:00:00'", "timestamp '2020-02-01'"]), kind=kind)
        return T(r.choice(['true', 'false']), kind=kind)

    def column(self, scope, kind):
        found = [name for name, k in scope if k == kind]
        return T(self.rng.choice(found), kind=kind) if found else self.literal(kind)

    def scalar(self, scope, kind, depth):
        if depth <= 0 or self.chance(0.3):
            return self.column(scope, kind) if self.chance(0.8) else self.literal(kind)
        s = lambda k: self.scalar(scope, k, depth - 1)
        options = ['case', 'coalesce', 'nullif', 'extreme', 'own', 'own', 'own', 'own']
        if depth > 1:
            options.append('subquery')
        choice = self.rng.choice(options)
        if choice == 'case':
            return T('CASE WHEN ', self.predicate(scope, depth - 1), ' THEN ', s(kind), T(' ELSE ', s(kind), optional=True), ' END', kind=kind)
        if choice == 'coalesce':
            return T('coalesce(', s(kind), ', ', s(kind), ')', kind=kind)
        if choice == 'nullif':
            return T('nullif(', s(kind), ', ', s(kind), ')', kind=kind)
        if choice == 'extreme':
            return T(self.pick('greatest', 'least'), '(', s(kind), ', ', s(kind), ')', kind=kind)
        if choice == 'subquery':
            return self.scalar_subquery(scope, kind)
        return self.own(kind, s, scope, depth)

    def own(self, kind, s, scope, depth):
        r = self.rng
        if kind == 'int':
            which = r.randrange(13)
            if which == 9:
                return T('strpos(', s('text'), ', ', self.literal('text'), ')', kind=kind)
            if which == 10:
                return T('(ARRAY[', s('int'), ', ', s('int'), ', ', s('int'), '])[', self.pick('1', '2', '4'), ']', kind=kind)
            if which == 11:
                return T("((jsonb_build_object('a', ", s('int'), ", 'b', ", s('text'), ") ->> 'a')::int)", kind=kind)
            if which == 12:
                return T('width_bucket(', s('num'), ', -60, 200, ', self.pick('5', '10'), ')', kind=kind)
            if which < 3:
                return T('(', s('int'), self.pick(' + ', ' - ', ' * '), self.literal('int'), ')', kind=kind)
            if which == 3:
                return T('(', s('int'), ' / nullif(', s('int'), ', 0))', kind=kind)
            if which == 4:
                return T('(', s('int'), ' % nullif(', s('int'), ', 0))', kind=kind)
            if which == 5:
                return T('length(', s('text'), ')', kind=kind)
            if which == 6:
                return T('abs(', s('int'), ')', kind=kind)
            if which == 7:
                return T('extract(', self.pick('year', 'month', 'day', 'dow'), ' FROM ', s('date'), ')::int', kind=kind)
            return T('(', self.predicate(scope, depth - 1), ')::int', kind=kind)
        if kind == 'num':
            which = r.randrange(6)
            if which < 2:
                return T('(', s('num'), self.pick(' + ', ' - ', ' * '), s(self.pick('num', 'int')), ')', kind=kind)
            if which == 2:
                return T('(', s('num'), ' / nullif(', s(self.pick('num', 'int')), ', 0))', kind=kind)
            if which == 3:
                return T('round(', s('num'), ', ', self.pick('0', '1', '2', '-1'), ')', kind=kind)
            if which == 4:
                return T(s('int'), '::numeric(20,2)', kind=kind)
            return T(self.pick('abs', 'ceil', 'floor', '-'), '(', s('num'), ')', kind=kind)
        if kind == 'float':
            return T('(', s('float'), self.pick(' + ', ' - ', ' * '), s(self.pick('float', 'int')), ')', kind=kind)
        if kind == 'text':
            which = r.randrange(12)
            if which == 5:
                return T(self.pick('lpad', 'rpad'), '(', s('text'), ', ', self.pick('4', '0', '8'), T(', ', self.literal('text'), optional=True), ')', kind=kind)
            if which == 6:
                return T('split_part(', s('text'), ', ', self.pick("'b'", "'X'", "'-'"), ', ', self.pick('1', '2', '-1'), ')', kind=kind)
            if which == 7:
                return T('regexp_replace(', s('text'), ', ', self.pick("'[a-c]+'", "'(.)(.)'", "'^.'", "'[0-9]'"), ', ', self.pick("'<\\&>'", "'\\2\\1'", "''"), T(", 'g'", optional=True), ')', kind=kind)
            if which == 8:
                return T("to_char(", s('date'), ", ", self.pick("'YYYY-MM-DD'", "'Mon DD, YYYY'", "'IYYY-IW'", "'Q'", "'FMDay DDD'"), ')', kind=kind)
            if which == 9:
                return T("to_char(", s(self.pick('num', 'int')), ", ", self.pick("'FM9990.00'", "'S999,999'", "'000.0'", "'9.9EEEE'"), ')', kind=kind)
            if which == 10:
                return T(self.pick('md5', 'initcap', 'quote_literal'), '(', s('text'), ')', kind=kind)
            if which == 11:
                return T(self.pick('concat', "concat_ws"), '(', s('text'), ', ', s(self.pick('int', 'date', 'text')), ', ', s('text'), ')', kind=kind)
            if which == 0:
                return T('(', s('text'), ' || ', s(self.pick('text', 'int')), ')', kind=kind)
            if which == 1:
                return T(self.pick('upper', 'lower', 'reverse', 'trim'), '(', s('text'), ')', kind=kind)
            if which == 2:
                return T('substr(', s('text'), ', ', self.pick('1', '2', '0', '-1'), T(', ', self.pick('1', '2', '5'), optional=True), ')', kind=kind)
            if which == 3:
                return T('replace(', s('text'), ', ', self.literal('text'), ', ', self.literal('text'), ')', kind=kind)
            return T(s(self.pick('int', 'num', 'date')), '::text', kind=kind)
        if kind == 'date':
            return self.pick(T('(', s('date'), self.pick(' + ', ' - '), self.pick('1', '30', '365'), ')', kind=kind), T(s('ts'), '::date', kind=kind))
        if kind == 'ts':
            return self.pick(T('(', s('ts'), self.pick(' + ', ' - '), "interval '", self.pick('1 day', '2 hours', '1 month'), "')", kind=kind),
                             T("date_trunc('", self.pick('month', 'day', 'hour', 'year'), "', ", s('ts'), ')', kind=kind),
                             T(s('date'), '::timestamp', kind=kind))
        return T('(', self.predicate(scope, depth - 1), ')', kind=kind)

    def predicate(self, scope, depth):
        r = self.rng
        kinds = sorted({k for _, k in scope}) or ['int']
        kind = r.choice(kinds)
        s = lambda k=kind: self.scalar(scope, k, depth - 1)
        which = r.randrange(17 if depth > 0 else 7)
        if which == 14:
            return T(s(), ' = ANY (ARRAY[', s(), ', ', s(), '])', kind='bool')
        if which == 15:
            return T('(', s(), ', ', s('int'), ')', self.pick(' = ', ' < ', ' <> '), '(', s(), ', ', s('int'), ')', kind='bool')
        if which == 16:
            return T(s('text'), self.pick(' ~ ', ' !~ ', ' ~* '), self.pick("'^a'", "'[bX]$'", "'(a|v)1?'", "'.{2,}'", "'^$'"), kind='bool')
        if which < 4:
            return T(s(), self.pick(' = ', ' <> ', ' < ', ' > ', ' <= ', ' >= '), s(), kind='bool')
        if which == 4:
            return T(s(), self.pick(' IS NULL', ' IS NOT NULL'), kind='bool')
        if which == 5:
            return T(s(), self.pick(' IN (', ' NOT IN ('), self.literal(kind), ', ', self.literal(kind), T(', ', self.literal(kind), optional=True), ')', kind='bool')
        if which == 6:
            return T(s('text'), self.pick(' LIKE ', ' NOT LIKE ', ' ILIKE '), self.pick("'a%'", "'%b%'", "'_'", "'%1'", "'v1_'", "''"), kind='bool')
        if which == 7:
            return T(s(), self.pick(' BETWEEN ', ' NOT BETWEEN '), s(), ' AND ', s(), kind='bool')
        if which == 8:
            return T(s(), self.pick(' IS DISTINCT FROM ', ' IS NOT DISTINCT FROM '), s(), kind='bool')
        if which in (9, 10):
            return T('(', self.predicate(scope, depth - 1), T(self.pick(' AND ', ' OR '), self.predicate(scope, depth - 1), optional=True), ')', kind='bool')
        if which == 11:
            return T('(NOT ', self.predicate(scope, depth - 1), ')', kind='bool')
        if which == 12:
            return T('(', self.predicate(scope, depth - 1), ')', self.pick(' IS TRUE', ' IS NOT TRUE', ' IS FALSE', ' IS UNKNOWN'), kind='bool')
        return self.subquery_predicate(scope, kind)

    # ---- subqueries ---------------------------------------------------------------------------------------

    def inner(self, scope):
        """A table under a fresh alias, and a WHERE that may be correlated."""
        table = self.rng.choice(['ra', 'rb', 'rc'])
        alias = self.alias()
        own = [('%s.%s' % (alias, c), k) for c, k in TABLES[table].items()]
        conditions = []
        if self.chance(0.6):
            pairs = [(a, b) for a, ka in own for b, kb in scope if ka == kb and ka in ('int', 'text', 'num', 'date')]
            if pairs:
                a, b = self.rng.choice(pairs)
                conditions.append(T(a, self.pick(' = ', ' = ', ' = ', ' < ', ' >= ', ' <> '), b))
        if self.chance(0.5):
            conditions.append(self.predicate(own, 1))
        where = T()
        for i, condition in enumerate(conditions):
            where.parts.append(T(' AND ' if i else ' WHERE ', condition, optional=i == len(conditions) - 1))
        return table, alias, own, where

    def scalar_subquery(self, scope, kind):
        table, alias, own, where = self.inner(scope)
        argument = self.column(own, kind if kind != 'bool' else 'int')
        if kind == 'int' and self.chance(0.4):
            return T('(SELECT count(*) FROM ', table, ' ', alias, where, ')::int', kind=kind)
        if kind == 'bool':
            return T('(SELECT count(*) > 2 FROM ', table, ' ', alias, where, ')', kind=kind)
        return T('(SELECT ', self.pick('min', 'max'), '(', argument, ') FROM ', table, ' ', alias, where, ')', kind=kind)

    def subquery_predicate(self, scope, kind):
        table, alias, own, where = self.inner(scope)
        if self.chance(0.5):
            return T(self.pick('EXISTS', 'NOT EXISTS'), ' (SELECT 1 FROM ', table, ' ', alias, where, ')', kind='bool')
        kind = kind if any(k == kind for _, k in own) else 'int'
        return T(self.scalar(scope, kind, 0), self.pick(' IN ', ' NOT IN '), '(SELECT ', self.column(own, kind), ' FROM ', table, ' ', alias, where, ')', kind='bool')

    # ---- FROM ---------------------------------------------------------------------------------------------

    def alias(self):
        self.aliases += 1
        return 't%d' % self.aliases

    def source(self, depth):
        alias = self.alias()
        if depth > 0 and self.chance(0.2):
            inner, columns = self.select(depth - 1)
            return T('(', inner, ') ', alias), [('%s.%s' % (alias, c), k) for c, k in columns]
        table = self.rng.choices(['ra', 'rb', 'rc', 'rd'], [5, 5, 1, 1 if depth > 0 else 0])[0]
        return T(table, ' ', alias), [('%s.%s' % (alias, c), k) for c, k in TABLES[table].items()]

    def sources(self, depth):
        tree, scope = self.source(depth)
        for _ in range(self.rng.choices([0, 1, 2], [5, 4, 1])[0]):
            right, more = self.source(0)
            pairs = [(a, b) for a, ka in scope for b, kb in more if ka == kb and ka in ('int', 'text', 'date')]
            if not pairs:
                continue
            a, b = self.rng.choice(pairs)
            join = self.pick(' JOIN ', ' JOIN ', ' LEFT JOIN ', ' RIGHT JOIN ', ' FULL JOIN ')
            if self.chance(0.12):
                lateral, columns = self.lateral(scope)
                lateral_alias = self.alias()
                tree = T(tree, self.pick(' CROSS JOIN LATERAL (', ' LEFT JOIN LATERAL ('), lateral, ') ', lateral_alias)
                if 'LEFT' in str(tree.parts[1]):
                    tree.parts.append(' ON true')
                scope = scope + [('%s.%s' % (lateral_alias, c), k) for c, k in columns]
                continue
            condition = T(a, self.pick(' = ', ' = ', ' = ', ' = ', ' < ') if join != ' FULL JOIN ' else ' = ', b)
            if self.chance(0.3) and join != ' FULL JOIN ':
                condition = T(condition, T(' AND ', self.predicate(scope + more, 1), optional=True))
            tree = T(tree, join, right, ' ON ', condition)
            scope = scope + more
        return tree, scope

    def lateral(self, scope):
        """A subquery that may read the sources before it."""
        table, alias, own, where = self.inner(scope)
        if self.chance(0.5):
            items = [self.aggregate(own) for _ in range(self.rng.randint(1, 2))]
            tail = ''
        else:
            items = [self.scalar(own + scope, self.rng.choice(['int', 'text', 'num']), 1) for _ in range(self.rng.randint(1, 2))]
            ids = [name for name, _ in own if name.endswith('.id')]
            tail = T(' ORDER BY ', self.column(own, 'int'), ', ', ids[0], ' LIMIT ', self.pick('1', '3'), optional=True) if self.chance(0.4) else ''
        listed = T()
        for i, item in enumerate(items):
            listed.parts += [', ' if i else '', item, ' AS c%d' % i]
        return T('SELECT ', listed, ' FROM ', table, ' ', alias, where, tail), [('c%d' % i, item.kind) for i, item in enumerate(items)]

    # ---- windows ------------------------------------------------------------------------------------------

    def total_order(self, scope):
        """Keys that leave no two different rows tied, when every source has an id: None otherwise."""
        ids = [name for name, _ in scope if name.endswith('.id')]
        aliases = {name.split('.')[0] for name, _ in scope}
        return ids if len(ids) == len(aliases) else None

    def window(self, scope):
        """A window function whose value does not depend on the order of ties."""
        r = self.rng
        partition = T('PARTITION BY ', self.scalar(scope, self.pick('int', 'text', 'bool'), self.pick(0, 0, 1)), ' ', optional=True) if self.chance(0.6) else ''
        total = self.total_order(scope)
        if total and self.chance(0.6):
            lead = T(self.scalar(scope, self.pick('int', 'num', 'date', 'text'), 0), self.pick('', ' DESC', ' NULLS FIRST'), ', ', optional=True) if self.chance(0.5) else ''
            order = T('ORDER BY ', lead, ', '.join(total))
            call, kind = self.ordered_window_call(scope)
            return T(call, ' OVER (', partition, order, self.frame('ROWS', 'ROWS', 'GROUPS') if call.parts[0] not in RANKS else '', ')', kind=kind)
        key = self.column(scope, self.pick('int', 'num', 'date', 'ts', 'float'))
        order = T('ORDER BY ', key, self.pick('', ' DESC', ' NULLS FIRST'), optional=True) if self.chance(0.8) else ''
        if order and self.chance(0.3):
            return T(self.pick(*RANKS[1:]), ' OVER (', partition, order, ')', kind='int')
        aggregate = self.aggregate(scope, window=True)
        frame = ''
        if order and self.chance(0.6):
            frame = self.frame('GROUPS', 'RANGE') if key.kind != 'ts' else self.frame('GROUPS')
            if 'RANGE' in str(frame) and key.kind not in ('int', 'num', 'float'):
                frame = ''
        return T(aggregate, ' OVER (', partition, order, frame, ')', kind=aggregate.kind)

    def ordered_window_call(self, scope):
        r = self.rng
        kind = r.choice(['int', 'num', 'text', 'date'])
        value = self.scalar(scope, kind, self.pick(0, 1))
        which = r.randrange(8)
        if which == 0:
            return T(RANKS[0], kind='int'), 'int'
        if which == 1:
            return T('ntile(', self.pick('1', '3', '7'), ')', kind='int'), 'int'
        if which in (2, 3):
            return T(self.pick('lag', 'lead'), '(', value, T(', ', self.pick('1', '2', '0'), T(', ', self.literal(kind), '::', CAST_NAMES[kind], optional=True), optional=True), ')'), kind
        if which == 4:
            return T(self.pick('first_value', 'last_value'), '(', value, ')'), kind
        if which == 5:
            return T('nth_value(', value, ', ', self.pick('1', '2', '5'), ')'), kind
        aggregate = self.aggregate(scope, window=True)
        return aggregate, aggregate.kind

    def frame(self, *modes):
        if self.chance(0.35):
            return ''
        r = self.rng
        bounds = ['UNBOUNDED PRECEDING', '2 PRECEDING', '1 PRECEDING', 'CURRENT ROW', '1 FOLLOWING', '3 FOLLOWING', 'UNBOUNDED FOLLOWING']
        first = r.randrange(6)
        last = r.randrange(max(first, 1), 7)
        exclude = self.pick('', '', '', ' EXCLUDE CURRENT ROW', ' EXCLUDE TIES', ' EXCLUDE GROUP') if self.chance(0.5) else ''
        return T(' ', r.choice(modes), ' BETWEEN ', bounds[first], ' AND ', bounds[last], exclude, optional=True)

    # ---- SELECT -------------------------------------------------------------------------------------------

    def aggregate(self, scope, window=False):
        r = self.rng
        kind = self.pick('int', 'num', 'float', 'int')
        distinct = 'DISTINCT ' if self.chance(0.15) and not window else ''
        which = r.randrange(7 if window else 12)
        tail = T(' FILTER (WHERE ', self.predicate(scope, 1), ')', optional=True) if self.chance(0.2) else ''
        if which == 0:
            return T('count(*)', tail, kind='int')
        if which == 1:
            return T('count(', distinct, self.scalar(scope, r.choice(KINDS), 1), ')', tail, kind='int')
        if which == 2:
            return T('sum(', distinct, self.scalar(scope, kind, 1), ')', tail, kind='float' if kind == 'float' else 'num')
        if which == 3:
            return T('avg(', self.scalar(scope, kind, 1), ')', tail, kind='float' if kind == 'float' else 'num')
        if which == 4:
            return T(self.pick('bool_and', 'bool_or'), '(', self.predicate(scope, 1), ')', tail, kind='bool')
        if which == 7:
            value = self.scalar(scope, self.pick('text', 'int', 'date'), 1)
            return T('string_agg(', distinct, '(', value, ')::text, ', self.pick("','", "''", "' - '"), '' if distinct else T(' ORDER BY (', value, ')::text', self.pick('', ' DESC', ' NULLS FIRST')),
                     ')', tail, kind='text')
        if which == 8:
            value = self.scalar(scope, self.pick('int', 'num', 'text'), 1)
            if value.kind == 'num':
                value = T('trim_scale(', value, ')', kind='num')  # 1.5 and 1.50 tie, in either order
            return T('(array_agg((', value, ')::', CAST_NAMES[value.kind], ' ORDER BY ', value, self.pick('', ' DESC', ' NULLS FIRST'), ')', tail, ')::text', kind='text')
        if which == 9:
            value = self.column(scope, self.pick('int', 'num', 'date'))
            return T(self.pick('percentile_disc(0.5)', 'percentile_disc(0.9)', 'mode()'), ' WITHIN GROUP (ORDER BY ', value, ')', tail, kind=value.kind)
        if which == 10:
            return T(self.pick('stddev', 'variance', 'stddev_pop', 'var_pop'), '(', self.scalar(scope, self.pick('int', 'num'), 1), ')', tail, kind='num')
        if which == 11:
            return T(self.pick('bit_and', 'bit_or', 'bit_xor'), '((', self.scalar(scope, 'int', 1), ')::bigint)', tail, kind='int')
        kind = self.pick('int', 'num', 'text', 'date', 'ts')
        return T(self.pick('min', 'max'), '(', self.scalar(scope, kind, 1), ')', tail, kind=kind)

    def select(self, depth):
        tree, scope = self.sources(depth)
        where = T(' WHERE ', self.predicate(scope, 2), optional=True) if self.chance(0.7) else ''
        if self.chance(0.45):
            items, tail = self.grouped(scope)
        else:
            items = [self.scalar(scope, self.rng.choice(KINDS), 2) for _ in range(self.rng.randint(1, 4))]
            if self.chance(0.3):
                items += [self.window(scope) for _ in range(self.rng.randint(1, 2))]
            tail = ''
        distinct = 'DISTINCT ' if self.chance(0.12) else ''
        if not tail and not distinct and self.chance(0.06) and self.total_order(scope):
            key = self.scalar(scope, self.pick('int', 'text', 'date'), self.pick(0, 1))
            if str(key)[0].isalpha() and not str(key).startswith(('NULL', 'true', 'false', 'date', 'timestamp')):
                distinct = T('DISTINCT ON (', str(key), ') ')
                tail = T(' ORDER BY ', str(key), ', ', ', '.join(self.total_order(scope)))
        columns = [('c%d' % i, item.kind) for i, item in enumerate(items)]
        listed = T()
        for i, item in enumerate(items):
            listed.parts += [', ' if i else '', item, ' AS c%d' % i]
        return T('SELECT ', distinct, listed, ' FROM ', tree, where, tail), columns

    def grouped(self, scope):
        groups = [self.scalar(scope, self.rng.choice(['int', 'text', 'num', 'date', 'bool']), self.rng.choice([0, 0, 1]))
                  for _ in range(self.rng.choice([0, 1, 1, 2]))]
        groups = [g for g in groups if str(g)[0].isalpha() and not str(g).startswith(('NULL', 'true', 'false', 'date', 'timestamp'))]
        aggregates = [self.aggregate(scope) for _ in range(self.rng.randint(1, 3))]
        tail = T()
        if groups and self.chance(0.2):
            # Positions are not for inside of grouping sets: the expressions stand there again.
            shape = self.pick('ROLLUP (%s)', 'CUBE (%s)', 'GROUPING SETS ((%s), ())')
            tail.parts.append(T(' GROUP BY ', shape % ', '.join(str(g) for g in groups)))
            aggregates.append(T('grouping(', str(groups[0]), ')', kind='int'))
        elif groups:
            tail.parts.append(T(' GROUP BY ', ', '.join(str(i + 1) for i in range(len(groups)))))
        if self.chance(0.25):
            item = self.rng.choice(aggregates)
            tail.parts.append(T(' HAVING ', T(item, self.pick(' > ', ' <= ', ' = '), self.literal(item.kind)), optional=True))
        return groups + aggregates, tail

    def statement(self):
        tree, columns = self.select(2)
        # The 6,000 rows of rd joined to themselves on a constant would be 36 million.
        if self.chance(0.08) and 'rd ' not in str(tree):
            inner, outer_columns = tree, columns
            alias = self.alias()
            scope = [('%s.%s' % (alias, c), k) for c, k in outer_columns]
            other = self.alias()
            same = [('%s.%s' % (other, c), k) for c, k in outer_columns]
            items = [self.scalar(scope + same, self.rng.choice(KINDS), 1) for _ in range(2)]
            tree = T('WITH w', T(' AS MATERIALIZED ', optional=True) if self.chance(0.3) else ' AS ', '(', inner, ') SELECT ', items[0], ' AS c0, ', items[1], ' AS c1 FROM w ', alias,
                     ' JOIN w ', other, ' ON ', scope[0][0], ' = ', same[0][0])
            columns = [('c0', items[0].kind), ('c1', items[1].kind)]
        elif self.chance(0.12) and not str(tree).startswith(('(', 'SELECT DISTINCT ON')):
            kinds = [k for _, k in columns]
            other_from, scope = self.sources(0)
            listed = T()
            for i, kind in enumerate(kinds):
                listed.parts += [', ' if i else '', self.scalar(scope, kind, 1)]
            tree = T(tree, self.pick(' UNION ALL ', ' UNION ', ' INTERSECT ', ' EXCEPT ', ' EXCEPT ALL '), 'SELECT ', listed, ' FROM ', other_from)
        if self.chance(0.4) and not str(tree).startswith('SELECT DISTINCT ON'):
            keys = list(range(1, len(columns) + 1))
            self.rng.shuffle(keys)
            order = T(' ORDER BY ')
            for i, key in enumerate(keys):
                order.parts += [', ' if i else '', str(key), self.pick('', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST')]
            tree = T(tree, order, T(' LIMIT ', self.pick('1', '5', '20'), T(' OFFSET ', self.pick('1', '7'), optional=True), optional=True))
            return tree, True
        return tree, False
