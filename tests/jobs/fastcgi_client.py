"""Requests to one process of the pool, past nginx: FastCGI 1.0 over its unix socket, one connection kept."""
import json
import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
TIMEOUT_S = 120


def record(kind, content):
    return struct.pack('>BBHHBx', 1, kind, 1, len(content), 0) + content


def pair(name, value):
    name, value = name.encode(), value.encode()
    lengths = b''.join(struct.pack('>B' if n < 128 else '>I', n if n < 128 else n | 1 << 31) for n in (len(name), len(value)))
    return lengths + name + value


class Response:
    def __init__(self, data):
        head, _, self.body = data.partition(b'\r\n\r\n')
        self.headers = {}
        for line in head.decode().split('\r\n'):
            name, _, value = line.partition(': ')
            self.headers[name.lower()] = value
        self.status = int(self.headers.get('status', '200').split()[0])

    def json(self):
        return json.loads(self.body)


class Client:
    """Raises OSError when the process is gone."""

    def __init__(self, path):
        self.path = path
        self.socket = None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def read(self, length):
        data = b''
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise ConnectionError('%s: the connection was closed' % self.path)
            data += part
        return data

    def begin(self, method, uri, body=None, headers=None):
        if not self.socket:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT_S)
            self.socket.connect(self.path)
        text = json.dumps(body).encode() if body is not None else b''
        params = {'REQUEST_METHOD': method, 'REQUEST_URI': uri}
        if body is not None:
            params['CONTENT_TYPE'] = 'application/json'
        for name, value in (headers or {}).items():
            params['HTTP_' + name.upper().replace('-', '_')] = value
        out = record(BEGIN, struct.pack('>HB5x', 1, 1))
        out += record(PARAMS, b''.join(pair(name, value) for name, value in params.items())) + record(PARAMS, b'')
        for at in range(0, len(text), 32768):
            out += record(STDIN, text[at:at + 32768])
        self.socket.sendall(out + record(STDIN, b''))

    def part(self):
        """The next piece of the answer, None at its end."""
        while True:
            kind, length, padding = struct.unpack('>xBxxHBx', self.read(8))
            content = self.read(length + padding)[:length]
            if kind == END:
                return None
            if kind == STDOUT and content:
                return content

    def request(self, method, uri, body=None, headers=None):
        try:
            self.begin(method, uri, body, headers)
            data = b''
            while (part := self.part()) is not None:
                data += part
            return Response(data)
        except OSError:
            self.close()
            raise
