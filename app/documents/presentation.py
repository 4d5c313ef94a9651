"""What the pages of pieces say: cards of the wallet, lines of the review list."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask import url_for

from app.documents.models import Document
from app.documents.queries import DOCUMENT_STATES, current_state, told
from app.documents.wallet import WalletLine

#: The démarche through which a family gives a piece on its own (J3).
PROCEDURE = "justificatif"


@dataclass(frozen=True)
class FileLine:
    """A file of a piece, with the address where it is taken back when it still may be."""

    id: uuid.UUID
    name: str
    size: int
    state: str
    detail: str
    remove_url: str


@dataclass(frozen=True)
class Card:
    """A piece in the wallet. ``action`` is what ``ui.piece_card`` wants, ``None`` when nothing is to be done."""

    title: str
    status: str
    owner: str
    text: str
    asked: bool
    message: str
    action: dict[str, Any] | None
    files: tuple[FileLine, ...]


def family_card(line: WalletLine, account_id: uuid.UUID, editable: Collection[uuid.UUID]) -> Card:
    """``editable``: the children for whom this parent may give pieces."""
    child_id = line.subject_id if line.kind.scope == "child" and not line.kind.shared_by_siblings else None
    action = None
    may_give = line.kind.active and (child_id is None or child_id in editable)
    if may_give and line.standing.state != "non_traite" and (line.standing.state != "valide" or line.ends_soon):
        again = line.standing.state in ("valide", "perime")
        action = {
            "label": "Renouveler le justificatif" if again else "Fournir le justificatif",
            "url": url_for(
                "cases_family.open_new", slug=PROCEDURE, type_piece=line.kind.code, enfant=child_id, autre=1
            ),
            "icon": "upload",
        }
    return Card(
        title=line.kind.label,
        status=line.standing.state,
        owner=line.owner,
        text=told(line),
        asked=line.asked,
        message=line.claim.message if line.claim else "",
        action=action,
        files=tuple(_file(document, account_id) for document in line.documents),
    )


def _file(document: Document, account_id: uuid.UUID) -> FileLine:
    removable = document.state == "non_traite" and not document.case_reviews and document.uploaded_by_id == account_id
    url = url_for("documents_family.confirm_withdrawal", document_id=document.id) if removable else ""
    state = current_state(document.state, document.valid_until)
    return FileLine(document.id, document.filename, document.size, state, DOCUMENT_STATES[state], url)
