"""A number that no float holds, or that Python does not convert, is a sentence wherever a user writes it."""

import pytest

from conformance.api.parameters import read_overrides
from conformance.bindings.lab.bench import load_bench
from conformance.checkout import ROOT
from spec.applicability import ApplicabilityError, parse
from spec.errors import InputError
from spec.formula import FormulaError, formula
from spec.ics import load_ics
from spec.loader import load_catalogue

NUMBERS = [
    str(2**64),
    "1" + "0" * 400,
    "9" * 5000,
    f"-{'9' * 5000}",
    "1e400",
    f'"{"9" * 5000}"',
    '"1e999999"',
]
ICS = ROOT / "reference_impl" / "ics.yaml"
LAB = next((ROOT / "conformance" / "bindings" / "lab" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_files_and_options_refuse_it(tmp_path, number):
    catalogue = load_catalogue()
    path = tmp_path / "it.yaml"
    path.write_text(ICS.read_text().replace("max: 4194304", f"max: {number}"))
    with pytest.raises(InputError, match=r"it\.yaml: .*container_bytes"):
        load_ics(path, catalogue)
    path.write_text(LAB.read_text().replace("node: 1\n", f"node: {number}\n"))
    assert path.read_text() != LAB.read_text()
    with pytest.raises(InputError, match=r"it\.yaml: "):
        load_bench(path)
    with pytest.raises(InputError, match="container_bytes"):
        read_overrides(catalogue, load_ics(ICS, catalogue), [f"container_bytes={number}"])


@pytest.mark.parametrize("number", [str(2**64), "1" + "0" * 400, "9" * 5000], ids=len)
def test_expressions_and_formulas_refuse_it(number):
    with pytest.raises(FormulaError):
        formula(f"{number} * 1.5")
    if len(number) > 20:
        with pytest.raises(ApplicabilityError, match="64 bits"):
            parse(f"container_bytes > {number}")
