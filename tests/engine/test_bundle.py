"""A démarche's archive: same files, same bytes, same hash; and every archive that must be refused."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from app.engine.bundle import MAX_FILE, MAX_FILES, Bundle, BundleError

FILES = {
    "process.bpmn": b"<x/>",
    "demarche.toml": b'titre = "Essai"',
    "forms/saisie.json": b"{}",
    "scenarios/simple.toml": b"",
    "decisions/tarif.dmn": b"<d/>",
}


def archive(files: dict[str, bytes], **entry: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in entry.items():
                setattr(info, key, value)
            made.writestr(info, data)
    return buffer.getvalue()


def test_the_same_files_give_the_same_bytes_and_hash_whatever_their_order() -> None:
    one, other = Bundle(FILES), Bundle(dict(reversed(FILES.items())))
    assert (one.hash, one.to_zip()) == (other.hash, other.to_zip())
    assert Bundle.from_zip(one.to_zip()).files == FILES
    assert Bundle.from_zip(one.to_zip()).hash == one.hash


def test_any_change_changes_the_hash_even_one_that_moves_a_boundary() -> None:
    hashes = {
        Bundle(FILES | changes).hash
        for changes in (
            {},
            {"process.bpmn": b"<y/>"},
            {"forms/saisie2.json": b"{}"},
            {"forms/a.json": b"x", "forms/b.json": b""},
            {"forms/a.json": b"", "forms/b.json": b"x"},
        )
    }
    assert len(hashes) == 5


def test_a_folder_is_read_as_it_stands(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert Bundle.from_folder(tmp_path).hash == Bundle(FILES).hash


def test_an_archive_made_by_a_file_manager_is_accepted() -> None:
    assert Bundle.from_zip(archive({"forms/": b""} | FILES)).hash == Bundle(FILES).hash


@pytest.mark.parametrize("top", ["cantine", "Ma démarche (1)", "forms"])
def test_an_archive_of_the_folder_itself_is_accepted(top: str) -> None:
    inside = {f"{top}/{name}": data for name, data in FILES.items()}
    assert Bundle.from_zip(archive({f"{top}/": b""} | inside)).files == FILES


@pytest.mark.parametrize("top", ["..", ".", "", "a/b", "../a", "/a", "a/..", "a\\\\b/.."])
def test_a_top_folder_that_leads_elsewhere_is_refused(top: str) -> None:
    with pytest.raises(BundleError, match="n’a pas sa place"):
        Bundle.from_zip(archive({f"{top}/{name}": data for name, data in FILES.items()}))


@pytest.mark.parametrize("name", ["a/../../x.json", "a//etc/passwd", "a/../forms/x.json", "a/a/forms/x.json", "a/x.py"])
def test_a_file_that_leaves_the_top_folder_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match="n’a pas sa place"):
        Bundle.from_zip(archive({f"a/{known}": data for known, data in FILES.items()} | {name: b"x"}))


def test_files_in_two_folders_or_beside_one_are_refused() -> None:
    inside = {f"a/{name}": data for name, data in FILES.items()}
    for other in ("b/process.bpmn", "process.bpmn"):
        with pytest.raises(BundleError, match="n’a pas sa place"):
            Bundle.from_zip(archive(inside | {other: b"<x/>"}))


@pytest.mark.parametrize(
    "name",
    [
        "../process.bpmn", "/etc/passwd", "forms/../../x.json", "forms/a/b.json", "forms/A.json", "forms/.json",
        "readme.txt", "forms\\\\a.json", "forms/é.json", "process.bpmn/x", "forms/" + "a" * 61 + ".json", "script.py",
    ],
)  # fmt: skip
def test_a_file_out_of_place_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match="n’a pas sa place"):
        Bundle.from_zip(archive(FILES | {name: b"x"}))


def test_what_is_missing_or_too_big_is_named() -> None:
    with pytest.raises(BundleError) as caught:
        Bundle({"forms/saisie.json": b"x" * (MAX_FILE + 1)})
    assert [word for word in ("process.bpmn", "demarche.toml", "2 Mo") if word in str(caught.value)] == [
        "process.bpmn", "demarche.toml", "2 Mo",
    ]  # fmt: skip


def test_bombs_are_refused_before_they_burst() -> None:
    with pytest.raises(BundleError, match="8 Mo"):
        Bundle.from_zip(archive(FILES | {"forms/a.json": b"0" * 50_000_000}))
    with pytest.raises(BundleError, match=str(MAX_FILES)):
        Bundle.from_zip(archive(FILES | {f"forms/f{number}.json": b"" for number in range(MAX_FILES)}))
    with pytest.raises(BundleError, match="8 Mo"):
        Bundle.from_zip(b"PK" + b"\x00" * 9_000_000)


def test_a_bomb_that_lies_about_its_size_is_refused() -> None:
    data = bytearray(archive(FILES | {"forms/a.json": b"0" * 3_000_000}))
    real = (3_000_000).to_bytes(4, "little")
    lie = (10).to_bytes(4, "little")
    assert data.count(real) == 2
    with pytest.raises(BundleError):
        Bundle.from_zip(bytes(data.replace(real, lie)))


def test_a_name_twice_is_refused() -> None:
    buffer = io.BytesIO(archive(FILES))
    with zipfile.ZipFile(buffer, "a") as made, pytest.warns(UserWarning, match="Duplicate name"):
        made.writestr("process.bpmn", b"<other/>")
    with pytest.raises(BundleError, match="deux fois"):
        Bundle.from_zip(buffer.getvalue())


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04", archive(FILES)[:-30], archive(FILES)[10:]])
def test_what_is_not_an_archive_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        Bundle.from_zip(data)


def test_an_encrypted_archive_is_refused() -> None:
    data = bytearray(archive(FILES))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(signature, place + 4)
    with pytest.raises(BundleError):
        Bundle.from_zip(bytes(data))


def test_a_symbolic_link_brings_its_text_and_nothing_it_points_at() -> None:
    link = archive({"forms/lien.json": b"/etc/passwd"}, external_attr=(stat.S_IFLNK | 0o777) << 16)
    buffer = io.BytesIO(link)
    with zipfile.ZipFile(buffer, "a") as made:
        for name, data in FILES.items():
            made.writestr(name, data)
    assert Bundle.from_zip(buffer.getvalue()).files["forms/lien.json"] == b"/etc/passwd"
