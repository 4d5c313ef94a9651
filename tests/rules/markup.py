"""What the rules read of templates and of static files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.rules.source import ROOT, named

_INLINE = (
    # a JSON block is data: no browser runs it, and our policy would not let it
    (re.compile(r"""<script(?![^>]*\ssrc=)(?! type="application/json">)[^>]*>""", re.I), "inline script"),
    (re.compile(r"<style\b", re.I), "inline style sheet"),
    (re.compile(r"""<[a-z][^<>]*?\sstyle\s*=""", re.I), "style attribute"),
    (re.compile(r"""<[a-z][^<>]*?\son[a-z]+\s*=""", re.I), "event handler"),
    (re.compile(r"javascript:", re.I), "javascript: address"),
    (re.compile(r"""(?:src|href|action|srcset|poster|data)\s*=\s*["'](?:https?:)?//""", re.I), "other origin"),
)
_UNESCAPED = (
    (re.compile(r"\|\s*safe\b"), "|safe"),
    (re.compile(r"autoescape\s+false", re.I), "autoescape off"),
)
_JINJA = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", re.S)
_POST = re.compile(r"<form\b(?P<head>[^>]*)>(?P<body>.*?)</form>", re.I | re.S)
_ENDPOINT = re.compile(r"""url_for\(\s*['"]([^'"]+)['"]""")
#: Addresses that name a format and are never asked.
#: Names of vocabularies, which nobody fetches; the link that bpmn.io's licence asks to show, and its issues that the
#: editor's own warnings name.
NAMESPACES = (
    *("http://www.w3.org/", "http://www.omg.org/spec/", "https://www.omg.org/spec/"),
    *("http://bpmn.io", "https://bpmn.io", "http://spiffworkflow.org/bpmn/schema/"),
    "https://github.com/bpmn-io/diagram-js/",
)
_URL = re.compile(r"""https?://[^\s"'()<>,;]+""")
_COMMENT = re.compile(r"/\*.*?\*/|^\s*//.*?$", re.S | re.M)


def templates() -> Iterator[tuple[str, str]]:
    """Path below the repository and text of every template of a page (those of PDF are not HTML)."""
    for path in sorted((ROOT / "app").rglob("templates/**/*")):
        if path.is_file() and "app/pdf/" not in path.as_posix():
            yield named(path), path.read_text(encoding="utf-8")


def static_files() -> Iterator[tuple[str, str]]:
    """Style sheets and scripts that are served."""
    for path in sorted((ROOT / "app/web/static").rglob("*")):
        if path.suffix in (".css", ".js", ".svg"):
            yield named(path), path.read_text(encoding="utf-8")


def inline(name: str, text: str) -> list[str]:
    """What our policy forbids the browser to run or load, and what would let text through unescaped."""
    html = _JINJA.sub("…", text)
    found = [f"{name}: {what}" for pattern, what in _INLINE if pattern.search(html)]
    return found + [f"{name}: {what}" for pattern, what in _UNESCAPED if pattern.search(text)]


def unguarded_forms(name: str, text: str) -> list[str]:
    """Forms that post without the hidden field against forgery."""
    found = []
    for form in _POST.finditer(text):
        posts = re.search(r"""method\s*=\s*["']?post""", form["head"], re.I)
        if posts and not re.search(r"\{\{ csrf(_token)?\(\)", form["body"]):
            found.append(f"{name}: {form['head'].strip()[:60]}")
    return found


def unknown_endpoints(name: str, text: str, endpoints: frozenset[str]) -> list[str]:
    """Names given to ``url_for`` that no route has; « .show » is the same blueprint's."""
    local = {endpoint.partition(".")[2] for endpoint in endpoints}
    return [
        f"{name}: {asked}"
        for asked in _ENDPOINT.findall(text)
        if (asked[1:] not in local if asked.startswith(".") else asked not in endpoints)
    ]


def other_origins(name: str, text: str) -> list[str]:
    """Addresses of other sites in what is served, comments (licences) aside."""
    asked = _URL.findall(_COMMENT.sub("", text))
    return [f"{name}: {url}" for url in asked if not url.startswith(NAMESPACES)]
