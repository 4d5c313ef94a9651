"""Static files: one address per content, cached for ever, compressed once.

Everything under ``static/`` is read once at start-up. ``static_url('portal.css')`` gives
``/static/portal.<hash>.css``; the hash changes with the content, so browsers never ask twice. Some names are
bundles: several source files served as one. Style sheets name other assets as ``url("static:<name>")``.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, abort, request

STATIC = Path(__file__).parent / "static"

_DESIGNSYSTEMET = "base button input field fieldset label validation-message error-summary details link dialog alert"
_PORTAL = "tokens ground layout navigation actions forms cards lists tables planning messages pages print"

# the vendored sheets go into a cascade layer: whatever we write wins, whatever their selectors weigh
BUNDLES: dict[str, list[str]] = {
    "portal.css": [
        *(f"vendor/designsystemet/{name}.css" for name in _DESIGNSYSTEMET.split()),
        *(f"css/{name}.css" for name in _PORTAL.split()),
    ],
}
_NOT_SERVED = {"LICENSE", "VERSIONS"}
_COMPRESSIBLE = {".css", ".js", ".svg", ".json", ".map", ".txt", ".html"}
_REFERENCE = re.compile(r"""url\((["']?)static:([^"')]+)\1\)""")
_HASHED = re.compile(r"^(?P<stem>.+)\.[0-9a-f]{10}(?P<suffix>\.[A-Za-z0-9]+)$")


@dataclass
class Asset:
    """One file as served: its logical ``name``, its bytes, its hashed address below ``/static/``."""

    name: str
    content: bytes
    address: str = ""
    mimetype: str = "application/octet-stream"
    _gzipped: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.content).hexdigest()[:10]
        path = Path(self.name)
        self.address = str(path.with_name(f"{path.stem}.{digest}{path.suffix}"))
        self.mimetype = mimetypes.guess_type(self.name)[0] or self.mimetype
        if path.suffix == ".js":
            self.mimetype = "text/javascript"

    @property
    def compressible(self) -> bool:
        return Path(self.name).suffix in _COMPRESSIBLE and len(self.content) > 500

    def gzipped(self) -> bytes:
        """The content compressed, computed when first asked for: a large editor bundle must not slow the start."""
        if self._gzipped is None:
            self._gzipped = gzip.compress(self.content, 9, mtime=0)
        return self._gzipped


def build_manifest(folder: Path = STATIC, bundles: Mapping[str, list[str]] | None = None) -> dict[str, Asset]:
    """Reads ``folder`` and gives every asset by its logical name.

    Raises ``KeyError`` when a bundle or a style sheet names a file that is not there: the start fails, not a page.
    """
    raw = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in _NOT_SERVED
    }
    bundled = BUNDLES if bundles is None else bundles
    parts = {part for names in bundled.values() for part in names}
    plain = {name: Asset(name, content) for name, content in raw.items() if name not in parts}
    sheets = {name: plain.pop(name).content for name in list(plain) if name.endswith(".css")}
    sheets |= {name: _joined(raw, names) for name, names in bundled.items()}
    for name, content in sheets.items():
        plain[name] = Asset(name, _resolved(name, content, plain))
    return plain


def _joined(raw: Mapping[str, bytes], names: list[str]) -> bytes:
    pieces = []
    for name in names:
        text = raw[name].decode()
        pieces.append(f"@layer vendor{{{text}}}" if name.startswith("vendor/") else _squeezed(text))
    return "\n".join(pieces).encode()


def _squeezed(css: str) -> str:
    """Our own sheets without comments and indentation; a third of their weight is prose."""
    return re.sub(r"\n\s*", "\n", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)).strip()


def _resolved(sheet: str, content: bytes, assets: Mapping[str, Asset]) -> bytes:
    """Replaces ``static:`` references by addresses relative to the sheet, so that a prefix before /static works."""
    up = "../" * sheet.count("/")
    return _REFERENCE.sub(lambda m: f'url("{up}{assets[m[2]].address}")', content.decode()).encode()


def _server(manifest: Mapping[str, Asset]) -> Callable[[str], Response]:
    by_address = {asset.address: asset for asset in manifest.values()}

    def serve(address: str) -> Response:
        asset = by_address.get(address)
        current = asset is not None
        if asset is None and (match := _HASHED.match(address)):
            # a page rendered before an upgrade asks for the old hash: today's file, but not kept for ever
            asset = manifest.get(match["stem"] + match["suffix"])
        if asset is None:
            abort(404)
        squeeze = asset.compressible and request.accept_encodings["gzip"] > 0
        response = Response(asset.gzipped() if squeeze else asset.content, mimetype=asset.mimetype)
        if squeeze:
            response.headers["Content-Encoding"] = "gzip"
        if asset.compressible:
            response.vary.add("Accept-Encoding")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if current else "public, no-cache"
        return response

    return serve


def install(app: Flask) -> None:
    """Serves the assets at ``/static/`` (endpoint ``asset``) and gives templates ``static_url(name)``.

    The application must be created with ``static_folder=None``: Flask's own route would answer first.
    """
    if app.has_static_folder:
        raise RuntimeError("create the application with static_folder=None: app.web.assets serves /static/")
    manifest = build_manifest()
    serve = _server(manifest)
    serve.without_transaction = True  # type: ignore[attr-defined]  # read by Portal: a file needs no database
    app.add_url_rule("/static/<path:address>", "asset", serve, methods=["GET"])

    paths = {name: "/static/" + quote(asset.address) for name, asset in manifest.items()}

    def static_url(name: str) -> str:
        # a dozen on each page: not worth asking the router for what is known at start
        return request.script_root + paths[name]

    app.jinja_env.globals["static_url"] = static_url
