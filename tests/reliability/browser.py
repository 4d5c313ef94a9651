"""A person's browser over real connections; what parents and agents do with it, and again when the page is lost."""

from __future__ import annotations

import http.client
import re
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Form = Mapping[str, str | Sequence[str]]


class Gone(Exception):
    """The connection was refused, or lost before the answer."""


@dataclass(frozen=True)
class Page:
    """An answer: ``where`` is the address of a redirect, or an empty text."""

    status: int
    text: str
    where: str = ""

    def found(self, pattern: str) -> str:
        """The first group of ``pattern``, as an address or a value reads in HTML."""
        match = re.search(pattern, self.text)
        assert match is not None, f"{pattern} is not on the page ({self.status}): {self.words()[-800:]}"
        return match[1].replace("&amp;", "&")

    def words(self) -> str:
        """The page without its markup."""
        return " ".join(re.sub(r"<[^>]+>", " ", self.text.split("<main", 1)[-1]).split())


class Browser:
    """One person's: it keeps its cookies, and the forgery token of the last page that had a form."""

    def __init__(self, port: int, cookies: Mapping[str, str] | None = None) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None
        self.cookies = dict(cookies or {})
        self.token = ""
        self.opening = ""
        self.child = ""
        self.patience = 120.0
        self.seen: list[int] = []

    def ask(self, method: str, path: str, form: Form | None = None, *, timeout: float = 30) -> Page:
        """One request. Raises Gone when no whole answer came."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if method == "POST" and self.opening and "/etapes/" in path:
            path += f"{'&' if '?' in path else '?'}ouverture={self.opening}"
        if method == "POST":
            body = urllib.parse.urlencode({"csrf_token": self.token, **(form or {})}, doseq=True)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)
            self._connection.request(method, path, body, headers)
            with self._connection.getresponse() as response:  # one cut in the middle is closed too
                text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Gone(f"{method} {path}: {type(error).__name__}") from error
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self.cookies[name] = value
        if (response.headers.get("Connection") or "").lower() == "close":
            self.close()
        if found := re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text):
            self.token = found[1]
        if found := re.search(r'[?&;]ouverture=([^"&]+)', text):
            self.opening = found[1]
        self.seen.append(response.status)
        return Page(response.status, text, response.headers.get("Location") or "")

    def insist(self, method: str, path: str, form: Form | None = None) -> Page:
        """The same request until an answer comes: what a person does who presses « Réessayer »."""
        end = time.monotonic() + self.patience
        while True:
            try:
                page = self.ask(method, path, form)
            except Gone:
                page = Page(0, "")
            if page.status not in (0, 503):
                return page
            assert time.monotonic() < end, f"{method} {path}: no answer for {self.patience:.0f} s"
            time.sleep(0.1)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def sign_in(self, persona: str) -> None:
        """« Se connecter comme… »."""
        self.insist("GET", "/connexion")
        page = self.insist("POST", f"/connexion/demonstration/{persona}")
        assert page.status in (302, 303), (page.status, page.words()[-500:])


STEP = r'action="(/demandes/[0-9a-f-]+/etapes/[0-9a-f-]+)'
WORK = r'action="(/agent/demandes/[0-9a-f-]+/etapes/[0-9a-f-]+)"'


def open_absence(parent: Browser) -> str:
    """The page of a new declaration; the address of its form."""
    page = parent.insist("GET", "/demandes/nouvelle/absence?autre=1")
    assert page.status == 200, (page.status, page.words()[-500:])
    parent.child = page.found(r'name="enfant" value="([^"]+)"')
    return page.found(STEP)


def fill_absence(parent: Browser, step: str, day: str) -> None:
    """Types the declaration: two autosaves, then its two pages. The recap comes next."""
    first: Form = {
        "enfant": parent.child,
        "dates_debut": day,
        "dates_fin": day,
        "creneaux": ["CANT", "SOIR1"],
    }
    for typed in ({"enfant": parent.child}, first):
        page = parent.insist("POST", f"{step}/brouillon?page=1", typed)
        assert page.status == 200, (page.status, page.words()[-500:])
    for number, form in ((1, first), (2, {"motif": "familial", "cgu": "oui"})):
        page = parent.insist("POST", f"{step}?page={number}", form)
        assert page.status == 302, (page.status, page.words()[-800:])


def send(parent: Browser, step: str) -> Page:
    """« Enregistrer la demande »: 302 when it was sent, 409 when it had been already."""
    page = parent.insist("POST", f"{step}?page=verification")
    assert page.status in (302, 409), (page.status, page.words()[-800:])
    return page


def case_of(address: str) -> str:
    """The id of a demande, from any of its addresses."""
    match = re.search(r"/demandes/([0-9a-f-]{36})", address)
    assert match is not None, address
    return match[1]


def work(agent: Browser, case: str, form: Form) -> Page:
    """The agent opens the demande and sends the step in hand (an empty form takes it in charge)."""
    page = agent.insist("GET", f"/agent/demandes/{case}")
    assert page.status == 200, (page.status, page.words()[-500:])
    page = agent.insist("POST", page.found(WORK), form)
    assert page.status in (302, 303, 409), (page.status, page.words()[-800:])
    return page
