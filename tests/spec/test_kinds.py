import pytest
from pydantic import ValidationError

from conformance.checkout import ROOT
from reference_impl.mutants import mutants
from spec.coverage import scan
from spec.kinds import Kinds, by_chapter, load_kinds
from spec.kinds_page import PAGE, page
from spec.lint.kinds import KindsHaveMutants
from spec.loader import load_catalogue, read_catalogue

KIND = {"title": {"en": "a", "zh": "b"}, "meaning": {"en": "a", "zh": "b"}}


def test_the_page_is_current():
    text = page(load_catalogue(), scan(ROOT), load_kinds())
    assert PAGE.read_text(encoding="utf-8") == text, "run gse-cts kinds --write"


def test_the_kind_that_is_read_is_the_kind_that_is_registered():
    read = {mutant.name: mutant.marks[0].kind for mutant in scan(ROOT).mutants}
    assert read == {name: mutant.kind for name, mutant in mutants().items()}


def test_mutants_are_found_by_chapter_and_kind(checkout):
    found = by_chapter(read_catalogue(checkout.spec), scan(checkout.root))
    assert {place: [mutant.name for mutant in those] for place, those in found.items()} == {
        ("pktc", "history"): ["TiresOfOrder"]
    }


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("left_out:\n  pktc:", "left_out:\n  pkt:", "left_out.pkt"),
        ("malformed: nothing of", "history: nothing of", "left_out.pktc.history"),
    ],
)
def test_a_reason_that_stands_for_nothing_is_found(checkout, old, new, key):
    checkout.edit("spec/kinds.yaml", old, new)
    findings = KindsHaveMutants().check(read_catalogue(checkout.spec), scan(checkout.root))
    assert key in {finding.key for finding in findings}


def test_a_reason_for_an_unknown_kind_is_refused():
    with pytest.raises(ValidationError, match="rust is no kind"):
        Kinds.model_validate({"kinds": {"history": KIND}, "left_out": {"pktc": {"rust": "dry"}}})
