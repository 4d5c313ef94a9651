"""A page of the studio in a real browser, on the small server of ``harness``: nothing may complain in its console."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.browser import served
from tests.studio.editor.harness import SHIPPED, Desk, make_studio, studio_data

Opening = Callable[..., Page]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def opened(browser: Browser, desk: Desk) -> Iterator[Opening]:
    """``opened(kind, data, width=1280)``: the page, ready. Any error in its console fails the test at the end."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def go(kind: str, data: Mapping[str, Any], width: int = 1280, at: str = "", ready: bool = True) -> Page:
            address = stack.enter_context(served(make_studio(desk, {"page": (kind, data)})))
            context = browser.new_context(
                locale="fr-FR", viewport={"width": width, "height": 900}, accept_downloads=True
            )
            stack.callback(context.close)
            page = context.new_page()
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{address}/p/page{at}")
            if ready:
                page.wait_for_function(f"() => document.querySelector('[data-{kind}]').studio")
            return page

        yield go
    # the browser itself notes every answer that is not a success: those are what the test asked for
    assert [each for each in complaints if "Failed to load resource" not in each] == []


@pytest.fixture
def absence() -> str:
    return next(path for path in SHIPPED if path.parent.name == "absence").read_text(encoding="utf-8")


@pytest.fixture
def studio(opened: Opening, absence: str) -> Page:
    """The editor on the démarche « absence »."""
    return opened("studio", studio_data(absence))


def exported(page: Page) -> str:
    """The XML that a save would send now."""
    xml: str = page.evaluate(
        "() => { const { editor, panel } = document.querySelector('[data-studio]').studio; panel.commit();"
        " return editor.saveXML({ format: true }).then(({ xml }) => xml); }"
    )
    return xml


def select(page: Page, element_id: str) -> None:
    """Chooses an element as the list of the panel does."""
    page.evaluate(
        "(id) => { const { editor } = document.querySelector('[data-studio]').studio;"
        " editor.get('selection').select(editor.get('elementRegistry').get(id)); }",
        element_id,
    )
