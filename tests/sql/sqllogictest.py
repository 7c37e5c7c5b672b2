"""sqllogictest files: reading, writing, and what their results mean.

Beside the usual (statement ok|error, query TYPES [sort] [label], hash-threshold, halt, skipif, onlyif) these are understood:

    statement error 22012       the SQLSTATE is part of the expectation
    params [1, "x", null]       before a record: values for $1, $2 ...
    demo flights                before everything: a columnar demo table, copied to PostgreSQL

Types: I integer, R float (compared with a tolerance, shown with three digits), T anything else, as the server writes it."""
import hashlib
import json
import re

FLOAT_TYPES = ('float4', 'float8')


class Record:
    def __init__(self, line):
        self.line = line
        self.kind = ''  # statement, query, control
        self.words = []
        self.sql = ''
        self.expected = None  # list of lines
        self.skip, self.only = [], []
        self.params = None
        self.head = []  # lines before the sql, as written

    @property
    def sort(self):
        return self.words[2] if len(self.words) > 2 and self.words[2] in ('nosort', 'rowsort', 'valuesort') else 'nosort'


def read_records(path):
    with open(path, encoding='utf-8') as file:
        lines = file.read().split('\n')
    records, record, i = [], None, 0
    while i < len(lines):
        line = lines[i].rstrip('\r')
        if record is None:
            record = Record(i + 1)
        words = line.split()
        if not words or words[0].startswith('#'):
            record.head.append(line)
            i += 1
            continue
        record.head.append(line)
        i += 1
        if words[0] in ('skipif', 'onlyif'):
            (record.skip if words[0] == 'skipif' else record.only).append(words[1])
            continue
        if words[0] == 'params':
            record.params = json.loads(line[6:])
            continue
        record.line = i
        if words[0] not in ('statement', 'query'):
            record.kind, record.words = 'control', words
        else:
            record.kind, record.words = words[0], words
            sql = []
            while i < len(lines) and lines[i].strip() and lines[i].strip() != '----':
                sql.append(lines[i].rstrip('\r'))
                i += 1
            record.sql = '\n'.join(sql)
            if i < len(lines) and lines[i].strip() == '----':
                record.expected = []
                i += 1
                while i < len(lines) and lines[i].strip():
                    record.expected.append(lines[i].rstrip('\r'))
                    i += 1
        records.append(record)
        record = None
    if record and any(record.head):
        record.kind, record.words = 'control', ['end']
        records.append(record)
    return records


def write_records(path, records):
    out = []
    for record in records:
        out.extend(record.head)
        if record.kind in ('statement', 'query'):
            out.append(record.sql)
        if record.expected is not None:
            out.append('----')
            out.extend(record.expected)
    text = re.sub(r'\n{3,}', '\n\n', '\n'.join(out).rstrip('\n')) + '\n'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def type_letters(types):
    return ''.join('I' if t in ('int2', 'int4', 'int8') else 'R' if t in FLOAT_TYPES else 'T' for t in types)


def plain(value):
    return 'true' if value is True else 'false' if value is False else value if value is None or isinstance(value, str) else json.dumps(value)


def shown(value, letter):
    value = plain(value)
    if value is None:
        return 'NULL'
    try:
        if letter == 'R':
            return '%.3f' % float(value)
        if letter == 'I' and not re.fullmatch(r'-?\d+', value):
            return '%d' % float(value)
    except ValueError:
        return value
    if value == '':
        return '(empty)'
    inside = value.strip(' ')
    lead = len(value) - len(value.lstrip(' ')) if inside else len(value)
    value = '\u2420' * lead + inside + '\u2420' * (len(value) - lead - len(inside))  # blanks at the ends can be seen
    return ''.join(c if c.isprintable() else '@' for c in value)


def result_values(answer, letters, sort):
    rows = [[shown(value, letter) for value, letter in zip(row, letters)] for row in answer.rows]
    if sort == 'rowsort':
        rows.sort()
    values = [value for row in rows for value in row]
    if sort == 'valuesort':
        values.sort()
    return values


def result_hash(values):
    return hashlib.md5(''.join(value + '\n' for value in values).encode()).hexdigest()


def expectation(values, width, threshold, sort):
    """What --record writes: a row a line when no value holds a blank, else a value a line."""
    if threshold and len(values) > threshold:
        return ['%d values hashing to %s' % (len(values), result_hash(values))]
    if width > 1 and sort != 'valuesort' and all(value and not re.search(r'\s', value) for value in values):
        return [' '.join(values[i:i + width]) for i in range(0, len(values), width)]
    return list(values)


def matches(expected, values, width):
    if len(expected) == 1:
        found = re.fullmatch(r'(\d+) values hashing to ([0-9a-f]{32})', expected[0])
        if found:
            return int(found.group(1)) == len(values) and found.group(2) == result_hash(values)
    if expected == values:
        return True
    return width > 1 and len(expected) * width == len(values) and [v for line in expected for v in line.split(' ')] == values


# ---- two engines' answers ---------------------------------------------------------------------------------

def same_value(a, b, is_float, digits):
    if a == b:
        return True
    if not is_float or a is None or b is None:
        return False
    try:
        x, y = float(a), float(b)
    except ValueError:
        return False
    if x != x or y != y:
        return x != x and y != y
    return abs(x - y) <= digits * max(abs(x), abs(y), 1e-300)


def sort_key(row):
    def key(value):
        if value is None:
            return (2, '')
        try:
            return (0, '%.12g' % (float(value) + 0.0))
        except ValueError:
            return (1, value)
    return [key(value) for value in row]


def difference(a, b, sort):
    """The first difference between two answers as text, or None. Sums of floats depend on the order of rows: floats differ only
    beyond 12 digits (float4: 5)."""
    if a.types != b.types:
        return 'column types %s, not %s' % (b.types, a.types)
    if a.columns != b.columns:
        return 'column names %s, not %s' % (b.columns, a.columns)
    if len(a.rows) != len(b.rows):
        return '%d rows, not %d%s' % (len(b.rows), len(a.rows), first_extra(a, b))
    floats = [1e-5 if t == 'float4' else 1e-12 if t == 'float8' else 0 for t in a.types]
    left = [[plain(v) for v in row] for row in a.rows]
    right = [[plain(v) for v in row] for row in b.rows]
    if sort != 'nosort':
        # Numerics may differ beyond the 12 digits that floats are sorted by.
        exact = lambda row: (sort_key(row), [str(v) for v, f in zip(row, floats) if not f])
        left.sort(key=exact)
        right.sort(key=exact)
    for i, (x, y) in enumerate(zip(left, right)):
        if x != y and not all(same_value(v, w, f > 0, f) for v, w, f in zip(x, y, floats)):
            return 'row %d: %s, not %s' % (i + 1, y, x)
    return None


def first_extra(a, b):
    left, right = {repr(r) for r in a.rows}, {repr(r) for r in b.rows}
    extra, missing = sorted(right - left)[:1], sorted(left - right)[:1]
    return (' (too much: %s)' % extra[0] if extra else '') + (' (missing: %s)' % missing[0] if missing else '')
