"""What the SQL tests need of a running Signalbox: statements over HTTP, tables copied from engine to engine.

The directory (VAR of ./run) and the port say where it is. Answers keep every value as the server wrote it, so that 1.50 and
1.5 differ."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import http_connection

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
POSTGRES_PORT = '54329'  # names the socket; see ./run
TIMEOUT_S = 120


class Answer:
    """Rows (columns, types, rows) or an error (status, sqlstate, detail, position)."""

    def __init__(self, status, body):
        self.status = status
        self.error = None
        self.columns, self.types, self.rows = [], [], []
        self.engine = None
        try:
            data = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
        except ValueError:
            data = {'detail': 'the answer is not JSON: %r' % body[:200], 'sqlstate': 'cut'}
            status = 0
        if status != 200:
            self.error = data
            self.sqlstate = data.get('sqlstate', 'HTTP %s' % status)
            self.detail = data.get('detail', '')
            self.position = data.get('position')
            return
        self.engine = data.get('engine')
        self.row_count, self.command = data.get('row_count'), data.get('command')
        self.timing = data.get('timing', {})
        for column in data.get('columns', []):
            self.columns.append(column['name'])
            self.types.append(column['type'])
        self.rows = data.get('data', [])
        self.truncated = data.get('truncated', False)

    @property
    def declined(self):
        """The engine said that it cannot: no wrong answer, and none either. A statement's own 0A000 is no decline."""
        return self.error is not None and (self.sqlstate == 'SB003' or
                                           self.sqlstate == '0A000' and 'cannot run this statement' in (self.detail or ''))


class Server:
    def __init__(self, var, port):
        self.var, self.port = os.path.abspath(var), int(port)
        self.config = os.environ.get('SIGNALBOX_E2E_CONFIG') or os.path.join(os.path.dirname(self.var), 'signalbox.toml')
        if not os.path.exists(self.config):
            self.config = os.path.join(self.var, 'signalbox.toml')
        self.program = os.environ.get('SIGNALBOX_PROGRAM') or os.path.join(
            ROOT, 'build', os.environ.get('PRESET', 'release'), 'signalbox')
        self.connection = None
        self.scratch = tempfile.mkdtemp(prefix='signalbox-sqltest.')
        os.chmod(self.scratch, 0o755)

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.close_connection()

    def query(self, sql, engine='auto', params=None, **more):
        body = {'sql': sql, 'engine': engine, 'max_rows': 50000000, 'cache': False, **more}
        if params is not None:
            body['params'] = params
        return Answer(*self.post(body))

    def post(self, body):
        """-> the status and the answer's bytes; 0 and a problem when the connection was cut."""
        data = json.dumps(body).encode()
        for attempt in (1, 2):
            reused = self.connection is not None
            try:
                if not reused:
                    self.connection = http_connection.Connection(self.port, body.get('max_runtime_seconds', 0) + TIMEOUT_S)
                return self.connection.post(data, 'application/vnd.signalbox.compact+json')
            except (http_connection.Cut, OSError) as problem:
                self.close_connection()
                # nginx may end a kept connection between two requests; anything else is the answer.
                if attempt == 2 or not reused or not getattr(problem, 'fresh', False):
                    return 0, json.dumps({'detail': repr(problem), 'sqlstate': 'cut'}).encode()

    def close_connection(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    # ---- programs beside it -----------------------------------------------------------------------------

    def _as_pool_user(self, command):
        """As root the warehouse belongs to the pool's user; see ./run."""
        if os.geteuid() != 0:
            return command
        return ['setpriv', '--reuid=www-data', '--regid=www-data', '--init-groups', 'env', 'HOME=' + self.var] + command

    def _run(self, command, text=None):
        done = subprocess.run(command, input=text, capture_output=True, encoding='utf-8', cwd='/')
        if done.returncode != 0:
            raise RuntimeError('%s: %s' % (' '.join(command[-4:]), (done.stderr or done.stdout).strip()))
        return done.stdout

    def signalbox(self, *arguments):
        return self._run(self._as_pool_user([self.program, '--config', self.config] + list(arguments)))

    def psql(self, script):
        return self._run(['psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-h', os.path.join(self.var, 'run/postgres'), '-p',
                          POSTGRES_PORT, '-U', 'signalbox', '-d', 'signalbox'], script)

    def mariadb(self, script):
        return self._run(['mariadb', '--no-defaults', '--socket=' + os.path.join(self.var, 'run/mysql/mysqld.sock'), '-u', 'signalbox',
                          '--local-infile=1', 'signalbox'], script)

    # ---- tables -------------------------------------------------------------------------------------------

    def postgres_schema(self, table):
        return self.psql("SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) "
                         "FROM pg_attribute WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped;" % table).strip()

    def copy_to_columnar(self, table):
        """PostgreSQL's table, under the same name, with the same types."""
        path = os.path.join(self.scratch, table + '.csv')
        self.psql("\\copy %s TO '%s' CSV HEADER\n" % (table, path))
        os.chmod(path, 0o644)
        self.signalbox('load', table, path, '--replace', '--format', 'csv', '--delimiter', ',', '--quote', '"', '--header', '--schema',
                       self.postgres_schema(table))
        os.unlink(path)

    def copy_to_postgres(self, table):
        """The columnar table, under the same name, with the same types."""
        answer = self.query('SELECT * FROM %s LIMIT 0' % table, 'columnar')
        if answer.error:
            raise RuntimeError(answer.detail)
        path = os.path.join(self.scratch, table + '.csv')
        with open(path, 'w') as out:
            subprocess.run(self._as_pool_user([self.program, '--config', self.config, 'query', '--engine', 'columnar', '--format', 'csv',
                                               'SELECT * FROM %s' % table]), stdout=out, check=True, cwd='/')
        columns = ', '.join('"%s" %s' % (name, kind) for name, kind in zip(answer.columns, answer.types))
        self.psql('DROP TABLE IF EXISTS %s; CREATE TABLE %s (%s);\n\\copy %s FROM \'%s\' CSV HEADER\nANALYZE %s;\n' %
                  (table, table, columns, table, path, table))
        os.unlink(path)

    def refresh(self):
        """Every process of the pool reads the engines' tables again: DDL through us says so."""
        for sql in ('CREATE TABLE sqltest_refresh (x integer)', 'DROP TABLE sqltest_refresh'):
            answer = self.query(sql, 'postgres')
            if answer.error:
                raise RuntimeError(answer.detail)


def find_server():
    var, port = os.environ.get('SIGNALBOX_E2E_VAR'), os.environ.get('SIGNALBOX_E2E_PORT')
    return Server(var, port) if var and port else None


def _start_server():
    """One in a scratch directory; other processes started from here find it too."""
    base = tempfile.mkdtemp(prefix='signalbox-sql.')
    os.chmod(base, 0o755)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    environment = dict(os.environ, VAR=os.path.join(base, 'var'), PORT=port)
    with open(os.path.join(base, 'start.log'), 'w') as log:
        if subprocess.run([os.path.join(ROOT, 'run')], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode:
            sys.exit('the server did not start; see %s/start.log' % base)

    def stop():
        subprocess.run([os.path.join(ROOT, 'run'), 'stop'], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        shutil.rmtree(base, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a time limit ends the server too
    os.environ.update(SIGNALBOX_E2E_VAR=environment['VAR'], SIGNALBOX_E2E_PORT=port)
    return Server(environment['VAR'], port), stop


def find_or_start_server():
    """-> the server, and what ends it if it was started here."""
    server = find_server()
    return (server, lambda: None) if server else _start_server()
