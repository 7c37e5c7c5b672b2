"""One kept HTTP/1.1 connection that posts to /query: http.client spends more on reading headers than either engine on a small statement."""
import socket


class Cut(Exception):
    """The answer ended early. `fresh`: not a byte of it had come."""

    def __init__(self, text, fresh):
        super().__init__(text)
        self.fresh = fresh


class Connection:
    def __init__(self, port, timeout_s):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.begun = b'', False

    def close(self):
        self.socket.close()

    def post(self, body, accept):
        """-> status, body"""
        head = 'POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: %s\r\nContent-Length: %d\r\n\r\n' % (accept, len(body))
        self.buffer, self.begun = b'', False
        try:
            self.socket.sendall(head.encode() + body)
            return self._read_answer()
        except OSError as problem:
            raise Cut(repr(problem), not self.begun) from problem

    def _more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise Cut('the connection was closed', not self.begun)
        self.begun = True
        self.buffer += data

    def _until(self, mark, start=0):
        while (at := self.buffer.find(mark, start)) < 0:
            self._more()
        return at

    def _read_answer(self):
        end = self._until(b'\r\n\r\n')
        head = self.buffer[:end].lower()
        status = int(head[9:12])
        self.buffer = self.buffer[end + 4:]
        if b'\r\ntransfer-encoding: chunked' in head:
            return status, self._chunks()
        length = int(head.split(b'\r\ncontent-length:', 1)[1].split(b'\r\n', 1)[0])
        return status, self._exactly(length)

    def _exactly(self, length):
        parts, have = [self.buffer], len(self.buffer)
        while have < length:
            data = self.socket.recv(min(1 << 20, length - have))
            if not data:
                raise Cut('%d of %d bytes came' % (have, length), False)
            parts.append(data)
            have += len(data)
        return b''.join(parts)

    def _chunks(self):
        parts = []
        while True:
            end = self._until(b'\r\n')
            size = int(self.buffer[:end].split(b';')[0], 16)
            self.buffer = self.buffer[end + 2:]
            while len(self.buffer) < size + 2:
                self._more()
            if size == 0:
                return b''.join(parts)
            parts.append(self.buffer[:size])
            self.buffer = self.buffer[size + 2:]
