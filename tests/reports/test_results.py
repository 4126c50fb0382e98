import errno
import json
from datetime import UTC, datetime
from typing import Annotated, Literal, get_args, get_origin

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BeforeValidator, ValidationError

from reports.results import (
    SCHEMA_PATH,
    Evidence,
    Finding,
    Record,
    ResultsWriter,
    VerdictRecord,
    read_results,
    results_schema,
)
from spec.errors import InputError
from spec.verdict import Verdict

CASE = "conformance/cases/pktc/test_path.py::test_path"


@pytest.fixture
def folder(run_folder, header, record):
    failed = record(
        CASE,
        "PKTC-ONE-PATH",
        Verdict.FAIL,
        "load",
        findings=(Finding(what="uplinks", expected="1", got="2", packets=(4, 5), recording="r/1.pcapng"),),
        evidence=(Evidence(file="r/1.pcapng", sha256="e" * 64),),
    )
    return run_folder(
        header((CASE, "PKTC-ONE-PATH", "load")), failed, record(CASE, "PKTC-ORDER", invariant=True)
    )


def test_what_was_written_is_read_again(folder):
    results = read_results(folder)
    assert results.complete
    assert [verdict.clause for verdict in results.verdicts] == ["PKTC-ONE-PATH", "PKTC-ORDER"]
    assert results.verdicts[0].findings[0].packets == (4, 5)
    assert results.counts() == {Verdict.FAIL: 1, Verdict.PASS: 1}
    assert results.unfinished() == ()


def test_every_record_is_on_disk_before_append_returns(tmp_path, header, record):
    writer = ResultsWriter(tmp_path / "results.jsonl", header((CASE, "PKTC-ONE-PATH", "load")))
    writer.append(record(CASE, "PKTC-ONE-PATH"))
    assert len(read_results(tmp_path).verdicts) == 1
    writer.close()


def test_a_run_without_footer_is_incomplete(run_folder, header):
    results = read_results(run_folder(header((CASE, "PKTC-SIZE", "small")), cut=True))
    assert not results.complete
    assert results.unfinished() == (CASE,)


