"""GET /notes lists them, POST /notes adds the body as one, GET /health asks the database."""
import contextlib
import http.server
import json
import psycopg2


def query(sql, *values):
    with contextlib.closing(psycopg2.connect('')) as db, db, db.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


class Api(http.server.BaseHTTPRequestHandler):
    def answer(self, code, value):
        body = json.dumps(value).encode() + b'\n'
        self.send_response(code)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self, paths):
        work = paths.get(self.path)
        try:
            self.answer(*work() if work else (404, None))
        except psycopg2.Error as e:
            self.answer(503, str(e))

    def do_GET(self):
        self.serve({'/notes': lambda: (200, [{'id': i, 'text': t} for i, t in query('SELECT id, text FROM notes ORDER BY id')]),
                    '/health': lambda: (200, query('SELECT 1'))})

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode(errors='replace')
        self.serve({'/notes': lambda: (201, query('INSERT INTO notes (text) VALUES (%s) RETURNING id', text))})


http.server.ThreadingHTTPServer(('', 8000), Api).serve_forever()
