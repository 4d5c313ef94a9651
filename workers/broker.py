"""The broker of dramatiq, from a URL. Nothing is global: each process makes its own."""

from __future__ import annotations

import redis
from dramatiq import Broker, Middleware
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Retries, ShutdownNotifications, TimeLimit

from app.config import Settings
from app.outbox import RESEND_AFTER

NAMESPACE = "portail"

#: Milliseconds for one fact: it ends before the outbox would hand the same fact over again.
TIME_LIMIT = int(RESEND_AFTER.total_seconds() * 1000) - 10_000

#: A message older than this is worthless: the outbox has sent a newer one in its place.
AGE_LIMIT = int(RESEND_AFTER.total_seconds() * 1000)


def make_broker(settings: Settings, *, namespace: str = NAMESPACE) -> Broker:
    """The broker of ``settings.broker_url``: ``stub:`` lives in this process, ``redis://`` and ``amqp://`` outside.

    What it holds may vanish at any time; the outbox sends it again. ``namespace`` parts several portals on one Redis.
    """
    middleware: list[Middleware] = [
        AgeLimit(max_age=AGE_LIMIT),
        TimeLimit(time_limit=TIME_LIMIT),
        ShutdownNotifications(notify_shutdown=True),
        # The outbox does the retrying, with its own back-off; dramatiq's default would be twenty more.
        Retries(max_retries=0),
    ]
    url = settings.broker_url
    if url.startswith("stub:"):
        return StubBroker(middleware=middleware)
    if url.startswith(("redis://", "rediss://")):
        # bounded waits: a Redis that hangs must not hang the clock
        client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=10)
        return RedisBroker(  # type: ignore[no-untyped-call]  # dramatiq leaves this class without annotations
            client=client, middleware=middleware, namespace=namespace, dead_message_ttl=60_000
        )
    return RabbitmqBroker(url=url, middleware=middleware, confirm_delivery=True)
