"""A child's file for agents: who answers for him, whose week it is, who may come for him and who must not."""

from __future__ import annotations

import re
import uuid
from datetime import date, datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import journal
from app.errors import NotFound, Refused
from app.families import staff_queries, vocabulary
from app.families.child_pdf import sheet_of
from app.families.consents import authorisations_of, read_health
from app.families.custody_calendars import (
    KINDS,
    Given,
    Rhythm,
    custody_of,
    end_custody,
    households_of_child,
    set_custody,
)
from app.families.pickup import Named, block_person, blocked_of, persons_of, remove_person
from app.families.queries import ChildCard, HouseholdCard, guardians_of, load_child
from app.pdf.child_sheet import child_sheet_pdf
from app.policy import Permission, require
from app.web.downloads import pdf_response
from app.web.guards import blueprint, without_transaction, writes
from app.web.identity import current_actor
from app.web.requests import db, transaction
from forms.families import BlockedForm, CustodyForm

bp = blueprint(
    "families_child",
    __name__,
    audience="agent",
    url_prefix="/agent/familles/<uuid:household_id>/enfants/<uuid:child_id>",
)

DAYS = ("Lundi", "Mardi", "Mercredi", "Jeudi", "Vendredi", "Samedi", "Dimanche")
_STAY = re.compile(r"(\d{1,2}/\d{1,2}/\d{4})\W+(?:au\W+)?(\d{1,2}/\d{1,2}/\d{4})\W+([12])")


def child_of(
    household_id: uuid.UUID, child_id: uuid.UUID, session: Session | None = None
) -> tuple[HouseholdCard, ChildCard]:
    """A child and the household he is looked at from, for an agent whose structures receive him."""
    session = session or db()
    household = staff_queries.load_household(session, current_actor(), household_id)
    found = next((child for child in household.children if child.id == child_id), None)
    if found is None:
        raise NotFound("Cet enfant ne fait pas partie de ce foyer.")
    return household, load_child(session, current_actor(), found.id)


