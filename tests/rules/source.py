"""What the rules read of the sources: files, their trees, and what is wrong in them, one line each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE = 400
MAX_FUNCTION = 40
VAGUE = frozenset({"util", "utils", "helper", "helpers", "manager", "managers", "base", "common", "misc"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


def product_files() -> Sequence[Path]:
    """Every Python file of the product but the generated migrations."""
    found = [path for room in ("app", "forms", "workers") for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in found if "versions" not in path.parts]


def named(path: Path) -> str:
    """The path as one reads it: ``app/db.py``."""
    return path.relative_to(ROOT).as_posix()


def sources() -> Iterator[tuple[str, str]]:
    """Name and text of every product file."""
    for path in product_files():
        yield named(path), path.read_text(encoding="utf-8")


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def code_lines(text: str, function: Function) -> int:
    """Lines of the body that do something: not the docstring, nor blank lines, nor comments, nor the signature."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    if not body:
        return 0
    lines = text.splitlines()[body[0].lineno - 1 : function.end_lineno]
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def too_long(name: str, text: str) -> list[str]:
    """Files over 400 lines, functions over 40 lines of code."""
    found = [f"{name}: {len(text.splitlines())} lines"] if len(text.splitlines()) > MAX_FILE else []
    for function in functions(ast.parse(text)):
        if (lines := code_lines(text, function)) > MAX_FUNCTION:
            found.append(f"{name}: {function.name} does {lines} lines")
    return found


def vague(name: str, text: str) -> list[str]:
    """Files, folders and classes whose name says nothing."""
    parts = [part.removesuffix(".py") for part in name.split("/")]
    found = [f"{name}: {part}" for part in parts if part.rpartition("_")[2] in VAGUE]
    for node in ast.walk(ast.parse(text)):
        # the declarative class of SQLAlchemy is called Base by everybody
        if isinstance(node, ast.ClassDef) and (name, node.name) != ("app/db.py", "Base"):
            last = re.findall(r"[A-Z]?[a-z0-9]+", node.name)[-1]
            found += [f"{name}: {node.name}"] if last.lower() in VAGUE else []
    return found


def commits(name: str, text: str) -> list[str]:
    """Whatever commits, by the session or in SQL."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in ("commit", "autocommit"):
            found.append(f"{name}:{node.lineno} .{node.attr}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.strip().upper() == "COMMIT":
            found.append(f"{name}:{node.lineno} COMMIT")
    return found


_CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}


def own_clock(name: str, text: str) -> list[str]:
    """Whatever asks the system what time it is (``time.monotonic`` measures, it does not date)."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            said = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if (said, node.func.attr) in _CLOCKS:
                found.append(f"{name}:{node.lineno} {said}.{node.func.attr}()")
    return found


#: Who acts, as operations receive it: an actor, a family's person (an actor and what her cookie proves), or nobody
#: signed in yet: then what counts is the link that she followed, sealed with the secret key.
WHO_ACTS = ("actor", "who", "secret_key")
#: Operations without an author, and why.
NOBODYS = {
    "account_named": "reads",
    "send_choose_password_link": "a part of an operation whose author is known",
    "notify": "the portal itself writes, as its only author",
    "keep_bundle": "content under its own hash: it changes nothing until it is published",
    "install_shipped": "the system, unless said otherwise: the author comes last",
}


def authorless(name: str, text: str) -> list[str]:
    """Public functions of an ``operations`` file that touch rows and do not say at once who acts."""
    found = []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") or node.name in NOBODYS:
            continue
        taken = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
        if "session" in taken and (taken[0] != "session" or len(taken) < 2 or taken[1] not in WHO_ACTS):
            found.append(f"{name}: {node.name}({', '.join(taken[:3])}…)")
    return found


WEB = frozenset({"flask", "flask_login", "flask_wtf", "werkzeug", "wtforms"})


def sees_requests(name: str, text: str) -> list[str]:
    """Imports of the web."""
    found = []
    for node in ast.walk(ast.parse(text)):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module]
        found += [f"{name}: {module}" for module in modules if module.split(".")[0] in WEB or module == "app.web"]
        found += [f"{name}: {module}" for module in modules if module.startswith("app.web.")]
    return found
