"""A node failed half-way: the step is undone, an incident says where, what was typed is kept, the person is told."""

from __future__ import annotations

import logging

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from app.cases.machinery import note_fault_in
from app.engine.steps import EngineFault
from app.web.identity import current_actor
from app.web.requests import undo, writing

log = logging.getLogger(__name__)


def undone(fault: EngineFault) -> None:
    """Takes back what this request did, then notes the incident."""
    undo()
    log.error("a step was undone: node %s failed (%s)", fault.node, fault.cause)
    if fault.facts is not None:  # without it nothing had begun: there is no demande to show to administrators
        with writing() as session:
            note_fault_in(session, fault.facts.id, fault)


def step_failed(fault: EngineFault) -> ResponseReturnValue:
    """The page that says so, with the way back to the demande."""
    agent = current_actor().is_agent
    back_url = "/"
    if fault.facts is not None:
        endpoint = "cases_agent.show" if agent else "cases_family.show"
        back_url = url_for(endpoint, case_id=fault.facts.id)
    return render_template("cases/step_failed.html", agent=agent, back_url=back_url, begun=fault.facts is not None), 500


def engine_fault(fault: EngineFault) -> ResponseReturnValue:
    """For every view that advances a demande and keeps nothing more than what is stored already."""
    undone(fault)
    return step_failed(fault)
