"""A démarche is data that an administrator sends: its links lead where links may. Its words: test_hostile_studio.py."""

from __future__ import annotations

import pytest

from forms import DefinitionError, load_definition
from tests.rules.conftest import Living

JAVASCRIPT = ("javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "java\tscript:x")


@pytest.mark.parametrize("link", JAVASCRIPT)
def test_a_form_leads_nowhere_else(link: str) -> None:
    field = {"type": "consent", "name": "cgu", "label": "J’accepte", "link": {"url": link, "label": "Lire"}}
    with pytest.raises(DefinitionError):
        load_definition({"title": "Essai", "pages": [{"title": "Page", "fields": [field]}]})


@pytest.mark.parametrize("link", JAVASCRIPT)
@pytest.mark.parametrize("name", ["accessibility_scheme_url", "accessibility_plan_url", "website"])
def test_a_setting_leads_nowhere_else(name: str, link: str, living: Living) -> None:
    section = "commune" if name == "website" else "accessibilite"
    answer = living.post("admin", f"/admin/reglages/{section}", {name: link})
    assert answer.status_code == 422
    page = living.client("visitor").get("/accessibilite").text + living.client("visitor").get("/mentions-legales").text
    assert f'href="{link}"' not in page
