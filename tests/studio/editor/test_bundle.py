"""What is committed is what the sources and the lock file make; what others wrote in it is acknowledged."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services import require_or_skip
from tests.studio.editor.harness import BUILT, EDITOR

SCRIPTS = ["studio.js", "viewer.js", "dmn.js"]


def hashes(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in sorted(folder.iterdir())}


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(180)
def test_the_bundles_are_built_from_these_sources(tmp_path: Path) -> None:
    node = require_or_skip("node")
    copy, out = tmp_path / "editor", tmp_path / "out"
    shutil.copytree(EDITOR, copy, ignore=shutil.ignore_patterns("node_modules"))
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], copy)
    run([node, "build.js", str(out)], copy)
    assert hashes(out) == hashes(BUILT), "make studio, and commit app/web/static/vendor/studio"


def test_the_lock_file_pins_every_package_and_names_no_server() -> None:
    lock = json.loads((EDITOR / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert len(packages) > 20
    assert [name for name, each in packages.items() if not each.get("integrity") or "resolved" in each] == []
    wanted = json.loads((EDITOR / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert [name for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_every_licence_is_shipped_and_bpmn_io_s_asks_for_its_watermark() -> None:
    text = (BUILT / "LICENSES.txt").read_text(encoding="utf-8")
    chapters = re.split(r"\n-{100}\n", text)[1:]
    named = {chapter.strip().split(" ")[0] for chapter in chapters}
    lock = json.loads((EDITOR / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name.removeprefix("node_modules/") for name in lock if name}
    assert named == {name for name in installed if "esbuild" not in name} | {"bpmn-font"}
    assert all(re.search(r"(?i)permission is hereby granted|redistribution|licen[cs]e", each) for each in chapters)
    assert "watermark" in text
    assert "node_modules" not in text


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_bundle_makes_no_code_and_calls_nobody(name: str) -> None:
    code = (BUILT / name).read_text(encoding="utf-8")
    assert not re.search(r"\beval\(|new Function\(|document\.write\(|insertAdjacentHTML", code)
    assert "sourceMappingURL" not in code
    hosts = set(re.findall(r"https?://([\w.-]+)", code))
    # names of the formats, the link of the watermark, and addresses in messages to developers
    known = {"bpmn.io", "spiffworkflow.org", "github.com", "reactjs.org"}
    assert {
        host for host in hosts - known if not host.endswith((".w3.org", ".omg.org", ".bpmn.io", "camunda.org"))
    } == set()


def test_a_family_never_downloads_it() -> None:
    base = (EDITOR.parents[1] / "web" / "templates" / "layouts" / "page.html").read_text(encoding="utf-8")
    assert "vendor/studio" not in base
