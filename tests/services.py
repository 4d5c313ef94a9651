"""What tests need from outside: where it is, and whether its absence skips a test or fails it.

``PORTAIL_REQUIRE`` lists the services that must answer (``postgresql,redis,rabbitmq,chromium,clamd,node``, or ``all``):
there, a skip would hide a hole. ``PORTAIL_TEST_<SERVICE>`` says where a service is, when it is not at its usual place.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

USUAL = {
    "postgresql": "postgresql://postgres@127.0.0.1:5432/postgres",
    "redis": "redis://127.0.0.1:6379/15",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672",
    "chromium": "/usr/bin/chromium",
    "clamd": "/usr/sbin/clamd",
    "node": "node",
}


def address_of(service: str) -> str:
    """Where this service is expected."""
    return os.environ.get(f"PORTAIL_TEST_{service.upper()}", USUAL[service])


def required() -> frozenset[str]:
    """The services that must be there."""
    names = {name.strip() for name in os.environ.get("PORTAIL_REQUIRE", "").split(",") if name.strip()}
    if unknown := names - set(USUAL) - {"all"}:
        raise ValueError(f"PORTAIL_REQUIRE: unknown service {sorted(unknown)[0]}")
    return frozenset(USUAL) if "all" in names else frozenset(names)


def require_or_skip(service: str, url: str | None = None) -> str:
    """The address of a service that answers. Otherwise the test is skipped, or fails when the service is required."""
    address = url or address_of(service)
    if not _answers(service, address):
        reason = f"no {NAMES[service]} at {_without_password(address)}"
        if service in required():
            pytest.fail(f"{reason}, and PORTAIL_REQUIRE asks for it", pytrace=False)
        pytest.skip(reason)
    return address


NAMES = {
    "postgresql": "PostgreSQL",
    "redis": "Redis",
    "rabbitmq": "RabbitMQ",
    "chromium": "Chromium",
    "clamd": "clamd",
    "node": "Node.js 18 with npm and its registry",
}


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else url


@cache
def _answers(service: str, url: str) -> bool:
    probes: dict[str, Callable[[str], bool]] = {
        "postgresql": _postgresql_answers,
        "redis": _redis_answers,
        "rabbitmq": _port_answers,
        "chromium": _program_is_there,
        "clamd": _program_is_there,
        "node": _node_answers,
    }
    return probes[service](url)


def _program_is_there(path: str) -> bool:
    return bool(shutil.which(path) or Path(path).exists())


def _node_answers(path: str) -> bool:
    """Node 18 or newer, npm, and a registry to install from."""
    if not (shutil.which(path) and shutil.which("npm")):
        return False
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", version)
    if found is None or int(found[1]) < 18:
        return False
    try:
        return subprocess.run(["npm", "ping"], capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _port_answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 5672), timeout=2):
            return True
    except OSError:
        return False


def _redis_answers(url: str) -> bool:
    import redis

    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _postgresql_answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def fresh_postgresql() -> Iterator[str]:
    """An empty PostgreSQL database of its own (the URL as SQLAlchemy wants it), dropped at the end."""
    import psycopg
    from psycopg import sql

    server = require_or_skip("postgresql")
    name = f"portail_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
    try:
        yield urlunsplit(urlsplit(server)._replace(scheme="postgresql+psycopg", path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
