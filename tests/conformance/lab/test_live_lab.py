"""A laboratory's file over interfaces, against the bundled reference on veth pairs."""

import subprocess
import sys

import pytest
import yaml

from conformance.bindings.live import plan as live
from conformance.checkout import ROOT
from conformance.cli.binding import EXAMPLES
from reference_impl.live import namespaces
from reports.results import read_results
from spec.verdict import Verdict
from tests.reference_impl.live.harness import plan

ICS = ROOT / "reference_impl" / "ics.yaml"
CASES = [
    ROOT / "conformance" / "cases" / case
    for case in (
        "forwarding/test_transparency.py::test_tags_stay",
        "forwarding/test_drops.py::test_one_octet_too_long",
        "pktc/test_contents.py::test_one_egress_a_container",
        "pktc/test_contents.py::test_a_frame_crosses_whole",
        "grant/test_control.py::test_a_gsp_sends_control_first",
        "dgsq/test_lifecycle.py::test_idle_holds_no_queue",
    )
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Rig a GSP up; skipped, with the reason, where that is not possible."""
    if not namespaces.capable():
        pytest.skip("no live bench here: the test enters network namespaces itself, which takes privilege")
    folder = tmp_path_factory.mktemp("runs")
    standing = live.up(plan("solo-gsp"), folder=folder)
    try:
        yield standing
    finally:
        standing.down()


@pytest.fixture
def lab(bench, tmp_path):
    """Write the rehearsal for the bench that stands, managed by a class, with changes to its links."""

    def writing(abilities=None, **testers):
        data = yaml.safe_load((EXAMPLES / "interfaces-gsp.yaml").read_text(encoding="utf-8"))
        management = data["devices"]["gsp0"]["management"]
        management["options"] = {"folder": str(bench.folder.parent), "run": bench.name}
        if abilities is None:
            management["adapter"] = "reference_impl.live.adapter:ReferenceAdapter"
            del management["command"], management["abilities"]
        else:
            management["abilities"] = abilities
        for link, tester in testers.items():
            data["links"][link.replace("_", "-")]["tester"] = tester
        path = tmp_path / "LAB.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    return writing


@pytest.fixture
def gse_cts(bench, tmp_path):
    """Run the command where the tester's ends are."""

    def running(*words):
        command = [sys.executable, "-c", "from conformance.cli import main; main()", *map(str, words)]
        with namespaces.inside(bench.space(bench.plan.tester)):
            return subprocess.run(  # noqa: S603 - our own command
                command, capture_output=True, text=True, check=False, cwd=tmp_path
            )

    return running


def own(folder):
    return {
        item.case.rpartition("::")[2]: item for item in read_results(folder).verdicts if not item.invariant
    }


def rows(text):
    """Read the table of a check: what stands in each line, by part and what it is about."""
    lines = [[part.strip() for part in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]
    return {(line[0], line[1]): tuple(line[2:]) for line in lines if len(line) == 4 and line[0]}


def test_a_bench_that_is_cabled_as_the_file_says_is_ready(lab, gse_cts):
    done = gse_cts("binding", "check", lab(), "--ics", ICS)
    assert done.returncode == 0, done.stdout + done.stderr
    found = rows(done.stdout)
    assert {mark for mark, _ in found.values()} <= {"ok", "-"}
    assert found["wiring", "gsp0-gsf0"] == ("ok", "HELLO of node 1 port 2")
    assert found["wiring", "gsp0-gsf1"] == ("ok", "HELLO of node 1 port 3")
    assert found["wiring", "h1"] == ("ok", "frames for 02:00:00:00:01:01 come out here")
    assert "300 frames of 1500 octets" in found["load", "h0 to h1"][1]
    assert "0 lost" in found["load", "h0 to h1"][1]
    assert found["long frames", "h0 to h1"] == ("ok", "10 frames of 9216 octets, 0 lost")
    assert "can be played" in done.stdout
    assert "the bench rehearsal has no third uplink gsp0-gsf2 at gsp0" in done.stdout


@pytest.mark.parametrize(
    ("swapped", "place", "words"),
    [
        (
            {"gsp0_gsf0": "gsp0-gsf1", "gsp0_gsf1": "gsp0-gsf0"},
            "gsp0-gsf0",
            "HELLO of node 1 port 3, which belongs to gsp0-gsf1: swap gsp0-gsf0 and gsp0-gsf1",
        ),
        ({"h0": "h1", "h1": "h0"}, "h0", "frames for h0 came out at h1: swap h0 and h1"),
        (
            {"h0": "gsp0-gsf0", "gsp0_gsf0": "h0"},
            "h0",
            "HELLO of node 1 port 2, which belongs to gsp0-gsf0: swap h0 and gsp0-gsf0",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_swapped_cables_are_named(lab, gse_cts, swapped, place, words):
    done = gse_cts("binding", "check", lab(**swapped))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"WRONG │ {words}" in done.stdout
    assert place in done.stdout
    assert "the bench is not ready: " in done.stderr


def test_what_is_not_there_is_named(lab, gse_cts):
    done = gse_cts("binding", "check", lab(h0="eth77"))
    assert done.returncode == 1
    found = rows(done.stdout)
    assert found["port", "eth77 (h0)"] == ("WRONG", "is not there (No such device); correct links.h0.tester")
    assert found["wiring", ""] == ("-", "not tried: mend the tester first")


@pytest.fixture
def dark(bench):
    """Take a link down for a test."""
    bench.switch("h0", up=False)
    yield
    bench.switch("h0", up=True)


def test_a_link_that_is_down_is_the_bench_and_no_verdict_on_the_device(lab, gse_cts, dark, tmp_path):  # noqa: ARG001
    path = lab()
    done = gse_cts("binding", "check", path)
    assert done.returncode == 1
    assert rows(done.stdout)["port", "h0"] == ("WRONG", "has no carrier; is it up, and the cable in?")
    out = tmp_path / "out"
    gse_cts("run", CASES[0], "--binding", path, "--ics", ICS, "--out", out, "--no-allure")
    (verdict,) = own(out).values()
    assert verdict.verdict is Verdict.ERROR
    assert "the interface h0 of the tester (h0) has no carrier" in verdict.reason


def test_an_adapter_that_fails_is_the_bench(bench, lab, gse_cts, tmp_path):
    path = lab(abilities=["counters"])
    text = path.read_text(encoding="utf-8").replace(bench.name, "gse-none")
    path.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    gse_cts(
        "run",
        CASES[0],
        "--binding",
        path,
        "--ics",
        ICS,
        "--out",
        out,
        "--no-allure",
    )
    (verdict,) = own(out).values()
    assert verdict.verdict is Verdict.ERROR
    assert "said: there is no run gse-none" in verdict.reason


def test_cases_agree_with_virtual_time_and_can_be_judged_again(lab, gse_cts, tmp_path):
    path, out = lab(), tmp_path / "out"
    done = gse_cts(
        "run", *CASES, "--binding", path, "--ics", ICS, "--out", out, "--evidence", "all", "--no-allure"
    )
    found = own(out)
    assert set(found) == {case.name.rpartition("::")[2] for case in CASES}, done.stdout + done.stderr
    gse_cts("run", *CASES, "--out", tmp_path / "virtual", "--no-allure", "--workers", "0")
    virtual = own(tmp_path / "virtual")
    differ = {
        name: (item.verdict, item.reason, virtual[name].verdict)
        for name, item in found.items()
        if item.verdict not in {virtual[name].verdict, Verdict.INCONCLUSIVE, Verdict.TESTER_LIMITED}
    }
    assert not differ
    assert Verdict.PASS in {item.verdict for item in found.values()}
    assert (out / "bench.yaml").read_bytes() == path.read_bytes()
    header = read_results(out).header
    assert header.bench is not None
    assert (header.binding, header.device, header.bench.file) == ("lab", "gsp0 of rehearsal", "LAB.yaml")
    page = (out / "compliance.html").read_text(encoding="utf-8")
    assert header.bench.digest in page
    gse_cts("rejudge", out, "--out", tmp_path / "again")
    played = {name for name, item in found.items() if item.verdict is Verdict.PASS}
    again = own(tmp_path / "again")
    assert {name: again[name].verdict for name in played} == dict.fromkeys(played, Verdict.PASS)
