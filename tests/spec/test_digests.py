"""A checkout has one digest, however git converts its line ends."""

import shutil
from pathlib import Path

import pytest

from conformance.checkout import PACKAGES, ROOT
from conformance.identity import digest_of as digest_of_suite
from conformance.lab.bench import load_bench
from spec.catalogue import ROOT as SPEC
from spec.catalogue import read_catalogue
from spec.digests import digest_of, meant
from spec.ics import load_ics
from spec.wire import load_profile

ENDS = {"CR LF": (b"\r\n", b""), "CR": (b"\r", b""), "mark": (b"\n", b"\xef\xbb\xbf")}


@pytest.fixture(params=ENDS)
def converted(request):
    end, mark = ENDS[request.param]

    def convert(path: Path, to: Path) -> Path:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(mark + path.read_bytes().replace(b"\n", end))
        return to

    return convert


def test_the_catalogue_has_one_digest(tmp_path, converted):
    for path in SPEC.rglob("*.yaml"):
        converted(path, tmp_path / path.relative_to(SPEC))
    assert read_catalogue(tmp_path).digest == read_catalogue().digest


@pytest.mark.parametrize(
    ("place", "load"),
    [
        ("reference_impl/ics.yaml", load_ics),
        ("spec/wire/open-1.yaml", load_profile),
        ("conformance/lab/examples/trex-4-gsp.yaml", load_bench),
    ],
)
def test_a_file_has_one_digest(tmp_path, converted, place, load):
    path = converted(ROOT / place, tmp_path / "x.yaml")
    assert load(path).digest == load(ROOT / place).digest == digest_of(path)


def test_the_suite_has_one_digest(tmp_path):
    for name in ("a", "b"):
        for part in PACKAGES:
            (tmp_path / name / part).mkdir(parents=True)
        shutil.copy(ROOT / "spec" / "verdict.py", tmp_path / name / "spec")
    path = tmp_path / "b" / "spec" / "verdict.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest_of_suite(tmp_path / "a") == digest_of_suite(tmp_path / "b")


def test_what_is_no_text_is_kept():
    assert meant(b"\0\r\n") == b"\0\r\n"
