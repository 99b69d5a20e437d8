"""A web server on this machine whose answers a test writes down beforehand."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SAME_AS_CONTENT = object()


class LocalSite:
    """Serves `routes`: path -> list of answers, one a request; the last one is repeated.

    `requests` lists (path, headers) of all requests in their order.
    """

    def __init__(self):
        self.routes, self.requests = {}, []
        self._closing = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                site.requests.append((self.path, dict(self.headers)))
                answers = site.routes.get(self.path, [site.status(404)])
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                answer(self)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A short poll: closing waits for one.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def url(self, name):
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def close(self):
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(
        self,
        content,
        *,
        encoding=None,
        obeys_range=True,
        shift=0,
        sent=None,
        claimed=SAME_AS_CONTENT,
        stalls=False,
    ):
        """An answer with content, or with the part that is asked for.

        Args:
            encoding: the header's value, None for none.
            obeys_range: bool, whether the request's header has an effect.
            shift: int, how far from the right place a part starts.
            sent: int or None, the connection ends after so many bytes.
            claimed: int, another Content-Length than the right one; None for none at all.
            stalls: bool, the connection stays open but silent after `sent` bytes.
        """

        def handle(handler):
            wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
            start = int(wanted[1]) + shift if wanted and obeys_range else 0
            if start and start >= len(content):
                return self.status(416)(handler)
            part = content[start:]
            handler.send_response(206 if start else 200)
            if start:
                last = len(content) - 1
                handler.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            headers = {
                "Content-Length": len(part) if claimed is SAME_AS_CONTENT else claimed,
                "Content-Encoding": encoding,
            }
            for name, value in headers.items():
                if value is not None:
                    handler.send_header(name, str(value))
            handler.end_headers()
            try:
                handler.wfile.write(part[:sent])
                handler.wfile.flush()
            except OSError:
                return  # the client has had enough
            if stalls:
                self._closing.wait(5)
            handler.close_connection = True

        return handle

    def silence(self, handler):
        """No answer for five seconds."""
        self._closing.wait(5)
        handler.close_connection = True

    def status(self, code):
        def handle(handler):
            handler.send_response(code)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return handle

    def redirect(self, location):
        def handle(handler):
            handler.send_response(302)
            handler.send_header("Location", location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return handle
