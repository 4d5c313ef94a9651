"""« Mon foyer »: what the family reads of itself. Every change is a démarche."""

from __future__ import annotations

import uuid

from flask import render_template
from flask.typing import ResponseReturnValue

from app.families import numbers, vocabulary
from app.families.child_pdf import sheet_of
from app.families.consents import authorisation_states, authorisations_of, health_of
from app.families.custody_calendars import custody_of
from app.families.pickup import persons_of
from app.families.queries import guardians_of, household_id_of, household_of, load_child
from app.families.rights import Action
from app.families.shots import vaccinations_of
from app.families.staff_queries import situation_rows
from app.pdf.child_sheet import child_sheet_pdf
from app.web.downloads import pdf_response
from app.web.guards import blueprint, without_transaction
from app.web.identity import current_actor
from app.web.requests import db, transaction

bp = blueprint("families_family", __name__, audience="family", url_prefix="/foyer")


@bp.get("")
def home() -> ResponseReturnValue:
    """My household: adults, children, coordinates."""
    actor = current_actor()
    assert actor.id is not None  # the family audience
    household = household_of(db(), actor.id)
    if household is None:
        return render_template("families/no_household.html")
    shown = [child for child in household.children if child.may(Action.AUTHORISE)]
    return render_template(
        "families/home.html",
        household=household,
        me=next((adult for adult in household.adults if adult.account_id == actor.id), None),
        situation=situation_rows(household),
        authorisations=authorisations_of(db(), shown),
        may_file={child.id for child in household.children if child.may(Action.BOOK)},
        grouped=numbers.grouped,
        short_authorisations=vocabulary.SHORT_AUTHORISATIONS,
    )


@bp.get("/enfants/<uuid:child_id>")
def child(child_id: uuid.UUID) -> ResponseReturnValue:
    """One of my children: school and level, who answers for him, authorisations, meals."""
    actor = current_actor()
    card = load_child(db(), actor, child_id)
    assert actor.id is not None  # the family audience
    household_id = household_id_of(db(), actor.id)
    assert household_id is not None  # whoever is linked to a child is an adult of a household
    return render_template(
        "families/child.html",
        child=card,
        sex=vocabulary.SEXES.get(card.sex, ""),
        guardians=guardians_of(db(), [card], household_id)[card.id],
        authorisations=authorisation_states(db(), card) if card.may(Action.AUTHORISE) else {},
        custody=custody_of(db(), card.id) if card.may(Action.CUSTODY) else None,
        persons=persons_of(db(), [card.id])[card.id] if card.may(Action.PICKUP) else None,
        vaccinations=vaccinations_of(db(), card.id, card.birth_date) if card.may(Action.HEALTH) else None,
        health=health_of(db(), card.id) if card.may(Action.HEALTH) else None,
        may_file=card.may(Action.BOOK),
    )


@bp.get("/enfants/<uuid:child_id>/fiche.pdf", endpoint="sheet")
@without_transaction
def sheet(child_id: uuid.UUID) -> ResponseReturnValue:
    """The sheet of my child, without his health. The PDF is made once the transaction is closed."""
    return _sheet(child_id, full=False)


@bp.get("/enfants/<uuid:child_id>/fiche-complete.pdf", endpoint="full_sheet")
@without_transaction
def full_sheet(child_id: uuid.UUID) -> ResponseReturnValue:
    """The same with his health, for those who exercise authority."""
    return _sheet(child_id, full=True)


def _sheet(child_id: uuid.UUID, *, full: bool) -> ResponseReturnValue:
    with transaction(read_only=True) as session:
        actor = current_actor()
        card = load_child(session, actor, child_id, Action.FULL_SHEET if full else Action.SHEET)
        assert actor.id is not None  # the family audience
        health = health_of(session, card.id) if full else None
        made = sheet_of(session, actor, card, household_id_of(session, actor.id), health)
    return pdf_response(child_sheet_pdf(made), "fiche-complete.pdf" if full else "fiche.pdf")
