from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask

from app.web import assets
from app.web.assets import BUNDLES, STATIC, Asset, build_manifest
from tests.web.pages import make_portal

MANIFEST = build_manifest()


def test_an_address_changes_with_the_content_and_only_then() -> None:
    assert Asset("a/b.css", b"x").address == Asset("a/b.css", b"x").address
    assert Asset("a/b.css", b"x").address != Asset("a/b.css", b"y").address
    assert re.fullmatch(r"a/b\.[0-9a-f]{10}\.css", Asset("a/b.css", b"x").address)


def test_a_file_is_served_for_ever_under_its_address() -> None:
    client = make_portal().test_client()
    answer = client.get("/static/" + MANIFEST["portal.css"].address)
    assert answer.status_code == 200
    assert answer.mimetype == "text/css"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_older_than_the_upgrade_still_finds_its_style_but_does_not_keep_it() -> None:
    answer = make_portal().test_client().get("/static/portal.0123456789.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, no-cache"


def test_gzip_goes_to_those_who_accept_it_and_holds_the_same_bytes() -> None:
    client = make_portal().test_client()
    address = "/static/" + MANIFEST["js/portal.js"].address
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    plain = client.get(address)
    refused = client.get(address, headers={"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data == refused.data
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in refused.headers
    assert "Accept-Encoding" in plain.headers["Vary"]


def test_a_font_is_not_compressed_twice() -> None:
    font = MANIFEST["vendor/figtree/figtree.woff2"]
    answer = make_portal().test_client().get("/static/" + font.address, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert answer.mimetype == "font/woff2"


@pytest.mark.parametrize(
    "path",
    [
        "../app/config.py",
        "..%2f..%2fconfig.py",
        "vendor/VERSIONS",
        "vendor/htmx/LICENSE",
        "css/tokens.css",
        "portal.css",
        "",
        "portal.zzzzzzzzzz.css",
        "autre.0123456789.css",
    ],
)
def test_nothing_else_is_served(path: str) -> None:
    assert make_portal().test_client().get("/static/" + path).status_code == 404


def test_every_reference_of_a_sheet_is_an_address_that_exists() -> None:
    sheet = MANIFEST["portal.css"].content.decode()
    assert "static:" not in sheet
    addresses = {asset.address for asset in MANIFEST.values()}
    references = [ref for ref in re.findall(r'url\("([^"]+)"\)', sheet) if not ref.startswith("data:")]
    assert references, "the font at least"
    assert set(references) <= addresses


def test_no_sheet_or_script_of_ours_names_another_origin() -> None:
    for name in [*BUNDLES["portal.css"], "js/portal.js"]:
        text = (STATIC / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), name


def test_a_sheet_that_names_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text('b { src: url("static:absent.woff2") }')
    with pytest.raises(KeyError):
        build_manifest(tmp_path, {})


def test_a_bundle_that_names_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        build_manifest(tmp_path, {"portal.css": ["css/absent.css"]})


def test_flask_may_not_serve_static_files_beside_us() -> None:
    with pytest.raises(RuntimeError, match="static_folder=None"):
        assets.install(Flask("app", static_folder="static"))


def test_vendored_rules_sit_below_ours() -> None:
    sheet = MANIFEST["portal.css"].content.decode()
    assert sheet.startswith("@layer vendor{")
    assert "--commune-primary" in sheet
    for name in BUNDLES["portal.css"]:
        text = (STATIC / name).read_text(encoding="utf-8")
        assert text.count("{") == text.count("}"), f"{name}: an unclosed rule would swallow the next file"


def test_the_first_page_weighs_less_than_80_kilobytes() -> None:
    """What a parent's phone downloads: page, styles, theme, script, font, drawings. htmx only where a page asks."""
    client = make_portal().test_client()
    page = client.get("/guide").data
    wanted = ["portal.css", "js/portal.js", "vendor/lucide/icons.svg", "favicon.svg"]
    weight = (
        len(gzip.compress(page, 6))
        + sum(len(MANIFEST[name].gzipped()) for name in wanted)
        + len(MANIFEST["vendor/figtree/figtree.woff2"].content)
        + len(client.get("/theme.css").data)
    )
    assert weight < 80_000 - len(MANIFEST["vendor/htmx/htmx.min.js"].gzipped()), f"{weight} octets"
