"""The web server, whose processes die where a test says. ``python -m tests.reliability.doomed_web``; see ``doomed``."""

from __future__ import annotations

import sys

from workers import web


def main() -> int:
    return web.main("tests.reliability.doomed:web")


if __name__ == "__main__":
    sys.exit(main())
