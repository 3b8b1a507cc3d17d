"""A listening socket, its address, and a uvicorn server that leaves signals to us. For ``burgee serve`` and ``burgee up``."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from burgee.trouble import Trouble, UsageError


class Server(uvicorn.Server):
    """uvicorn's own signal handling raises the signal again when it has shut down, which ends the process with a traceback.

    ``signals`` false: somebody else stops it, by ``should_exit``.
    """

    def __init__(self, application: Any, shutdown_seconds: int, signals: bool = True) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="off",
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=shutdown_seconds,
            )
        )
        self._signals = (signal.SIGINT, signal.SIGTERM) if signals else ()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A listening socket, so that the printed address answers (or waits) from the moment it is printed. Raises Trouble."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise Trouble(f"cannot listen on {host}:{port}: {error.strerror}. {option} chooses another port") from error
    listener.setblocking(False)
    return listener


def address_of(host: str, listener: socket.socket) -> str:
    """``http://host:port`` of a listening socket."""
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
