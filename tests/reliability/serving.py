"""The application behind a real server in this process: several threads, several connections, one database."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from werkzeug.serving import make_server

from app import create_app
from app.db import Database
from app.web.requests import Portal
from tests.cases.making import sign_in
from tests.conftest import settings_for
from tests.reliability.browser import Browser

T = TypeVar("T")


class Served:
    """A portal that answers on ``port``; ``app`` is the same application, for what needs no network."""

    def __init__(self, app: Portal, port: int) -> None:
        self.app, self.port = app, port
        self.browsers: list[Browser] = []

    def tab(self, other: Browser) -> Browser:
        """One more connection of the same person."""
        made = Browser(self.port, other.cookies)
        made.token, made.opening = other.token, other.opening
        self.browsers.append(made)
        return made

    def browser(self, account_id: uuid.UUID | None = None) -> Browser:
        """Somebody's browser, signed in when an account is given."""
        made = Browser(self.port)
        self.browsers.append(made)
        if account_id is not None:
            client = self.app.test_client()
            sign_in(client, self.app.database, account_id)
            cookie = client.get_cookie("portail")
            assert cookie is not None
            made.cookies["portail"] = cookie.value
        made.ask("GET", "/aide")  # a page with a form, for its token
        return made


@contextmanager
def served(database: Database, folder: Path, **changes: str) -> Iterator[Served]:
    """Serves until the end of the block."""
    url = database.engine.url.render_as_string(hide_password=False)
    app = create_app(settings_for(url, folder, **changes), database)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    running = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    running.start()
    portal = Served(app, server.server_port)
    try:
        yield portal
    finally:
        for browser in portal.browsers:
            browser.close()
        server.shutdown()
        running.join(10)
        server.server_close()


def at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """Does everything at the same instant, each in a thread of its own; the results in order."""
    start = threading.Barrier(len(acts))

    def go(act: Callable[[], T]) -> T:
        start.wait(20)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(60) for future in [pool.submit(go, act) for act in acts]]
