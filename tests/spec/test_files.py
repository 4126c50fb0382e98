"""One file has one digest, whatever an editor or git made of its line ends."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from conformance.bindings.lab.bench import load_bench
from conformance.run.recorder import _bench
from spec.catalogue import ROOT
from spec.errors import InputError
from spec.files import LIMIT, octets
from spec.ics import load_ics
from spec.loader import read_catalogue
from spec.wire import FOLDER, load_profile

PROJECT = ROOT.parent
ICS = PROJECT / "reference_impl" / "ics.yaml"
BENCH = PROJECT / "conformance" / "bindings" / "lab" / "examples" / "trex-4-gsp.yaml"
MADE = {
    "LF": lambda octets: octets,
    "CRLF": lambda octets: octets.replace(b"\n", b"\r\n"),
    "CR": lambda octets: octets.replace(b"\n", b"\r"),
    "BOM": lambda octets: b"\xef\xbb\xbf" + octets,
    "BOM and CRLF": lambda octets: b"\xef\xbb\xbf" + octets.replace(b"\n", b"\r\n"),
}


@pytest.fixture(params=MADE)
def converted(request, tmp_path):
    def convert(path):
        copy = tmp_path / path.name
        copy.write_bytes(MADE[request.param](path.read_bytes()))
        return copy

    return convert


def test_a_statement_has_one_digest_and_one_meaning(converted):
    copy, original = load_ics(converted(ICS)), load_ics(ICS)
    assert copy.digest == original.digest == hashlib.sha256(ICS.read_bytes()).hexdigest()
    assert (copy.settings, copy.identification) == (original.settings, original.identification)


def test_a_wire_profile_has_one_digest(converted):
    assert load_profile(converted(FOLDER / "open-1.yaml")).digest == load_profile("open-1").digest


def test_a_bench_has_one_digest(converted):
    copy = converted(BENCH)
    assert load_bench(copy).digest == load_bench(BENCH).digest == _bench(copy).digest


def test_the_catalogue_has_one_digest(tmp_path):
    copy = tmp_path / "spec"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.yaml"):
        path.write_bytes(MADE["BOM and CRLF"](path.read_bytes()))
    assert read_catalogue(copy).digest == read_catalogue().digest
    (copy / "facts.yaml").write_bytes((copy / "facts.yaml").read_bytes() + b"# more\r\n")
    assert read_catalogue(copy).digest != read_catalogue().digest


def test_git_pins_line_ends():
    attributes = (PROJECT / ".gitattributes").read_text(encoding="utf-8")
    assert "* text=auto eol=lf" in attributes
    kinds = {path.suffix for path in (PROJECT / "conformance").rglob("*.pcap*")}
    assert all(f"*{kind} binary" in attributes for kind in kinds)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda _: None, "x.yaml: file: cannot be read (No such file or directory); check the path."),
        (Path.mkdir, "x.yaml: file: is a folder; name a file, which is read more than once."),
        (os.mkfifo, "x.yaml: file: is a pipe or a device; name a file, which is read more than once."),
        (
            lambda path: path.write_bytes(b"#" * (LIMIT + 1)),
            "x.yaml: file: has more than 4 MiB; keep what belongs into it.",
        ),
        (
            lambda path: (path.parent / "y").symlink_to(path) or path.symlink_to(path.parent / "y"),
            "x.yaml: file: cannot be read (Too many levels of symbolic links); check the path.",
        ),
    ],
    ids=["missing", "folder", "pipe", "too large", "a circle of links"],
)
def test_what_is_no_file_is_one_sentence(tmp_path, make, sentence):
    path = tmp_path / "x.yaml"
    make(path)
    with pytest.raises(InputError) as caught:
        octets(path)
    assert str(caught.value).endswith(sentence)
