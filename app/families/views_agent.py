"""Families for agents: search, create, invite, unlock (G5). A family's page does not depend on a demande."""

from __future__ import annotations

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import journal
from app.accounts import operations as accounts
from app.errors import Conflict, NotFound, Refused
from app.families import numbers, operations, staff_queries, vocabulary
from app.families.consents import authorisations_of, read_health
from app.families.queries import AdultCard, HouseholdCard, guardians_of, load_child
from app.families.shots import vaccinations_of
from app.policy import Permission, require
from app.web.guards import blueprint, writes
from app.web.identity import current_actor
from app.web.requests import db, undo
from forms.families import InviteForm, NewHouseholdForm

bp = blueprint("families_agent", __name__, audience="agent", url_prefix="/agent/familles")

HOUSEHOLD_FIELDS = ("street", "address_extra", "postal_code", "city", "phone", "desk_only")
ADULT_FIELDS = ("civility", "birth_date", "quality", "email", "mobile")


@bp.get("")
def search() -> ResponseReturnValue:
    actor, text = current_actor(), request.args.get("q", "")[:200]
    found = staff_queries.search_families(db(), actor, text, request.args.get("page", 1, type=int))
    return render_template(
        "families/search.html",
        found=found,
        text=text,
        grouped=numbers.grouped,
        may_create=actor.can(Permission.FAMILY_WRITE),
    )


def _new_form() -> NewHouseholdForm:
    form = NewHouseholdForm(request.form if request.method == "POST" else None)
    form.quality.choices = [("", "Non précisée"), *vocabulary.QUALITIES.items()]
    return form


@bp.get("/nouvelle")
def new() -> ResponseReturnValue:
    require(current_actor(), Permission.FAMILY_WRITE)
    return render_template("families/new.html", form=_new_form())


@bp.post("/nouvelle")
def create() -> ResponseReturnValue:
    actor = current_actor()
    require(actor, Permission.FAMILY_WRITE)
    form = _new_form()
    if form.validate():
        data = form.data
        try:
            made = operations.create_household(
                db(), actor, label=data["last_name"], **{name: data[name] for name in HOUSEHOLD_FIELDS}
            )
            operations.add_adult(
                db(),
                actor,
                made.id,
                first_name=data["first_name"],
                last_name=data["last_name"],
                **{name: data[name] for name in ADULT_FIELDS},
            )
        except Refused as refusal:
            undo()  # the household may be written already
            field = refusal.field or ""
            form.refuse(field if field in data else "last_name", refusal.message)
        else:
            flash(f"Le foyer est créé. N°\u00a0famille\u00a0: {numbers.grouped(made.number)}.", "success")
            return redirect(url_for(".show", household_id=made.id), 303)
    return render_template("families/new.html", form=form), 422


@bp.get("/<uuid:household_id>")
@writes
def show(household_id: uuid.UUID) -> ResponseReturnValue:
    """The file of a family. Opening it is noted in the journal (R-73)."""
    actor = current_actor()
    household = staff_queries.load_household(db(), actor, household_id)
    journal.record(db(), actor, "household.read", "household", household.id)
    return render_template(
        "families/family.html",
        household=household,
        number=numbers.grouped(household.number),
        situation=staff_queries.situation_rows(household),
        states=staff_queries.account_states(db(), household),
        guardians=guardians_of(db(), household.children, None),
        authorisations=authorisations_of(db(), household.children),
        doubles=staff_queries.possible_doubles(db(), actor, household),
        history=staff_queries.history_of(db(), household),
        may_invite=actor.can(Permission.FAMILY_INVITE),
        may_unlock=actor.can(Permission.USER_UNLOCK),
        may_read_health=actor.can(Permission.HEALTH_READ),
        grouped=numbers.grouped,
    )


def _adult(household: HouseholdCard, adult_id: uuid.UUID) -> AdultCard:
    for adult in household.adults:
        if adult.id == adult_id:
            return adult
    raise NotFound("Cette personne ne fait pas partie de ce foyer.")


@bp.get("/<uuid:household_id>/adultes/<uuid:adult_id>/invitation")
def invitation(household_id: uuid.UUID, adult_id: uuid.UUID) -> ResponseReturnValue:
    actor = current_actor()
    household = staff_queries.load_household(db(), actor, household_id)
    require(actor, Permission.FAMILY_INVITE)
    adult = _adult(household, adult_id)
    form = InviteForm(data={"email": adult.email})
    return render_template("families/invite.html", household=household, adult=adult, form=form)


@bp.post("/<uuid:household_id>/adultes/<uuid:adult_id>/invitation")
def invite(household_id: uuid.UUID, adult_id: uuid.UUID) -> ResponseReturnValue:
    actor = current_actor()
    household = staff_queries.load_household(db(), actor, household_id)
    require(actor, Permission.FAMILY_INVITE)
    adult, form = _adult(household, adult_id), InviteForm(request.form)
    if form.validate():
        try:
            if form.email.data != adult.email:
                operations.update_adult(db(), actor, adult.id, {"email": form.email.data})
            operations.invite(db(), actor, adult.id)
        except Refused as refusal:
            undo()  # the new address was written for nothing
            form.refuse("email", refusal.message)
        else:
            flash(f"L’invitation est partie à {form.email.data}.", "success")
            return redirect(url_for(".show", household_id=household.id), 303)
    return render_template("families/invite.html", household=household, adult=adult, form=form), 422


@bp.post("/<uuid:household_id>/adultes/<uuid:adult_id>/deblocage")
def unlock(household_id: uuid.UUID, adult_id: uuid.UUID) -> ResponseReturnValue:
    actor = current_actor()
    adult = _adult(staff_queries.load_household(db(), actor, household_id), adult_id)
    require(actor, Permission.USER_UNLOCK)
    if adult.account_id is None:
        raise Conflict("Cette personne n’a pas de compte à débloquer.")
    accounts.unlock(db(), actor, adult.account_id)
    flash("Le compte est débloqué.", "success")
    return redirect(url_for(".show", household_id=household_id), 303)


@bp.get("/<uuid:household_id>/enfants/<uuid:child_id>/sante")
@writes
def health(household_id: uuid.UUID, child_id: uuid.UUID) -> ResponseReturnValue:
    """Diet and allergies of a child, for whom they concern; each reading is noted in the journal (R-73)."""
    actor = current_actor()
    child = load_child(db(), actor, child_id)
    household = staff_queries.load_household(db(), actor, household_id)
    if child.id not in {one.id for one in household.children}:
        raise NotFound("Cet enfant ne fait pas partie de ce foyer.")
    return render_template(
        "families/health.html",
        household=household,
        child=child,
        health=read_health(db(), actor, child_id),
        vaccinations=vaccinations_of(db(), child.id, child.birth_date),
    )
