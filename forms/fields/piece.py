"""Pieces: documents already given, and files to add."""

from typing import Any

from forms.definition import FieldDef
from forms.fields.choices import ChoicesField
from forms.fields.portal import FormData
from forms.sources import Json, Surroundings

# The closed list of formats that the portal accepts (capability J2, rule R-10).
ACCEPTED = (".pdf", ".jpg", ".jpeg", ".png", ".heic", ".odt", ".doc")
MAX_FILES = 20


class PieceField(ChoicesField):
    """A piece of one type: ids of known documents, plus uploaded files that the view stores and then attaches.

    The files are posted under `<name>__fichier`. Their content is judged elsewhere.
    """

    kind = "piece"

    def __init__(self, spec: FieldDef, **options: Any) -> None:
        super().__init__(spec, **options)
        self.uploads: list[Any] = []
        self.attached: list[str] = []

    def read(self, formdata: FormData, files: FormData | None, around: Surroundings) -> None:
        """Also takes the files, empty inputs left out."""
        posted = files.getlist(self.file_name) if files is not None else []
        self.uploads = [file for file in posted if getattr(file, "filename", "")][:MAX_FILES]
        super().read(formdata, files, around)

    def check(self, around: Surroundings) -> None:
        """The number of documents, new files included."""
        self._count()

    def _count(self) -> None:
        known = [] if self._replaces else self.parsed[self.spec.name] or []
        if len(known) + len(self.uploads) + len(self.attached) > self.spec.max_count:
            self.problems.append(("", self._too_many))

    @property
    def _replaces(self) -> bool:
        """Where one document is wanted, a new one takes the place of the one before."""
        return self.spec.max_count == 1 and bool(self.uploads or self.attached)

    @property
    def _too_many(self) -> str:
        most = self.spec.max_count
        return "Un seul document est attendu." if most == 1 else f"Pas plus de {most}\u00a0documents."

    def attach(self, ids: list[str]) -> None:
        """Adds the ids of stored uploads to the value; the files are then done with.

        The number is judged again: several photos sent together may have become one document.
        """
        self.attached += [identifier for identifier in ids if identifier not in self.attached]
        self.uploads = []
        self.problems = [problem for problem in self.problems if problem[1] != self._too_many]
        self._count()

    def with_attached(self, ids: list[str] | None) -> dict[str, Json]:
        """The field's value, with what was attached."""
        known = [] if self._replaces else ids or []
        return {self.spec.name: known + [identifier for identifier in self.attached if identifier not in known]}

    def is_blank(self) -> bool:
        """Neither a document nor a file."""
        return super().is_blank() and not self.uploads and not self.attached

    def missing(self) -> list[tuple[str, str]]:
        """At least one document or file."""
        if self.required and self.is_blank():
            return [("", self.spec.required_message or "Joignez ce document.")]
        return []

    def clear(self) -> None:
        """Files of a hidden field are dropped."""
        super().clear()
        self.uploads = []

    @property
    def file_name(self) -> str:
        """The name of the file input."""
        return f"{self.name}__fichier"

    def input_id(self, suffix: str = "") -> str:
        """Error links go to the file input, which is always there."""
        return self.id

    def hints(self) -> list[str]:
        """Tells the formats."""
        formats = ", ".join(extension[1:].upper() for extension in ACCEPTED if extension != ".jpeg")
        return [*super().hints(), f"Formats acceptés\u00a0: {formats}."]

    def file_control(self) -> dict[str, str | None]:
        """The attributes of the file input."""
        return {
            "class": "ds-input",
            "id": self.id,
            "name": self.file_name,
            "type": "file",
            "multiple": "" if self.spec.max_count > 1 else None,
            "accept": ",".join(ACCEPTED),
            "aria-describedby": self.described_by(),
            "aria-invalid": "true" if self.error_links else None,
        }

    def document_items(self) -> list[tuple[str, Any, bool]]:
        """(element id, known document, ticked)."""
        return [(f"{self.id}-document-{n}", choice, chosen) for n, (_, choice, chosen) in enumerate(self.items(), 1)]
