"""What a family and an agent read of an enrolment: before it is asked, while it waits, once it is done (R3, R-36)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import TypeVar

from app.agenda.enrolling import Prospect
from app.agenda.wishes import Outcome
from app.db import Json
from app.families.queries import ChildCard
from forms.french import MONTHS, joined, money_text, short_date

SHOWN = 8
"""Dates named for one reason in a letter: beyond, their number."""
DISPUTED = (
    "L’autre parent s’est opposé à ce que l’un décide seul\u00a0: le service attend l’accord des deux avant d’accepter."
)
INVOICE = "Rien n’est à payer maintenant\u00a0: la facture vient après le mois d’accueil."

Block = dict[str, Json]
K = TypeVar("K")


def overview(prospect: Prospect) -> dict[str, Json]:
    """What the page of a family shows before she sends: blocks of lines, and what it costs.

    ``titre``, ``total`` with its ``note``, and ``blocs``: a ``titre`` each, and ``lignes`` (``texte``, ``dates``).
    """
    label = prospect.activity.card.label
    done = _of(prospect, "booked", "requested")
    blocks: list[Block] = []
    if done:
        verb = "Réservé dès l’envoi" if prospect.automatic else "Réservé si le service accepte"
        blocks.append(_block(f"{verb}\u00a0: {count(done)}", _by_child(prospect.children, done)))
    elif not prospect.outcomes and not prospect.off:
        names = joined([each.first_name for each in prospect.children.values()])
        text = (
            f"{names}\u00a0: inscription à «\u00a0{label}\u00a0», sans réservation. Vous réserverez dans le planning."
        )
        blocks.append(_block("Inscription seulement", [{"texte": text}]))
    if waiting := _of(prospect, "waiting"):
        blocks.append(_block(f"En liste d’attente\u00a0: {count(waiting)}", _ranked(prospect, waiting)))
    if refused := _of(prospect, "refused"):
        blocks.append(_block(f"Impossible\u00a0: {count(refused)}", _by_reason(prospect.children, refused)))
    if kept := _of(prospect, "unchanged", "kept"):
        blocks.append(_block(f"Déjà réservé, inchangé\u00a0: {count(kept)}", _by_child(prospect.children, kept)))
    if prospect.off:
        off = prospect.off.items()
        lines = [{"texte": f"{words} ({_days(len(days))})", "dates": by_month(days)} for words, days in off]
        blocks.append(_block("Jours sans accueil, laissés de côté", lines))
    blocks += _conditions(prospect)
    total = f"{money_text(prospect.cents)} pour {count(done)}" if done else ""
    return {"titre": f"{label}\u00a0: ce que donnera votre demande", "blocs": blocks, "total": total, "note": INVOICE}


def _conditions(prospect: Prospect) -> list[Block]:
    lines = [
        {"texte": f"{prospect.children[child_id].first_name}\u00a0: {joined(list(labels))}"}
        for child_id, labels in prospect.missing.items()
        if labels
    ]
    found = [_block("Pièces que le service doit avoir acceptées d’abord", lines)] if lines else []
    if prospect.disputed:
        found.append(_block("Accord des deux parents", [{"texte": DISPUTED}]))
    return found


def proposal(prospect: Prospect) -> list[dict[str, Json]]:
    """The same as rows of « Ce qui changerait » on the agent's page, with what he must know first."""
    card, rows = prospect.activity.card, []
    for child in prospect.children.values():
        mine = [each for each in prospect.outcomes if each.wish.child_id == child.id]
        told = [
            f"{words}\u00a0: {count(found)}"
            for words, results in _TOLD
            if (found := [each for each in mine if each.result in results])
        ]
        row: dict[str, Json] = {
            "champ": "inscription",
            "libelle": f"{child.full_name} – {card.label}",
            "avant": "",
            "apres": "\n".join(told) or "Inscription, sans réservation",
        }
        warnings = []
        if missing := prospect.missing[child.id]:
            warnings.append(f"Il manque\u00a0: {joined(list(missing))}. L’inscription ne peut pas être acceptée sans.")
        if child.id in prospect.disputed:
            warnings.append(DISPUTED)
        rows.append(row | ({"avertissement": " ".join(warnings)} if warnings else {}))
    if prospect.cents:
        price = money_text(prospect.cents)
        rows.append({"champ": "prix", "libelle": "Prix de ces jours", "avant": "", "apres": price})
    return rows


