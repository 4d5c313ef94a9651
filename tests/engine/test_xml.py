"""What may not pass as a démarche's XML file, and that refusing it costs neither time nor memory."""

import time
from collections.abc import Callable
from contextlib import suppress
from xml.etree import ElementTree

import pytest

from app.engine.xml import MAX_BYTES, XmlRefused, load_xml

WHAT = "le fichier process.bpmn"

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha">'
    + "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10 if n else "&b;" * 10}">' for n in range(9))
    + ']><a x="&b8;">&b8;</a>'
)

HOSTILE = {
    "empty": b"",
    "blanks": b"  \n ",
    "not xml": b"bonjour",
    "json": b'{"a": 1}',
    "cut short": b"<a><b></a>",
    "two roots": b"<a/><b/>",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "nul": b"<a>\x00</a>",
    "entity bomb": LAUGHS.encode(),
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "remote doctype": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    "lower-case doctype": b"<!doctype a><a/>",
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><a/>',
    "undeclared entity": b"<a>&secret;</a>",
    "utf-16": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
    "utf-16 hidden doctype": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16-le"),
    "utf-7 declared": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>',
    "latin-1 declared": b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
    "latin-1 bytes": b'<?xml version="1.0" encoding="UTF-8"?><a>\xe9</a>',
    "too large": b"<a>" + b"x" * MAX_BYTES + b"</a>",
    "too deep": b"<a>" * 100 + b"</a>" * 100,
    "far too deep": b"<a>" * 150_000 + b"</a>" * 150_000,
    "too many elements": b"<a>" + b"<b/>" * 40_000 + b"</a>",
    "too many attributes": b"<a " + b" ".join(b'x%d="1"' % n for n in range(100_000)) + b"/>",
    "twice the same attribute": b'<a b="1" b="2"/>',
    "unknown prefix": b"<x:a/>",
}


def seconds_of(act: Callable[[], object]) -> float:
    """What it costs this process at best, whatever else the machine does."""
    taken = []
    for _ in range(3):
        before = time.process_time()
        act()
        taken.append(time.process_time() - before)
    return min(taken)


def refused(data: bytes) -> None:
    with suppress(XmlRefused):
        load_xml(data, WHAT)


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_quickly_and_in_french(data: bytes) -> None:
    with pytest.raises(XmlRefused) as refusal:
        load_xml(data, WHAT)
    plain = seconds_of(lambda: ElementTree.fromstring(HOSTILE["too many elements"]))
    assert seconds_of(lambda: refused(data)) < 40 * plain  # 10 for the longest
    assert refusal.value.message.startswith("Le fichier process.bpmn")
    assert refusal.value.message.endswith((".", "»."))
    assert "root:" not in refusal.value.message


def test_the_message_of_a_doctype_names_the_line_to_remove() -> None:
    with pytest.raises(XmlRefused, match="Supprimez la ligne"):
        load_xml(b"<!DOCTYPE a><a/>", WHAT)


def test_comments_and_processing_instructions_are_dropped() -> None:
    root = load_xml(b"<?xml version='1.0'?><?x y?><a><!-- c --><b/><?z?></a>", WHAT)
    assert [child.tag for child in root] == ["b"]


def test_a_byte_order_mark_and_french_letters_are_accepted() -> None:
    root = load_xml("\ufeff<?xml version='1.0' encoding='utf-8'?><a>été</a>".encode(), WHAT)
    assert root.text == "été"


def test_an_escaped_doctype_in_a_text_is_only_text() -> None:
    assert load_xml(b"<a>&lt;!DOCTYPE a&gt;</a>", WHAT).text == "<!DOCTYPE a>"
