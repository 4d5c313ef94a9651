"""Security headers of every answer. No inline script or style exists, so none is allowed (X2)."""

from __future__ import annotations

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    )
)
# a file sent by somebody else is shown, if at all, in a box without scripts, forms or origin
DOWNLOAD_POLICY = "default-src 'none'; style-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "private, no-store",
}
_BY_TLS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


def as_download(response: Response) -> Response:
    """Marks an answer that carries somebody's file: the sandboxed policy, and no trace in any cache."""
    response.headers["Content-Security-Policy"] = DOWNLOAD_POLICY
    response.headers["Cache-Control"] = "private, no-store"
    return response


def secure(response: Response) -> Response:
    """Adds what is missing; a view that set a stricter policy or its own caching keeps it."""
    there = {name.lower() for name, _ in response.headers}
    wanted = _FIXED | _BY_TLS if request.is_secure else _FIXED
    response.headers.extend({name: value for name, value in wanted.items() if name.lower() not in there})
    return response


def install(app: Flask) -> None:
    """Every answer of ``app`` goes out with these headers, error pages included."""
    app.after_request(secure)
