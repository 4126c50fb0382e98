"""The reference binding, what it leaves on the disk, and the run that judges that again."""

import json
import subprocess
import sys

import pytest

from conformance.api.binding import Setup
from conformance.api.testbeds import LeafSpine, SoloGsf, SoloGsp, default_peers, host_mac
from conformance.bindings.reference import ReferenceDriver
from conformance.checkout import ROOT
from conformance.judge.expect import Expect
from conformance.judge.invariants import INVARIANTS
from conformance.run.context import RunContext, RunOptions
from traffic.frames.pcapfile import read_packets
from traffic.patterns import elephant, single
from traffic.recordings.recording import Recording
from traffic.scenario import DOWN, Impairment, LinkEvent, ManagementEvent, Scenario, Trigger

CASES = ("conformance/cases/pktc", "--clause=PKTC-ONE-DESTINATION")


@pytest.fixture(scope="module")
def bench():
    return RunContext(RunOptions())


def play(bench, request, scenario, *, fresh=False, number=1):
    topology = request.topology(8000, 500)
    peers = default_peers(topology, bench.parameters)
    setup = Setup("case", topology, bench.facts(topology, bench.parameters), peers, seed=5)
    return ReferenceDriver(setup, None).play(Scenario(peers=peers) + scenario, number, fresh=fresh)


@pytest.mark.parametrize(
    ("request_", "ends"),
    [
        (LeafSpine(gsps=3, gsfs=2, hosts=2), ("h0", "h5")),
        (LeafSpine(), ("h1", "h0")),
        (SoloGsp(), ("h0", "h2")),
        (SoloGsp(), ("h3", "h1")),
        (SoloGsp(), ("h0", "h1")),
        (SoloGsf(gsps=3, parallel=2), ("h0", "h2")),
    ],
)
def test_every_testbed_carries_frames(bench, request_, ends):
    recording = play(bench, request_, elephant(*ends, count=50))
    assert recording.hosts.delivered(emulated=True) == 50
    assert not recording.hosts.losses(emulated=True)


def test_a_play_starts_converged_and_counts_from_its_start(bench):
    recording = play(bench, LeafSpine(), single("h0", "h1", start=100))
    assert recording.devices.counter("rx_frames") == 1
    assert recording.columns.baseline["gsp0"]["hellos_sent"] > 0
    assert recording.hosts.frames()[0].time == 100 + 84
    assert not recording.devices.events("path_up")


def test_a_fresh_play_starts_at_power_on(bench):
    recording = play(bench, LeafSpine(), single("h0", "h1"), fresh=True)
    assert recording.devices.drops() == {"no_path": 1}
    assert not recording.columns.baseline


def test_the_same_seed_gives_the_same_frames(bench):
    scenario = elephant("h0", "h1", count=100) + Scenario(
        impairments=(Impairment("gsp0-gsf0", "loss", probability=0.2),)
    )
    first, again, other = (play(bench, LeafSpine(), scenario, number=number) for number in (1, 1, 2))
    assert first.columns.blob == again.columns.blob
    assert first.columns.time.tolist() == again.columns.time.tolist()
    assert first.columns.blob != other.columns.blob


def test_links_fail_at_their_time(bench):
    scenario = Scenario(links=(LinkEvent(50_000, "gsp0-gsf0", False),), settle=400_000)
    recording = play(bench, LeafSpine(), scenario)
    late = (recording.time > 51_000) & recording.columns.on_links("gsp0-gsf0")[recording.columns.link]
    assert not recording.columns.delivered[late].any()


def test_a_trigger_may_wait_for_what_passes_inside_the_fabric(bench):
    then = single("h1", "h0")
    scenario = single("h0", "h1") + Scenario(
        triggers=(
            Trigger("DATA", then, port="gsp1-gsf0"),
            Trigger("DATA", then.renumbered(9), port="gsp1-gsf1"),
        )
    )
    recording = play(bench, LeafSpine(), scenario)
    assert len(recording.hosts.frames("h0", "received")) >= 1


LATER = 5_000_000
"""When something happens, in ns: well after `settle_time`."""


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_is_planned_later_than_the_settle_time_happens(bench, depth):
    """However deep in triggers it stands."""
    then = Scenario(
        links=(LinkEvent(LATER, "gsp0-gsf0", up=False), LinkEvent(2 * LATER, "gsp0-gsf0", up=True)),
        management=(ManagementEvent(3 * LATER, "gsp0", "setting", {"name": "age_out", "value": 2}),),
    )
    for _ in range(depth):
        then = Scenario(triggers=(Trigger("DATA", then),))
    recording = play(bench, LeafSpine(), elephant("h0", "h1", count=20) + then)
    events = {event.name for event in recording.columns.events}
    assert {"link_down", "link_up", "setting"} <= events