_TOLD: Sequence[tuple[str, Collection[str]]] = (
    ("À réserver", ("booked", "requested")),
    ("En liste d’attente", ("waiting",)),
    ("Impossible", ("refused",)),
    ("Déjà réservé", ("unchanged", "kept")),
)


def result(label: str, children: Mapping[uuid.UUID, ChildCard], outcomes: Sequence[Outcome]) -> str:
    """What the family reads once it is done, by child: what is booked, what waits and where, what is not and why."""
    parts = []
    for child in children.values():
        mine = [each for each in outcomes if each.wish.child_id == child.id]
        lines = [f"{child.first_name} est inscrit(e)\u00a0: {label}."]
        if done := [each for each in mine if each.result == "booked"]:
            cents = sum(each.cents or 0 for each in done)
            lines.append(f"Réservé\u00a0: {_told(done)}. Prix\u00a0: {money_text(cents)}.")
        if asked := [each for each in mine if each.result == "requested"]:
            lines.append(f"Demandé au service, qui vous répondra\u00a0: {_told(asked)}.")
        if waiting := [each for each in mine if each.result == "waiting"]:
            ranks = [f"{short_date(each.wish.day)} (rang {each.rank})" for each in waiting]
            lines.append(f"En liste d’attente\u00a0: {_few(ranks)}. Nous vous écrirons si une place se libère.")
        for words, theirs in _reasons(mine):
            lines.append(f"Pas réservé, {_told(theirs)}\u00a0: {words}")
        if kept := [each for each in mine if each.result in ("unchanged", "kept")]:
            lines.append(f"Déjà réservé, inchangé\u00a0: {_told(kept)}.")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def count(outcomes: Sequence[Outcome]) -> str:
    """« 12 jours ». A day of two children counts twice: it is booked, and paid, twice."""
    return _days(len(outcomes))


def _days(number: int) -> str:
    return f"{number}\u00a0jour{'s' if number > 1 else ''}"


def by_month(days: Iterable[date]) -> str:
    """« novembre\u00a0: 23, 24 · décembre\u00a0: 1 »."""
    months = groupby(sorted(set(days)), key=lambda day: (day.year, day.month))
    return " · ".join(
        f"{MONTHS[month - 1]} {year}\u00a0: {', '.join(str(day.day) for day in theirs)}"
        for (year, month), theirs in months
    )


def _of(prospect: Prospect, *results: str) -> list[Outcome]:
    return [each for each in prospect.outcomes if each.result in results]


def _block(title: str, lines: Sequence[Mapping[str, Json]]) -> Block:
    return {"titre": title, "lignes": [dict(line) for line in lines]}


def _by_child(children: Mapping[uuid.UUID, ChildCard], outcomes: Sequence[Outcome]) -> list[Block]:
    return [
        {"texte": f"{children[child_id].first_name}\u00a0: {count(theirs)}", "dates": by_month(_dates(theirs))}
        for child_id, theirs in _grouped(outcomes, lambda each: each.wish.child_id)
    ]


def _ranked(prospect: Prospect, outcomes: Sequence[Outcome]) -> list[Block]:
    names = {child_id: child.first_name for child_id, child in prospect.children.items()}
    return [
        {"texte": f"{names[each.wish.child_id]}, {short_date(each.wish.day)}\u00a0: {each.words}"} for each in outcomes
    ]


def _by_reason(children: Mapping[uuid.UUID, ChildCard], outcomes: Sequence[Outcome]) -> list[Block]:
    found = []
    for words, theirs in _reasons(outcomes):
        names = joined(list(dict.fromkeys(children[each.wish.child_id].first_name for each in theirs)))
        found.append({"texte": f"{names}, {count(theirs)}\u00a0: {words}", "dates": by_month(_dates(theirs))})
    return found


def _reasons(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    return _grouped([each for each in outcomes if each.result == "refused"], lambda each: each.words)


def _grouped(outcomes: Sequence[Outcome], key: Callable[[Outcome], K]) -> list[tuple[K, list[Outcome]]]:
    found: dict[K, list[Outcome]] = {}
    for each in outcomes:
        found.setdefault(key(each), []).append(each)
    return list(found.items())


def _dates(outcomes: Iterable[Outcome]) -> list[date]:
    return [each.wish.day for each in outcomes]


def _told(outcomes: Sequence[Outcome]) -> str:
    return f"{count(outcomes)} ({_few([short_date(day) for day in sorted(_dates(outcomes))])})"


def _few(texts: Sequence[str]) -> str:
    if len(texts) <= SHOWN:
        return ", ".join(texts)
    return f"{texts[0]}, {texts[1]}… jusqu’au {texts[-1]}"