def test_a_footer_does_not_complete_a_run_whose_cases_lack_verdicts(run_folder, header):
    assert not read_results(run_folder(header((CASE, "PKTC-SIZE", "small")))).complete


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(cut=st.integers(min_value=1, max_value=400))
def test_a_file_torn_anywhere_behind_its_header_reads_as_what_was_whole(folder, tmp_path_factory, cut):
    whole = (folder / "results.jsonl").read_bytes()
    ends = [position + 1 for position, byte in enumerate(whole) if byte == ord("\n")]
    size = max(len(whole) - cut, ends[0])
    torn = tmp_path_factory.mktemp("torn") / "results.jsonl"
    torn.write_bytes(whole[:size])
    results = read_results(torn)
    # a line is whole with its last brace, whether or not its line feed was written
    assert len(results.verdicts) == sum(size >= end - 1 for end in ends[1:3])
    assert results.complete == (size >= ends[-1] - 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"verdict":"FAIL"', b'"verdict":"FAILED"', "line 2: verdict.verdict"),
        (b'"checked":3', b'"checked":"3"', "line 2: verdict.checked"),
        (b'"invariant":false', b'"colour":false', "line 2: verdict.colour"),
        (b'{"kind":"verdict"', b'"kind":"verdict"', "line 2"),
        (b"gse-results/2", b"gse-results/9", "line 1: header.schema"),
        (b'{"FAIL":1,', b'{"FAIL":2,', "footer"),
    ],
)
def test_corruption_before_the_end_is_one_sentence(folder, old, new, words):
    path = folder / "results.jsonl"
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        read_results(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_records_of_a_case_count_once_its_own_verdict_is_there(run_folder, header, record):
    """Its invariants' records are written first, so a write that was cut off leaves these alone."""
    planned = header((CASE, "PKTC-ONE-PATH", "load"))
    folder = run_folder(planned, record(CASE, "PKTC-ORDER", invariant=True), cut=True)
    results = read_results(folder)
    assert results.verdicts == ()
    assert results.unfinished() == (CASE,)


def test_a_file_that_is_resumed_holds_what_was_kept_and_what_follows(folder, header, record):
    path = folder / "results.jsonl"
    kept = read_results(folder).verdicts
    (folder / "results.jsonl.new").write_text("of a writer that was killed")
    with ResultsWriter.resume(path, header((CASE, "PKTC-ONE-PATH", "load"), seed=9), kept) as writer:
        writer.append(record(CASE, "PKTC-SIZE"))
        writer.finish(datetime(2026, 11, 22, tzinfo=UTC), 0)
    results = read_results(folder)
    assert results.header.seed == 9
    assert results.verdicts[:2] == kept
    assert results.footer.counts == {Verdict.FAIL: 1, Verdict.PASS: 2}
    assert [entry.name for entry in folder.iterdir()] == [path.name]


class Full:
    """A disk that takes a few octets of what is written, and then no more."""

    def __init__(self, file):
        self.file = file

    def write(self, octets):
        self.file.write(octets[:9])
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_what_a_full_disk_refuses_leaves_nothing_of_itself(tmp_path, header, record):
    path = tmp_path / "results.jsonl"
    writer = ResultsWriter(path, header((CASE, "PKTC-ONE-PATH", "load")))
    writer.append(record("one", "PKTC-ONE-PATH"))
    before, disk = path.read_bytes(), writer._file
    writer._file = Full(disk)
    with pytest.raises(OSError, match="No space"):
        writer.append(record("two", "PKTC-ONE-PATH"))
    assert path.read_bytes() == before
    writer._file = disk
    writer.append(record("three", "PKTC-ONE-PATH"))
    writer.close()
    assert [verdict.case for verdict in read_results(path).verdicts] == ["one", "three"]
    assert writer.counts[Verdict.PASS] == 2


HARMLESS = {
    "blank last line": lambda raw: raw + b"\n",
    "blank lines everywhere": lambda raw: b"\n \n" + raw.replace(b"\n", b"\n\t\n\n"),
    "byte order mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "ends of lines of DOS": lambda raw: raw.replace(b"\n", b"\r\n"),
    "no end of the last line": lambda raw: raw.rstrip(b"\n"),
    "all at once": lambda raw: b"\xef\xbb\xbf\r\n" + raw.replace(b"\n", b"\r\n\r\n") + b"\r\n",
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_an_editor_leaves_means_nothing(folder, change):
    path = folder / "results.jsonl"
    usual = read_results(folder)
    path.write_bytes(change(path.read_bytes()))
    assert read_results(folder) == usual
    assert usual.complete


HARMFUL = {
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep record": b'{"kind":"verdict","case":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
    "digits": b'{"kind":"footer","exit":' + b"9" * 10_000 + b"}",
    "no number": b'{"kind":"verdict","duration":NaN}',
    "zeros": bytes(100),
    "text": b"hello",
    "a list": b"[]",
    "half a pair": rb'{"kind":"\ud800"}',
    "not UTF-8": b'{"kind":"\xff"}',
}


@pytest.mark.parametrize("last", [b"", b"\n"], ids=["torn", "whole"])
@pytest.mark.parametrize("line", HARMFUL.values(), ids=HARMFUL)
def test_what_is_no_record_is_one_sentence_that_names_the_line(folder, line, last):
    path = folder / "results.jsonl"
    raw = path.read_bytes()
    first, rest = raw.split(b"\n", 1)
    path.write_bytes(first + b"\n\n" + line + b"\n" + rest)
    with pytest.raises(
        InputError, match=r"^\S+: line 3: .* is not a record|: line 3: is not a record"
    ) as error:
        read_results(folder)
    assert len(str(error.value)) < 1000
    assert str(error.value).isprintable()
    path.write_bytes(raw + line + last)
    try:
        read_results(folder)
    except InputError as fault:
        assert "line 5" in str(fault)  # noqa: PT017 - a torn last line is none
    else:
        assert not last


@pytest.mark.parametrize("number", [b"1e999", b"NaN", b"Infinity", b"-1"])
def test_a_duration_is_a_number(folder, number):
    path = folder / "results.jsonl"
    raw = path.read_bytes()
    assert b'"duration":0.' in raw
    path.write_bytes(raw.replace(b'"duration":0.', b'"duration":' + number + b',"x":0.', 1))
    with pytest.raises(InputError, match=r"line 2: verdict\.duration"):
        read_results(folder)


HOSTILE = "a\ud800\x1b[31m\x00\u202eb\u200b\x85\ufffe"


def test_no_text_of_a_record_can_be_anything_but_printable_and_bounded():
    """Every field of every record that holds text goes through the one place."""
    models = [Record]
    while models:
        model = models.pop()
        models += model.__subclasses__()
        for name, field in model.model_fields.items():
            assert str not in plain(field.annotation, field.metadata), f"{model.__name__}.{name}"


def plain(annotation, metadata=()):
    """The types in a field that nothing checks."""
    if any(isinstance(item, BeforeValidator) or getattr(item, "pattern", None) for item in metadata):
        return []
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0], get_args(annotation)[1:])
    inside = [part for part in get_args(annotation) if get_origin(annotation) is not Literal]
    if not inside:
        return [annotation] if not get_origin(annotation) else []
    return [found for part in inside for found in plain(part)]


