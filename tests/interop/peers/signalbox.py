"""The program under test, by its command line: every statement is a process of its own."""
import json
import os
import subprocess


class Signalbox:
    name = 'signalbox'

    def __init__(self, warehouse, catalog=None):
        self.program = os.environ['SIGNALBOX_PROGRAM']
        self.config = os.path.join(warehouse.work, 'signalbox.toml')
        with open(self.config, 'w') as file:
            file.write('[paths]\ndata_directory = "%s"\n[engines.postgres]\nenabled = false\n[engines.mysql]\n'
                       'enabled = false\n[engines.columnar]\ndirectory = "%s"\n' % (warehouse.work, warehouse.path))
            if catalog:
                file.write('catalog = "%s"\n' % catalog)

    def run(self, *arguments, text=None):
        done = subprocess.run([self.program, '--config', self.config, *arguments], input=text, text=True,
                              capture_output=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or 'exit code %d' % done.returncode)
        return done.stdout

    def execute(self, sql):
        return self.run('query', '--format', 'compact', '-', text=sql)

    def query(self, sql):
        return json.loads(self.execute(sql), parse_int=str, parse_float=str)['data']

    def rows(self, table, columns):
        return self.query('SELECT %s FROM %s' % (', '.join('"%s"' % column for column in columns), table))
