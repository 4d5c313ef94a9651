"""The wallet of a family (J1): each expected piece in exactly one state, decided by one pure function."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app import clock
from app.documents.models import Document, PieceRequest, PieceType

STATES: Mapping[str, str] = {
    "reclame": "Réclamé",
    "non_fourni": "Non fourni",
    "non_traite": "Non traité",
    "valide": "Valide",
    "invalide": "Invalide",
    "perime": "Périmé",
}
#: A family is warned so long before a piece ends.
SOON = timedelta(days=30)

#: Whose a piece is: ``None`` for the whole household (and for children who share it), else a child or an adult.
Subject = uuid.UUID | None


@dataclass(frozen=True)
class Given:
    """What the state depends on, of one document that was sent: neither a draft nor taken back."""

    state: str
    given_at: datetime
    valid_until: date | None = None
    reason: str = ""


@dataclass(frozen=True)
class Standing:
    """The state of a piece: a key of ``STATES``, its last valid day, the reason of a refusal."""

    state: str
    until: date | None = None
    reason: str = ""


def standing(given: Iterable[Given], claimed_at: datetime | None, today: date) -> Standing:
    """The one state of a piece.

    A claim makes what was given before it not count. Then: *valide* while one document holds, even if another waits
    or was refused (J4); *non traité* while one waits; else what was given last says *invalide* or *périmé*. A piece
    holds through its last day.
    """
    counted = [one for one in given if claimed_at is None or one.given_at > claimed_at]
    if not counted:
        return Standing("reclame" if claimed_at is not None else "non_fourni")
    valid = [one for one in counted if one.state == "valide" and holds(one.valid_until, today)]
    if valid:
        longest = max(valid, key=lambda one: (one.valid_until is None, one.valid_until or date.min))
        return Standing("valide", longest.valid_until)
    if any(one.state == "non_traite" for one in counted):
        return Standing("non_traite")
    last = max(counted, key=lambda one: one.given_at)
    if last.state == "invalide":
        return Standing("invalide", reason=last.reason)
    return Standing("perime", last.valid_until)


def holds(valid_until: date | None, day: date) -> bool:
    """Whether a piece accepted through ``valid_until`` still holds that day."""
    return valid_until is None or day <= valid_until


def subject_of(kind: PieceType, child_id: uuid.UUID | None, adult_id: uuid.UUID | None) -> Subject:
    """Under whose name a piece of this type is kept: a piece that siblings share is kept once, for all."""
    if kind.scope == "adult":
        return adult_id
    return child_id if kind.scope == "child" and not kind.shared_by_siblings else None


@dataclass(frozen=True)
class WalletLine:
    """A piece of the wallet. ``subject_id`` and ``owner`` (a first name, or nothing for the household) say whose.

    ``documents`` are the files the reader may open, last given first. ``claim`` is the request that waits, if any.
    """

    kind: PieceType
    subject_id: Subject
    owner: str
    standing: Standing
    documents: tuple[Document, ...]
    claim: PieceRequest | None

    @property
    def ends_soon(self) -> bool:
        until = self.standing.until
        return self.standing.state == "valide" and until is not None and until - clock.today() <= SOON

    @property
    def asked(self) -> bool:
        """Whether the family is asked to do something (the dashboard's « à faire »).

        A piece that ended is asked again only when the commune expects it of everybody.
        """
        state = self.standing.state
        if state in ("reclame", "invalide"):
            return True
        return self.kind.expected and self.kind.active and (state == "perime" or self.ends_soon)


def wallet_lines(
    kinds: Sequence[PieceType],
    documents: Sequence[tuple[Document, bool]],
    claims: Sequence[PieceRequest],
    children: Mapping[uuid.UUID, str],
    adults: Mapping[uuid.UUID, str],
) -> list[WalletLine]:
    """The lines of a wallet, household first, then each adult and child: what is expected, given or claimed.

    ``documents`` come with whether the reader may open them: what another household gave counts (R-09) without being
    shown (R-21). ``children`` and ``adults`` are those the reader may know of, with the name to show. No statement.
    """
    by_code = {kind.code: kind for kind in kinds}
    found: dict[tuple[str, Subject], list[tuple[Document, bool]]] = defaultdict(list)
    asked: dict[tuple[str, Subject], PieceRequest] = {}
    for document, readable in documents:
        kind = by_code[document.piece_type]
        found[kind.code, subject_of(kind, document.child_id, document.adult_id)].append((document, readable))
    for claim in sorted(claims, key=lambda one: one.asked_at):
        kind = by_code[claim.piece_type]
        # an adult's piece is claimed of each adult of the household
        everyone = list(adults) if kind.scope == "adult" and adults else [None]
        for each in everyone:
            asked[kind.code, subject_of(kind, claim.child_id, each)] = claim
    subjects: dict[Subject, str] = {None: ""}
    subjects.update((*adults.items(), *children.items()))
    lines = []
    for subject_id, owner in subjects.items():
        for kind in kinds:
            key = (kind.code, subject_id)
            expected = kind.expected and kind.active and _is_subject(kind, subject_id, children, adults)
            if expected or key in found or key in asked:
                lines.append(_line(kind, subject_id, owner, found.get(key, []), asked.get(key)))
    return lines


def _is_subject(
    kind: PieceType, subject_id: Subject, children: Mapping[uuid.UUID, str], adults: Mapping[uuid.UUID, str]
) -> bool:
    if kind.scope == "adult":
        return subject_id in adults
    if kind.scope == "child" and not kind.shared_by_siblings:
        return subject_id in children
    return subject_id is None and (kind.scope == "household" or bool(children))


def _line(
    kind: PieceType,
    subject_id: Subject,
    owner: str,
    documents: Sequence[tuple[Document, bool]],
    claim: PieceRequest | None,
) -> WalletLine:
    given = [
        Given(document.state, document.submitted_at or document.uploaded_at, document.valid_until, document.reason)
        for document, _ in documents
    ]
    stands = standing(given, claim.asked_at if claim else None, clock.today())
    readable = sorted((d for d, may_open in documents if may_open), key=lambda d: d.uploaded_at, reverse=True)
    waiting = claim if claim is not None and stands.state == "reclame" else None
    return WalletLine(kind, subject_id, owner, stands, tuple(readable), waiting)
