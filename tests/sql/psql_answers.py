"""PostgreSQL's answers to many statements through one psql: rows and types, or the SQLSTATE."""
import csv
import io
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


def value(text, kind):
    if kind == 'bool':
        return {'t': 'true', 'f': 'false'}[text]
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
            read = [[None if cell == '\\N' else value(cell, kind) for cell, kind in zip(row, types)] for row in csv.reader(io.StringIO(rows))]
        answers.append(Answer(types, read, state))
    if len(answers) != len(statements):
        raise RuntimeError('psql answered %d of %d statements: %s' % (len(answers), len(statements), done.stderr[-500:]))
    return answers
