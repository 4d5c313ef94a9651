"""demarche.toml is refused, in French, where what it says makes no sense."""

from __future__ import annotations

import pytest

from app.procedures.settings import SettingsError, read_settings


@pytest.mark.parametrize("wrong", ["'medecin'", "[1, 2]", "true"])
def test_a_list_that_is_none_is_refused_by_the_file(wrong: str) -> None:
    raw = f'titre = "T"\nresume = "R"\ncategorie = "contact"\n[reglages]\nacceptation_automatique = {wrong}\n'
    with pytest.raises(SettingsError, match="acceptation_automatique"):
        read_settings(raw.encode())
