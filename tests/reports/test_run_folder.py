"""What is taken for the folder of a run, who may write to it, and that only a run's own files are removed."""

import subprocess
import sys

import pytest

from reports.run_folder import RunFolder
from spec.errors import InputError

BEGUN = '{"kind":"header","schema":"gse-results/2","run":"out"}\n'
WRITTEN = (
    "junit.xml",
    "compliance.html",
    "ics.yaml",
    "bench.yaml",
    "allure/index.html",
    "allure-results/0d82631b-3260-49ca-bb18-0413ebb533dd-result.json",
    "allure-results/0d82631b-3260-49ca-bb18-0413ebb533dd-container.json",
    "allure-results/0d82631b-3260-49ca-bb18-0413ebb533dd-attachment.pcapng",
    "recordings/a-case-0123456789abcdef/1.pcapng",
    "recordings/a-case-0123456789abcdef/1.json",
)
FOREIGN = (
    "notes.txt",
    "20261127T170521Z-12/results.jsonl",
    "20261127T170521Z-12/recordings/a-case/1.pcapng",
    "kill-matrix.json",
    "allure/app.js",
    "allure-results/environment.properties",
    "recordings/holiday.mp4",
    "recordings/a-case-0123456789abcdef/notes.txt",
    "recordings/a-case-0123456789abcdef/deeper/1.pcapng",
    "my/recordings/a-case/1.pcapng",
)


def fill(folder, names, text="x"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_only_what_a_run_wrote_is_removed(tmp_path):
    fill(tmp_path, WRITTEN + FOREIGN)
    fill(tmp_path, ["results.jsonl"], BEGUN)
    folder = RunFolder(tmp_path)
    folder.prepare(replace=True)
    folder.clear()
    folder.leave()
    assert files(tmp_path) == set(FOREIGN)


@pytest.mark.parametrize("name", [*WRITTEN, "results.jsonl", "recordings/holiday.mp4"])
@pytest.mark.parametrize("replace", [True, False])
def test_a_folder_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path, name, replace):
    fill(tmp_path, [name])
    with pytest.raises(InputError, match=r"--out: .* and is no run of this suite; choose a new folder"):
        RunFolder(tmp_path).prepare(replace=replace)
    assert files(tmp_path) == {name}


def test_what_a_link_leads_to_is_not_a_runs_own(tmp_path):
    fill(tmp_path / "elsewhere", ["a-case-0123456789abcdef/1.pcapng"])
    out = tmp_path / "out"
    fill(out, ["results.jsonl"], BEGUN)
    (out / "recordings").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        InputError, match=r"recordings in .* is a link, which no run made; choose a new folder"
    ):
        RunFolder(out).prepare(replace=True)
    RunFolder(out).clear()
    assert files(tmp_path / "elsewhere")


def test_a_run_is_replaced_only_on_demand(tmp_path):
    fill(tmp_path, ["results.jsonl"], BEGUN)
    with pytest.raises(InputError, match="holds another run; choose a new folder, or say --replace"):
        RunFolder(tmp_path).prepare()
    assert files(tmp_path) == {"results.jsonl"}


def test_other_files_are_in_nobodys_way(tmp_path):
    fill(tmp_path, ["notes.txt", "kill-matrix.json"])
    folder = RunFolder(tmp_path)
    folder.prepare()
    folder.leave()
    assert files(tmp_path) == {"notes.txt", "kill-matrix.json"}


def test_one_process_at_a_time_has_a_folder(tmp_path):
    folder = RunFolder(tmp_path / "out")
    folder.prepare()
    RunFolder(tmp_path / "out").claim()
    words = (
        "from pathlib import Path; from reports.run_folder import RunFolder; "
        f"RunFolder(Path({str(tmp_path / 'out')!r})).claim()"
    )
    other = [sys.executable, "-c", words]
    refused = subprocess.run(other, capture_output=True, text=True, check=False)  # noqa: S603
    assert "folder: is in use by another run; wait for its end." in refused.stderr
    folder.leave()
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    subprocess.run(other, check=True)  # noqa: S603


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path):
    folder = RunFolder(tmp_path / "a" / "b" / "c")
    folder.prepare()
    assert (tmp_path / "a" / "b" / "c").is_dir()
    folder.leave()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file", "Not a directory"),
        ("file/below", "Not a directory"),
        ("n" * 300, "File name too long; choose a shorter name"),
        ("nowhere", "Not a directory"),
        ("loop/below", "levels of symbolic links"),
    ],
)
def test_what_can_be_no_folder_is_one_sentence(tmp_path, name, words):
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as refused:
        RunFolder(tmp_path / name).prepare()
    assert words.partition(";")[0] in str(refused.value)
    assert words.partition("; ")[2] in str(refused.value)
    assert sorted(tmp_path.iterdir()) == before
