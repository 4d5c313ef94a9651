"""What the address of a form says of a demande that is not written yet: signed, so that nobody makes one up."""

from __future__ import annotations

import uuid
from functools import lru_cache

from flask import current_app, request
from itsdangerous import BadData, URLSafeSerializer

from app.cases.opening import Promise
from app.web.identity import current_account

OPENING = "ouverture"
"""The name of this parameter."""


@lru_cache(4)
def _signing(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="cases.opening")


def _serializer() -> URLSafeSerializer:
    return _signing(str(current_app.secret_key))


def signed(promise: Promise) -> str:
    """The promise as an address carries it."""
    tasks = {node: task_id.hex for node, task_id in promise.tasks.items()}
    return str(
        _serializer().dumps(
            [promise.case_id.hex, promise.slug, promise.version_id.hex, promise.bundle_hash, tasks, dict(promise.data)]
        )
    )


def promised(case_id: uuid.UUID) -> Promise | None:
    """What the page that sends this request was made for: the demande ``case_id``, not written then."""
    text = request.args.get(OPENING)
    if text is None:
        return None
    try:
        of_case, slug, version_id, bundle_hash, tasks, data = _serializer().loads(text)
    except BadData:
        return None
    promise = Promise(
        uuid.UUID(of_case),
        slug,
        uuid.UUID(version_id),
        bundle_hash,
        {node: uuid.UUID(task_id) for node, task_id in tasks.items()},
        data,
    )
    return promise if promise.case_id == case_id else None


def own_household() -> uuid.UUID | None:
    """The household of the parent of this request, read with her session."""
    account = current_account()
    return account.also.get("household_id") if account is not None else None
