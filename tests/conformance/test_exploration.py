"""What is drawn can be played, what is found is shrunk and kept, and the oracle knows its rules."""

import json
import time
from dataclasses import replace

import pytest
import typer
from hypothesis import given, settings

from conformance.cases.forwarding import test_plans
from conformance.checkout import ROOT
from conformance.cli.explore import command, seconds
from conformance.exploration.build import build
from conformance.exploration.choose import choose
from conformance.exploration.draw import plans
from conformance.exploration.explore import Exploration
from conformance.exploration.keep import again, keep, load
from conformance.exploration.play import CRASH, play
from conformance.exploration.steer import Coverage
from conformance.plans import stock
from conformance.plans.oracle import Oracle
from conformance.plans.plan import Bed, Cut, Flow, Halt, Oddity, Plan, read_plan
from conformance.plans.staging import request_of
from conformance.plans.tour import array
from conformance.plans.transit import unlike
from conformance.run.context import RunContext, RunOptions
from spec.errors import InputError
from traffic.scenario import DOWN, UP

CORPUS = sorted((ROOT / "tests" / "conformance" / "corpus").glob("*.json"))
SMALL = Plan(Bed("fabric", 2, 2, 1), {}, (Flow(0, 0, (594, 66), 30),))


@pytest.fixture(scope="module")
def bench():
    return RunContext(RunOptions())


def ready(bench, plan):
    played = build(plan, bench)
    driver = bench.binding.open(played.setup)
    return played, driver.play(played.scenario, 1, fresh=False)


def rules(played, recording):
    return {breach.rule for breach in Oracle(played.scenario, recording, played.probes_at).breaches()}


@settings(max_examples=12, deadline=None, database=None, derandomize=True)
@given(plans())
def test_a_plan_survives_its_json(plan):
    assert read_plan(json.dumps(plan.to_data()), "plan") == plan
    assert read_plan(json.dumps(plan.to_data()), "plan").name == plan.name


def test_a_plan_that_is_none_is_refused_with_its_key():
    with pytest.raises(InputError, match=r"steps"):
        read_plan('{"steps": [{"step": "flow"}]}', "plan.json")


def test_the_same_plan_is_the_same_play(bench):
    first, again_ = (play(SMALL, bench).recording.columns for _ in range(2))
    assert first.blob == again_.blob
    assert first.time.tolist() == again_.time.tolist()


@pytest.mark.parametrize(
    ("rule", "spoil"),
    [
        ("missing", lambda columns, rows: {"direction": flipped(columns, rows[-1:])}),
        (
            "order",
            lambda columns, rows: {
                "offset": swapped(columns.offset, rows),
                "length": swapped(columns.length, rows),
            },
        ),
        (
            "surplus",
            lambda columns, rows: {
                "offset": repeated(columns.offset, rows),
                "length": repeated(columns.length, rows),
            },
        ),
        ("time", lambda columns, rows: {"time": late(columns, rows)}),
        ("after", lambda columns, rows: {"direction": flipped(columns, rows[-1:])}),
        ("gone", lambda columns, _: {"counters": {**columns.counters, "gsp0": {"dgsq_active": 1}}}),
    ],
)
def test_the_oracle_notices(bench, rule, spoil):
    played, recording = ready(bench, SMALL)
    assert not rules(played, recording)
    rows = [frame.row for frame in recording.hosts.frames("h1", "received")]
    assert rule in rules(played, recording.but(**spoil(recording.columns, rows)))


def flipped(columns, rows):
    direction = columns.direction.copy()
    direction[rows] = 1 - DOWN
    return direction


def swapped(column, rows):
    column = column.copy()
    column[[rows[2], rows[4]]] = column[[rows[4], rows[2]]]
    return column


def repeated(column, rows):
    column = column.copy()
    column[rows[4]] = column[rows[2]]
    return column


def late(columns, rows):
    moved = columns.time.copy()
    moved[rows[20]] += 2_500_000
    return moved


def test_the_oracle_knows_every_cause(bench):
    kinds = ("too long", "link local", "hairpin", "unknown")
    steps = tuple(Oddity(kind, 0, 0, 5_000 * number) for number, kind in enumerate(kinds))
    played, recording = ready(bench, Plan(Bed(), {}, steps))
    drops = recording.devices.drops("gsp0")
    assert drops == {"frame_too_long": 1, "hairpin": 1, "link_local": 1, "unknown_destination": 1}
    assert not rules(played, recording)
    counters = {
        **recording.columns.counters,
        "gsp0": {**recording.columns.counters["gsp0"], "drop.hairpin": 2},
    }
    assert "causes" in rules(played, recording.but(counters=counters))


def test_the_oracle_knows_dark_links_and_pauses(bench):
    steps = (Flow(0, 0, (594,), 200, gap=2_000), Cut(0, 100_000, 200_000), Halt(1, 0, 500_000, 100_000))
    played, recording = ready(bench, Plan(Bed("fabric", 2, 2, 1), {}, steps))
    assert not rules(played, recording)
    dark = replace(
        played.scenario, links=tuple(replace(event, link="gsp0-gsf1") for event in played.scenario.links)
    )
    assert "paths" in rules(replace(played, scenario=dark), recording)
    early = replace(
        played.scenario, pauses=tuple(replace(pause, at=100_000) for pause in played.scenario.pauses)
    )
    assert "pauses" in rules(replace(played, scenario=early), recording)