def test_a_record_keeps_what_can_be_read_and_shows_the_rest(header, record):
    finding = Finding(what=HOSTILE, expected="中文 é 👨‍👩‍👧\n\tmore", got="x" * 20_000_000)
    written = record(CASE, "PKTC-ONE-PATH", reason=HOSTILE, findings=(finding,), reproduce=f"run {HOSTILE}")
    line = written.model_dump_json()
    assert VerdictRecord.model_validate_json(line) == written
    assert written.reason == r"a\ud800\x1b[31m\x00\u202eb\u200b\x85\ufffe"
    assert written.findings[0].expected == "中文 é 👨‍👩‍👧\n\tmore"
    assert written.findings[0].got.endswith("... (20000000 characters in all)")
    assert len(line) < 10_000
    planned = header(
        (CASE, "PKTC-ONE-PATH", "load"), options={"pcap": HOSTILE, "cases": (HOSTILE,)}, run=HOSTILE
    )
    assert planned.options == {"pcap": written.reason, "cases": (written.reason,)}
    assert planned.run == written.reason


def test_two_runs_in_one_file_are_refused(folder):
    path = folder / "results.jsonl"
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InputError, match="keep one run in one file"):
        read_results(path)


def test_a_file_without_header_is_refused(tmp_path):
    (tmp_path / "results.jsonl").write_text("")
    with pytest.raises(InputError, match="not a header"):
        read_results(tmp_path)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="name the output folder of a run"):
        read_results(tmp_path)


def test_a_run_never_overwrites_another(folder, header):
    with pytest.raises(InputError, match="holds another run"):
        ResultsWriter(folder / "results.jsonl", header())


def test_times_without_zone_are_refused(header):
    with pytest.raises(ValidationError):
        header(started=datetime(2026, 11, 21))  # noqa: DTZ001
    assert header(started=datetime(2026, 11, 21, tzinfo=UTC))


def test_the_published_schema_is_current():
    assert json.loads(SCHEMA_PATH.read_text()) == results_schema(), (
        "write json.dumps(results_schema(), indent=2) and a line feed to reports/schema/results.schema.json"
    )


def test_the_published_schema_accepts_every_line_and_no_unknown_key(folder):
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA_PATH.read_text()))
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    for line in lines:
        validator.validate(line)
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(line | {"colour": 1})
