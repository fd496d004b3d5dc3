"""As much of redis' protocol as a queue needs."""
import socket


class Redis:
    def __init__(self):
        self.file = socket.create_connection(('127.0.0.1', 6379)).makefile('rwb')

    def __call__(self, *words):
        words = [str(w).encode() for w in words]
        self.file.write(b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%b\r\n' % (len(w), w) for w in words))
        self.file.flush()
        return self.answer()

    def answer(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError('redis has gone')
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b'-':
            raise RuntimeError(rest)
        if kind == b'+':
            return rest
        n = int(rest)
        if kind == b':':
            return n
        if n < 0:
            return None
        if kind == b'$':
            return self.file.read(n + 2)[:-2].decode()
        return [self.answer() for _ in range(n)]
