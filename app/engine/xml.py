"""Reading the XML files of a démarche, which anybody with the studio's right may upload.

A file is read as UTF-8 text, without DOCTYPE, entities, network or external file, and within bounds on size, depth and
number of elements. Comments and processing instructions are dropped: what follows sees elements only.
"""

import re

from lxml import etree

MAX_BYTES = 2_000_000
MAX_DEPTH = 60
MAX_ELEMENTS = 30_000
MAX_ATTRIBUTES = 60
"""Attributes on one element; the widest BPMN element of any editor has about ten."""

_DECLARATION = re.compile(r"\s*<\?xml\b([^>]*)\?>")
_ENCODING = re.compile(r"encoding\s*=\s*[\"']([^\"']*)[\"']")


class XmlRefused(Exception):
    """The file is not XML we accept; `message` is a French sentence with its remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def load_xml(data: bytes, what: str) -> etree._Element:
    """The root element of `data`. `what` names the file in messages, as in « le fichier process.bpmn ».

    Raises XmlRefused for anything but plain UTF-8 XML of reasonable size: encodings, DOCTYPE and entities are looked
    for in the decoded text before any parser sees it, so no parser setting can let one through.
    """
    _check_text(data, what)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f" (ligne {line})" if line else ""
        raise XmlRefused(
            f"{_capital(what)} n’est pas un fichier XML valide{where}. Exportez-le à nouveau depuis l’éditeur."
        ) from None
    _check_shape(root, what)
    return root


def _check_text(data: bytes, what: str) -> None:
    if len(data) > MAX_BYTES:
        raise XmlRefused(f"{_capital(what)} dépasse 2 Mo. Une démarche tient en quelques dizaines de kilo-octets.")
    if not data.strip():
        raise XmlRefused(f"{_capital(what)} est vide. Exportez-le à nouveau depuis l’éditeur.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise XmlRefused(f"{_capital(what)} n’est pas écrit en UTF-8. Enregistrez-le en UTF-8.") from None
    declaration = _DECLARATION.match(text)
    encoding = _ENCODING.search(declaration[1]) if declaration else None
    if encoding and encoding[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise XmlRefused(
            f'{_capital(what)} annonce un encodage « {encoding[1][:20]} ». Enregistrez-le en UTF-8 (encoding="UTF-8").'
        )
    lowered = text.lower()
    if "<!doctype" in lowered or "<!entity" in lowered:
        raise XmlRefused(
            f"{_capital(what)} contient une déclaration DOCTYPE ou une entité, ce qui est interdit. "
            "Supprimez la ligne qui commence par « <!DOCTYPE »."
        )


def _check_shape(root: etree._Element, what: str) -> None:
    waiting = [(root, 1)]
    count = 0
    while waiting:
        element, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS or len(element.attrib) > MAX_ATTRIBUTES:
            raise XmlRefused(
                f"{_capital(what)} est anormalement volumineux ou emboîté. Exportez-le à nouveau depuis l’éditeur."
            )
        if not isinstance(element.tag, str):
            raise XmlRefused(f"{_capital(what)} contient une entité non résolue. Remplacez-la par son texte.")
        waiting.extend((child, depth + 1) for child in element)


def _capital(what: str) -> str:
    return what[:1].upper() + what[1:]
