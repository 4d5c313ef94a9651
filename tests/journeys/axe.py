"""axe-core inside the page under test: what a machine can see of RGAA. Clean is the floor, not conformity."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

VENDOR = Path(__file__).parents[1] / "vendor" / "axe"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "RGAAv4"]
RUN = """
async ([tags, excluded]) => {
  // a dialogue that fades in has too little contrast for a third of a second: people read it after that
  const passing = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < Infinity);
  await Promise.allSettled(passing.map((each) => each.finished));
  const context = excluded.length ? { exclude: excluded.map((selector) => [selector]) } : document;
  const outcome = await axe.run(context, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return outcome.violations.map((violation) => ({
    id: violation.id,
    help: violation.help,
    nodes: violation.nodes.map((node) => node.target.join(" ") + " — " + node.failureSummary),
  }));
}
"""


@cache
def _script() -> str:
    locale = (VENDOR / "fr.json").read_text(encoding="utf-8")
    return f"{(VENDOR / 'axe.min.js').read_text(encoding='utf-8')}\naxe.configure({{ locale: {locale} }});"


def violations(page: Page, *, exclude: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """What axe refuses in ``page``: ``[{id, help, nodes}]``. Run through the debugger: the page's CSP stays whole."""
    if not page.evaluate("() => typeof axe === 'object'"):
        page.evaluate(f"() => {{ {_script()} }}")
    found: list[dict[str, Any]] = page.evaluate(RUN, [TAGS, list(exclude)])
    return found


def assert_accessible(page: Page, *, exclude: tuple[str, ...] = ()) -> None:
    """Fails with each rule, in French, and each element at fault. ``exclude``: selectors of parts tested elsewhere."""
    found = violations(page, exclude=exclude)
    lines = [f"{v['id']}: {v['help']}\n    " + "\n    ".join(v["nodes"][:5]) for v in found]
    assert not found, f"{page.url} : {len(found)} règle(s) en défaut\n" + "\n".join(lines)
