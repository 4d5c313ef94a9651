"""The document that a demande leaves to its family: made once its transaction is closed."""

from __future__ import annotations

import uuid

from flask.typing import ResponseReturnValue

from app.cases.documents import statement_of
from app.cases.views.family import bp, load
from app.pdf.statement import statement_pdf
from app.web.downloads import pdf_response
from app.web.guards import without_transaction
from app.web.identity import sign_in_required
from app.web.requests import transaction


@bp.get("/<uuid:case_id>/attestation.pdf", endpoint="statement")
@without_transaction
def statement(case_id: uuid.UUID) -> ResponseReturnValue:
    """The attestation as a tagged PDF: what was true when it was asked."""
    with transaction(read_only=True) as session:
        opened = load(case_id)
        if opened is None:
            return sign_in_required()
        reference, content = opened.case.reference, statement_of(session, opened)
    return pdf_response(statement_pdf(content), f"attestation-{reference}.pdf")
