"""A wire between the portal and a server, which can be cut: to the portal, the server is gone."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Relay:
    """Passes bytes both ways between ``port`` and ``target``; ``cut`` drops every connection and refuses new ones.

    ``cut_at_answer``: the next thing the server says is not passed on, the wire is cut instead.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self.cut_at_answer = False
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Accepts connections (again), on the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """The server is gone, in the middle of whatever was being said."""
        with self._lock:
            doomed = [*self._open, *([self._listener] if self._listener else [])]
            self._listener = None
        for each in doomed:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # whoever reads it closes it: its number must not be reused meanwhile
        if self._accepting is not None:
            self._accepting.join(5)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                listener.close()
                return
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        asking = threading.Thread(target=self._pass, args=(near, far), daemon=True)
        asking.start()
        self._pass(far, near, answers=True)
        asking.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()

    def _pass(self, source: socket.socket, sink: socket.socket, *, answers: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if answers and self.cut_at_answer:
                    self.cut_at_answer = False
                    self.cut()
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