def test_a_device_that_raises_is_found(bench, monkeypatch):
    class Broken:
        def play(self, *_, **__):
            raise KeyError("it")

        def close(self):
            pass

    monkeypatch.setattr(bench.binding, "open", lambda setup: Broken())  # noqa: ARG005
    assert play(SMALL, bench).rules == {CRASH}


def test_coverage_counts_pairs_once(bench):
    coverage, outcome = Coverage(), play(SMALL, bench)
    assert coverage.note(SMALL, outcome.recording) > 20
    assert coverage.note(SMALL, outcome.recording) == 0


@pytest.mark.parametrize("flaw", ["mutant:SkipsNumbers", "latent:SkipsALaterGeneration"])
def test_a_flaw_is_found_shrunk_kept_and_played_again(flaw, tmp_path, capsys):
    context = RunContext(RunOptions(device=flaw))
    search = Exploration(context, 60.0, 1, time.process_time, first=True)
    (found,) = search.run()
    assert len(found.plan.steps) <= 10
    path = keep(found, context, tmp_path)
    assert load(path) == found.plan
    assert (tmp_path / found.plan.name / "recording.pcapng").exists()
    assert again(path, context.options) == f"gse-cts explore --replay {path} --device {flaw}"
    with pytest.raises(typer.Exit):
        command(replay=path, device=flaw)
    assert min(found.outcome.rules) in capsys.readouterr().out
    command(replay=path)
    assert "0 rules broken" in capsys.readouterr().out


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_holds_on_a_correct_device_and_breaks_on_its_own(path, bench):
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert not play(load(path), bench).breaches
    device = kept["again"].partition("--device ")[2].split()[0]
    assert kept["rules"].keys() & play(load(path), RunContext(RunOptions(device=device))).rules


def test_the_array_covers_every_pair():
    settings_of = [
        (plan.settings["overflow_mode"], plan.settings["dgsq_mode"], plan.bed.gsfs) for plan in array(2)
    ]
    assert {(overflow, paths) for overflow, _, paths in settings_of} == {
        (overflow, paths)
        for overflow in ("close-early", "overflow", "overflow-borrow")
        for paths in (1, 2, 4)
    }
    assert len(list(array(3))) > len(settings_of)


@pytest.mark.parametrize(("text", "value"), [("60s", 60), ("10m", 600), ("1h", 3600), ("7", 7)])
def test_a_budget_is_a_time(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "0", "ten", "-1s", "1d"])
def test_a_budget_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="budget"):
        seconds(text)


@pytest.mark.parametrize("kind", stock.KINDS)
def test_the_plans_of_a_run_are_for_the_testbed_of_their_case(kind):
    bed, settings_of = stock.KINDS[kind]
    asked = [case.pytestmark for case in vars(test_plans).values() if hasattr(case, "pytestmark")]
    asked = [{mark.name: mark for mark in marks} for marks in asked]
    (mine,) = [marks for marks in asked if marks["testbed"].args[0] == request_of(bed)]
    assert (mine["configure"].kwargs if "configure" in mine else {}) == settings_of
    assert all(plan.bed == bed and plan.settings == settings_of for plan in stock.stock()[kind])
    assert sum(map(len, stock.shares(kind))) == len(stock.stock()[kind])


def test_a_plan_of_a_run_is_played_alone_by_its_name(capsys):
    command(plan=stock.stock()["gsf"][0].name)
    assert "0 rules broken" in capsys.readouterr().out
    with pytest.raises(InputError, match="no plan that a run plays"):
        command(plan="nothing")


def test_what_is_chosen_meets_more_with_every_plan(bench):
    bed, values = stock.KINDS["gsp"]
    coverage = Coverage()
    chosen = choose(bench, bed, values, 3, 1)
    fresh = [coverage.note(plan, play(plan, bench).recording) for plan in chosen]
    assert fresh == sorted(fresh, reverse=True)
    assert all(fresh)


def test_what_a_gsf_keeps_or_repeats_is_noticed(bench):
    _, recording = ready(bench, Plan(Bed("gsf", 3, 1, 1, 1), {}, (Flow(0, 0, (594,), 9),)))
    columns = recording.columns
    data = columns.tables["DATA"].rows
    down, up = (data[columns.direction[data] == way][:1] for way in (DOWN, UP))
    copies = columns.delivered.copy()
    copies[up] = 0
    assert not list(unlike(recording))
    assert "".join(unlike(recording.but(delivered=copies))) == "gsf0 sent 9 DATA of 8 that came"
    kept = recording.but(direction=flipped(columns, down))
    assert "".join(unlike(kept)) == "gsf0 kept 2 messages, 0 counted as dropped"
