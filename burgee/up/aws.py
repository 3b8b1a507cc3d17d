"""The embedded AWS: moto's server, one request at a time. ``python -m burgee.up.aws --port N`` is a process of its own.

moto keeps its state in memory and isn't atomic under threads: two conditional writes at once may both succeed. Behind one lock
each request is exact. It prints ``ready http://HOST:PORT`` and ends at the end of its standard input, so that it never outlives
whoever started it; then it removes the directory ``--scratch``, if there is one: a killed parent can't do that any more.

For ``burgee.up`` and ``tests.aws``.
"""

import argparse
import io
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from burgee.up import corrections

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class OneAtATime:
    """A WSGI application that lets one request at a time into ``application``.

    The body is read before and the answer is written after, so that a slow or dead client keeps nobody else waiting. A request
    whose body breaks off never reaches the application: half an object must not be stored.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not _read_body(environ):
            start_response("400 Bad Request", [("Content-Length", "0"), ("Connection", "close")])
            return []
        with self._lock:
            answer = self._application(environ, start_response)
            try:
                return list(answer)
            finally:
                close = getattr(answer, "close", None)
                if close is not None:
                    close()


def _read_body(environ: Environ) -> bool:
    """Puts the whole body into memory; False if it is shorter than announced."""
    if environ.get("wsgi.input_terminated"):  # chunked
        body = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        expected = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(expected) if expected > 0 else b""
        if len(body) < expected:
            return False
    environ["wsgi.input"] = io.BytesIO(body)
    return True


class _Handler(MotoRequestHandler):
    # A response is written in pieces; with Nagle's algorithm the last one waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No access log."""


def serve(host: str, port: int) -> BaseWSGIServer:
    """A server bound to ``host:port`` (0: any free port) that doesn't run yet. Ends the process when the port is taken."""
    corrections.apply()
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    return make_server(host, port, application, threaded=True, request_handler=_Handler)


def main() -> None:
    """Serves until SIGTERM, SIGINT or the end of standard input."""
    parser = argparse.ArgumentParser(prog="python -m burgee.up.aws", description="An embedded AWS on loopback.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="the port (default: any free one)")
    parser.add_argument("--scratch", metavar="DIR", help="a directory to remove at the end")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _end(options.scratch))
    threading.Thread(target=_end_with_input, args=(options.scratch,), daemon=True).start()
    server = serve(options.host, options.port)
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"ready http://{host}:{server.port}", flush=True)
    server.serve_forever()


def _end_with_input(scratch: str | None) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    _end(scratch)


def _end(scratch: str | None) -> NoReturn:
    deadline = time.monotonic() + 2
    while scratch is not None and os.path.exists(scratch) and time.monotonic() < deadline:
        shutil.rmtree(scratch, ignore_errors=True)  # again while processes that are being killed still write there
        time.sleep(0.02)
    os._exit(0)


if __name__ == "__main__":
    main()
