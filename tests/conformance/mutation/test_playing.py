"""The cases are collected wherever the command is called."""

from conformance.mutation.playing import collect
from conformance.run.playing import CASES


def test_cases_are_collected_beside_the_folder_of_another_run(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").write_text("of another run\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert collect(places=[str(CASES / "pktc" / "test_path.py")])
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "results.jsonl"]
