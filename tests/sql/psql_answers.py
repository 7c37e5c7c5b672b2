"""PostgreSQL's answers to many statements through one psql: rows and types, or the SQLSTATE."""
import csv
import io
import json
import subprocess

SHORT = {'smallint': 'int2', 'integer': 'int4', 'bigint': 'int8', 'real': 'float4', 'double precision': 'float8', 'boolean': 'bool'}


class Answer:
    def __init__(self, types, rows, sqlstate):
        self.types, self.rows, self.sqlstate = types, rows, sqlstate
        self.error = sqlstate != '00000'


def script(statements):
    out = ["SET timezone = 'UTC';", 'SET extra_float_digits = 1;', "SET bytea_output = 'hex';", "SET client_min_messages = error;", r"\pset null '\\N'"]
    for statement in statements:
        out += [r'\echo @@types', r'\pset format unaligned', statement + r' \gdesc', r'\echo @@rows', r'\pset format csv', statement + ';', r'\echo @@state :SQLSTATE']
    return '\n'.join(out) + '\n'


def array(text, kind):
    """An array's text as nested lists; what is left of its bounds is dropped, as in the server's JSON."""
    text = text[text.index('{'):]
    at = 0

    def element():
        nonlocal at
        if text[at] == '{':
            at += 1
            out = []
            while text[at] != '}':
                out.append(element())
                if text[at] == ',':
                    at += 1
            at += 1
            return out
        if text[at] == '"':
            out = ''
            at += 1
            while text[at] != '"':
                at += text[at] == '\\'
                out += text[at]
                at += 1
            at += 1
            return value(out, kind)
        begin = at
        while text[at] not in ',}':
            at += 1
        return None if text[begin:at] == 'NULL' else value(text[begin:at], kind)
    return element()


def value(text, kind):
    """As the server's JSON is read: numbers keep their text, JSON and arrays are themselves."""
    if kind.endswith('[]'):
        return array(text, SHORT.get(kind[:-2], kind[:-2]))
    if kind == 'bool':
        return text == 't'
    if kind in ('json', 'jsonb'):
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    return text


def ask(statements, psql_arguments=()):
    """One answer for each statement (no line ends inside, no semicolon)."""
    done = subprocess.run(['psql', '-X', '-q', '-A', '-t', '-F', '\t'] + list(psql_arguments), input=script(statements), capture_output=True,
                          encoding='utf-8')
    answers = []
    for part in done.stdout.split('@@types\n')[1:]:
        described, rest = part.split('@@rows\n', 1)
        rows, state = rest.rsplit('@@state ', 1)
        types = [SHORT.get(line.split('\t')[1], line.split('\t')[1]) for line in described.splitlines() if '\t' in line]
        state = state.strip()
        read = []
        if state == '00000':
            read = [[None if cell == '\\N' else value(cell, kind) for cell, kind in zip(row or [''], types)]
                    for row in csv.reader(io.StringIO(rows))]
        answers.append(Answer(types, read, state))
    if len(answers) != len(statements):
        raise RuntimeError('psql answered %d of %d statements: %s' % (len(answers), len(statements), done.stderr[-500:]))
    return answers