@bp.get("")
@writes
def show(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    """The file of a child. Opening it is noted in the journal (R-73)."""
    actor = current_actor()
    household, child = child_of(household_id, child_id)
    journal.record(db(), actor, "child.read", "child", child.id)
    return render_template(
        "families/child_file.html",
        household=household,
        child=child,
        sex=vocabulary.SEXES.get(child.sex, ""),
        guardians=guardians_of(db(), [child], None)[child.id],
        authorisations=authorisations_of(db(), [child])[child.id],
        custody=custody_of(db(), child.id),
        homes=households_of_child(db(), actor, child.id),
        persons=persons_of(db(), [child.id])[child.id],
        blocked=blocked_of(db(), [child.id])[child.id],
        may_write=actor.can(Permission.FAMILY_WRITE),
        may_read_health=actor.can(Permission.HEALTH_READ),
    )


def _custody_form(child: ChildCard) -> CustodyForm:
    form = CustodyForm(request.form if request.method == "POST" else None)
    homes = households_of_child(db(), current_actor(), child.id)
    form.kind.choices = [(code, label) for code, label in KINDS.items()]
    form.first.choices = [(str(home), f"{rank} – {label}") for rank, (home, label) in enumerate(homes, 1)]
    form.changes_on.choices = [(str(n), day) for n, day in enumerate(DAYS, 1)]
    return form


@bp.get("/garde")
def custody(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    household, child = child_of(household_id, child_id)
    require(current_actor(), Permission.FAMILY_WRITE)
    return render_template("families/custody.html", household=household, child=child, form=_custody_form(child))


@bp.post("/garde")
def save_custody(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    actor = current_actor()
    household, child = child_of(household_id, child_id)
    require(actor, Permission.FAMILY_WRITE)
    form = _custody_form(child)
    if form.validate():
        try:
            if form.kind.data == "ended":
                end_custody(db(), actor, child.id, form.since.data)
            else:
                homes = [home for home, _ in households_of_child(db(), actor, child.id)]
                set_custody(
                    db(), actor, child.id, _rhythm(form, homes), source=form.source.data or "", since=form.since.data
                )
        except Refused as refusal:
            form.refuse(refusal.field if refusal.field in form.data else "kind", refusal.message)
        else:
            flash("Le calendrier de garde est enregistré.", "success")
            return redirect(url_for(".show", household_id=household.id, child_id=child.id), 303)
    return render_template("families/custody.html", household=household, child=child, form=form), 422


def _rhythm(form: CustodyForm, homes: list[uuid.UUID]) -> Rhythm:
    return Rhythm(
        form.kind.data,
        first=uuid.UUID(form.first.data),
        anchor=form.anchor.data,
        changes_on=int(form.changes_on.data),
        stays=tuple(_stay(text, homes) for text in (form.stays.data or "").splitlines() if text.strip()),
    )


def _stay(text: str, homes: list[uuid.UUID]) -> Given:
    """« 19/12/2026 26/12/2026 2 ». Raises Refused, showing the line."""
    found = _STAY.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        return Given(_date(found[1]), _date(found[2]), homes[int(found[3]) - 1])
    except (ValueError, IndexError):
        raise Refused(f"Cette ligne ne se lit pas\u00a0: «\u00a0{text.strip()[:60]}\u00a0».", "stays") from None


def _date(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007  # a day has no zone


def _blocked_form() -> BlockedForm:
    form = BlockedForm(request.form if request.method == "POST" else None)
    form.relation.choices = list(vocabulary.RELATIONS.items())
    return form


@bp.get("/ne-pas-confier")
def block(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    household, child = child_of(household_id, child_id)
    require(current_actor(), Permission.FAMILY_WRITE)
    return render_template("families/blocked.html", household=household, child=child, form=_blocked_form())


@bp.post("/ne-pas-confier")
def save_blocked(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    actor = current_actor()
    household, child = child_of(household_id, child_id)
    require(actor, Permission.FAMILY_WRITE)
    form = _blocked_form()
    if form.validate():
        data = {name: form.data[name] for name in ("last_name", "first_name", "relation", "since", "until")}
        try:
            block_person(db(), actor, child.id, Named(**data), source=form.source.data or "")
        except Refused as refusal:
            form.refuse(refusal.field if refusal.field in form.data else "last_name", refusal.message)
        else:
            flash("L’interdiction est enregistrée. Elle est lue par le personnel seulement.", "success")
            return redirect(url_for(".show", household_id=household.id, child_id=child.id), 303)
    return render_template("families/blocked.html", household=household, child=child, form=form), 422


@bp.post("/ne-pas-confier/<uuid:person_id>/lever")
def unblock(household_id: uuid.UUID, child_id: uuid.UUID, person_id: uuid.UUID) -> ResponseReturnValue:
    actor = current_actor()
    household, child = child_of(household_id, child_id)
    require(actor, Permission.FAMILY_WRITE)
    remove_person(db(), actor, child.id, person_id, blocked=True)
    flash("L’interdiction est levée.", "success")
    return redirect(url_for(".show", household_id=household.id, child_id=child.id), 303)


@bp.get("/fiche.pdf", endpoint="sheet")
@without_transaction
def sheet(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    """The sheet of the child, without his health. The PDF is made once the transaction is closed."""
    return _sheet(household_id, child_id, full=False)


@bp.get("/fiche-complete.pdf", endpoint="full_sheet")
@without_transaction
def full_sheet(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    """The same with his health, for staff who may read it; the reading is noted in the journal (R-73)."""
    return _sheet(household_id, child_id, full=True)


def _sheet(household_id: uuid.UUID, child_id: uuid.UUID, *, full: bool) -> ResponseReturnValue:
    with transaction() as session:
        actor = current_actor()
        _, child = child_of(household_id, child_id, session)
        health = read_health(session, actor, child.id) if full else None
        journal.record(session, actor, "child.sheet_printed", "child", child.id, full=full)
        made = sheet_of(session, actor, child, None, health)
    return pdf_response(child_sheet_pdf(made), "fiche-complete.pdf" if full else "fiche.pdf")
