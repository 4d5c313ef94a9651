"""« Mes pièces »: what the family gave, what is asked of it."""

from __future__ import annotations

import uuid
from itertools import groupby

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.documents.loading import load_document
from app.documents.operations import withdraw_document
from app.documents.presentation import Card, family_card
from app.documents.queries import wallet_of
from app.documents.serving import serve_document
from app.families.queries import children_of
from app.families.rights import Action
from app.web.guards import blueprint, without_transaction
from app.web.identity import current_actor
from app.web.requests import db

family = blueprint("documents_family", __name__, audience="family", url_prefix="/pieces")


@family.get("")
def wallet() -> ResponseReturnValue:
    """The wallet, by person; what is asked of the family comes first."""
    actor = current_actor()
    assert actor.id is not None  # the family audience
    children = children_of(db(), actor.id)
    lines = wallet_of(db(), actor.id, children)
    editable = {card.id for card in children if card.may(Action.MODIFY)}
    cards = [family_card(line, actor.id, editable) for line in lines]
    groups: list[tuple[str, list[Card]]] = [
        (owner or "Votre foyer", list(found)) for owner, found in groupby(cards, key=lambda card: card.owner)
    ]
    asked = [card for card in cards if card.asked]
    return render_template("documents/wallet.html", groups=groups, asked=asked)


@family.get("/<uuid:document_id>")
@without_transaction
def download(document_id: uuid.UUID) -> ResponseReturnValue:
    """The file itself: images are shown, everything else is saved."""
    return serve_document(document_id)


@family.get("/<uuid:document_id>/retirer")
def confirm_withdrawal(document_id: uuid.UUID) -> ResponseReturnValue:
    """Says what will happen before it does."""
    document, kind = load_document(db(), current_actor(), document_id)
    return render_template("documents/withdraw.html", document=document, kind=kind)


@family.post("/<uuid:document_id>/retirer")
def withdraw(document_id: uuid.UUID) -> ResponseReturnValue:
    withdraw_document(db(), current_actor(), document_id)
    flash("La pièce est retirée et son fichier va être effacé.", "success")
    return redirect(url_for("documents_family.wallet"), 303)
