"""Settings: read once from the environment, frozen, failing loudly."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["production", "demonstration", "test"]


class ConfigError(Exception):
    """The environment is incomplete or wrong; the message says which variable and what to put in it."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between two installations.

    ``mode`` is *production* (nothing is offered that a stranger should not have), *demonstration* (the commune
    of Valbrise with « se connecter comme … ») or *test*. URLs choose the parts: ``sqlite:///…`` or
    ``postgresql+psycopg://…``; ``stub:``, ``redis://…`` or ``amqp://…``; ``outbox:`` or ``smtp://…``;
    ``file:///…`` or ``s3://…``; ``clamd://…`` or nothing.
    """

    mode: Mode
    secret_key: str
    database_url: str
    broker_url: str
    mail_url: str
    storage_url: str
    antivirus_url: str
    public_url: str
    data_dir: Path
    port: int
    trusted_proxies: int

    @property
    def demonstration(self) -> bool:
        return self.mode == "demonstration"

    @property
    def secure_cookies(self) -> bool:
        return self.public_url.startswith("https://")


def _text(env: Mapping[str, str], name: str, default: str = "") -> str:
    """The variable, or the content of the file named by ``NAME_FILE`` (mounted secrets)."""
    if file := env.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"{name}_FILE: cannot read {file} ({error.strerror})") from error
    return env.get(name, default).strip()


def _integer(env: Mapping[str, str], name: str, default: int) -> int:
    raw = _text(env, name, str(default))
    try:
        return int(raw)
    except ValueError as error:
        raise ConfigError(f"{name}: expected a whole number, got {raw!r}") from error


def _mode(env: Mapping[str, str]) -> Mode:
    match _text(env, "PORTAIL_MODE", "production"):
        case "production":
            return "production"
        case "demonstration":
            return "demonstration"
        case "test":
            return "test"
        case other:
            raise ConfigError(f"PORTAIL_MODE: production, demonstration or test expected, got {other!r}")


def _secret_key(env: Mapping[str, str], mode: Mode, data_dir: Path) -> str:
    key = _text(env, "SECRET_KEY")
    if mode == "production":
        if len(key) < 32:
            raise ConfigError(
                "SECRET_KEY: missing or shorter than 32 characters; production refuses to start without it. "
                'Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        return key
    if key:
        return key
    # The demonstration keeps its key beside its data, so that sessions outlive a restart.
    path = data_dir / "secret.key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _database_url(url: str) -> str:
    """Plain ``postgresql://`` (what hosts hand out) means psycopg 3 here."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    if not url.startswith(("sqlite:", "postgresql+psycopg:")):
        raise ConfigError("DATABASE_URL: expected sqlite:///… or postgresql://…")
    return url


def settings_from(env: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises ConfigError naming the variable at fault."""
    env = os.environ if env is None else env
    mode = _mode(env)
    data_dir = Path(_text(env, "DATA_DIR", "var")).absolute()
    port = _integer(env, "PORT", 8000)
    broker = _text(env, "BROKER_URL", "stub:")
    if not broker.startswith(("stub:", "redis://", "rediss://", "amqp://", "amqps://")):
        raise ConfigError("BROKER_URL: expected stub:, redis://… or amqp://…")
    mail = _text(env, "MAIL_URL", "outbox:")
    if not mail.startswith(("outbox:", "smtp://", "smtps://")):
        raise ConfigError("MAIL_URL: expected outbox:, smtp://… or smtps://…")
    return Settings(
        mode=mode,
        secret_key=_secret_key(env, mode, data_dir),
        database_url=_database_url(_text(env, "DATABASE_URL", f"sqlite:///{data_dir}/portail.db")),
        broker_url=broker,
        mail_url=mail,
        storage_url=_text(env, "STORAGE_URL", f"file://{data_dir}/pieces"),
        antivirus_url=_text(env, "ANTIVIRUS_URL"),
        public_url=_text(env, "PUBLIC_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        data_dir=data_dir,
        port=port,
        trusted_proxies=_integer(env, "TRUSTED_PROXIES", 0),
    )