def lost(recording: Recording) -> Recording:
    """The same without the last frame that a host received, and without a cause for it."""
    rows = recording.hosts.frames(way="received")
    link = recording.columns.link.copy()
    direction = recording.columns.direction.copy()
    direction[rows[-1].row] = 1 - DOWN
    return recording.but(link=link, direction=direction)


def test_invariants_hold_on_the_reference(bench):
    recording = play(bench, LeafSpine(), elephant("h0", "h1", count=200))
    judged = 0
    for name, check in INVARIANTS.items():
        expect = Expect()
        check(recording, expect)
        assert not expect.checked or expect.verdict()[0] == "PASS", (name, expect.findings)
        judged += bool(expect.checked)
    assert judged > 40


def test_an_invariant_notices_a_lost_frame(bench):
    recording = lost(play(bench, LeafSpine(), elephant("h0", "h1", count=20)))
    expect = Expect()
    INVARIANTS["FWD-ZERO-LOSS"](recording, expect)
    assert expect.verdict()[0] == "FAIL"


def run(*words):
    command = [sys.executable, "-m", "pytest", *words, "-q", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603


def results(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_a_run_can_be_judged_again_without_the_device(tmp_path):
    played, judged, changed = tmp_path / "played", tmp_path / "judged", tmp_path / "changed"
    assert run(*CASES, f"--out={played}").returncode == 0
    replay = ("--binding=replay", f"--recordings={played}")
    assert run(*CASES, *replay, f"--out={judged}").returncode == 0

    def kept(folder):
        drop = {"started", "duration", "evidence", "reproduce"}
        return [{k: v for k, v in line.items() if k not in drop} for line in results(folder)[1:-1]]

    assert kept(played) == kept(judged)
    record = results(judged)[1]
    assert record["evidence"][0]["file"].startswith("recordings/")
    for stored in played.rglob("1.json"):
        stored.write_text(stored.read_text().replace(f'"scenario": "{recorded(stored)}', '"scenario": "0'))
    assert run(*CASES, *replay, f"--out={changed}").returncode == 1
    for record in results(changed)[1:-1]:
        assert record["verdict"] == "ERROR"
        assert record["reason"].endswith("the scenario changed; play it again")


def test_a_case_of_which_nothing_was_kept_cannot_be_judged_again(tmp_path):
    played, judged = tmp_path / "played", tmp_path / "judged"
    assert run(*CASES, "--evidence=failed", f"--out={played}").returncode == 0
    run(*CASES, "--binding=replay", f"--recordings={played}", f"--out={judged}")
    records = results(judged)[1:-1]
    assert records
    for record in records:
        assert record["verdict"] == "TESTER_LIMITED"
        assert record["reason"].endswith("run it with --evidence all to judge it again")


def recorded(stored):
    return json.loads(stored.read_text())["scenario"]


def test_a_capture_of_the_testbed_itself_can_be_played(tmp_path):
    """What a run recorded on its own links, replies included, is traffic like any other."""
    kept, played = tmp_path / "kept", tmp_path / "played"
    two_way = "conformance/cases/forwarding/test_delivery.py::test_counters_agree_with_the_tester"
    assert run(two_way, f"--out={kept}").returncode == 0
    (capture,) = (kept / "recordings").rglob("1.pcapng")
    own = "conformance/cases/forwarding/test_transparency.py::test_a_capture_arrives_as_recorded"
    assert run(own, f"--pcap={capture}", f"--out={played}").returncode == 0
    records = results(played)[1:-1]
    assert {record["verdict"] for record in records} == {"PASS"}
    (note,) = next(record["notes"] for record in records if not record["invariant"])
    back = sum(packet.octets[:6] == host_mac(1, 0) for packet in read_packets(capture))
    assert back > 100
    assert f"left out {back}: {back} to a host of the testbed other than h1 (packets " in note


def test_long_containers_are_granted_as_fairly_as_short_ones(tmp_path):
    """Where a container is more than a source may hold, what a turn gives is bounded by that."""
    fair = (
        "conformance/cases/grant/test_share.py",
        "--clause=GRANT-FAIR",
        "--parameter=container_bytes=262144",
    )
    assert run(*fair, f"--out={tmp_path / 'run'}").returncode == 0
    own = [record for record in results(tmp_path / "run")[1:-1] if not record["invariant"]]
    assert [record["verdict"] for record in own] == ["PASS", "PASS"]
