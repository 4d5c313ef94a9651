"""Somebody in front of a browser: who she is, what she does in words, and everything that the browser complains of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

PHONE = (390, 844)
DESK = (1280, 900)
#: Milliseconds for a page on a loaded machine of two cores.
PATIENCE = 8_000

expect.set_options(timeout=PATIENCE)


def said(label: str) -> re.Pattern[str]:
    """A label that begins so, whatever spaces French typography puts in it."""
    return re.compile("^" + r"\s".join(re.escape(word) for word in label.split(" ")))


class Somebody:
    """A person and her own browser (its own cookies). ``trouble`` must stay empty: console, CSP, other origins."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.trouble: list[str] = []
        self.expected: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.trouble.append(f"{page.url}: {error}"))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(word in message.text for word in self.expected):
            self.trouble.append(f"{self.page.url}: {message.text}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https") and parts.netloc != urlsplit(self.address).netloc:
            self.trouble.append(f"{self.page.url}: asked {request.url}")

    def go(self, path: str) -> int:
        """Opens a page of the portal; the status of the answer."""
        answer = self.page.goto(path if path.startswith("http") else self.address + path)
        assert answer is not None
        return answer.status

    def become(self, persona: str) -> None:
        """« Se connecter comme … » on the sign-in page of the demonstration."""
        self.go("/connexion")
        self.page.locator(f'form[action$="/{persona}"] button').click()
        self.page.wait_for_url(lambda url: "/connexion" not in url)

    def follow(self, name: str, *, exact: bool = True) -> None:
        """Clicks the first link of this name."""
        self.page.get_by_role("link", name=name, exact=exact).first.click()

    def press(self, name: str) -> None:
        """Clicks the button of this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(said(label)).first.fill(text)

    def tick(self, label: str) -> None:
        """A radio button or a box, by its words."""
        self.page.get_by_label(said(label)).first.check()

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_label(said(label)).first.select_option(label=option)

    def sees(self, text: str | re.Pattern[str]) -> None:
        """The text is somewhere on the page, in view or below."""
        expect(self.page.locator("main")).to_contain_text(text)

    @property
    def title(self) -> Locator:
        return self.page.locator("h1")

    def wait_until_she_sees(self, path: str, text: str) -> None:
        """Opens the page again until the worker has done its part."""
        for _ in range(60):
            self.go(path)
            if text in self.page.locator("main").inner_text():
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"{path} never showed « {text} »:\n{self.page.locator('main').inner_text()}")


Person = TypeVar("Person", bound=Somebody)


@contextmanager
def somebody(
    browser: Browser,
    address: str,
    *,
    size: tuple[int, int] = PHONE,
    javascript: bool = True,
    kind: type[Person] = Somebody,
) -> Iterator[Person]:
    """A new person in a new browser; at the end, nothing was wrong in it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale="fr-FR",
        timezone_id="Europe/Paris",
        java_script_enabled=javascript,
        reduced_motion="reduce",
    )
    person = kind(context.new_page(), address)
    try:
        yield person
        assert not person.trouble, "\n".join(person.trouble)
    except Exception as failure:
        failure.add_note(f"{person.page.url}\n{person.page.locator('body').inner_text(timeout=2000)[:900]}")
        raise
    finally:
        context.close()


def photograph(folder: Path, name: str = "certificat.jpg", words: str = "Certificat") -> Path:
    """A small photo as a phone takes them, never twice the same bytes for different words."""
    image = Image.new("RGB", (640, 480), (240, 236, 226))
    ImageDraw.Draw(image).text((60, 60), words, fill=(20, 30, 40))
    held = BytesIO()
    image.save(held, "JPEG", quality=80)
    path = folder / name
    path.write_bytes(held.getvalue())
    return path
