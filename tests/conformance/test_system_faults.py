"""What the system refuses a command is one sentence and exit code 3 or 4, and results are kept."""

import os
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.checkout import ROOT
from reports.results import read_results
from spec.errors import Exit

GSE_CTS = (sys.executable, "-c", "from conformance.cli import main; main()")
TWO = ("--clause=PKTC-FRAME-INDEX", "--clause=PKTC-NO-PADDING", "--no-allure")
RUN = ("run", *TWO, "--workers=0")


def gse_cts(*words, cwd, humbled=(), **options):
    """Run the command as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603
        [*humbled, *GSE_CTS, *words],
        cwd=cwd,
        env=environment,
        check=False,
        text=True,
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.DEVNULL, **options},
    )


def told(done, code, *words):
    """Look that a command ended in one sentence, with this exit code."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    for word in words:
        assert word in line


@pytest.fixture
def place(tmp_path):
    """A folder with a run in it, and with what is no place for another."""
    done = gse_cts(*RUN, "--out=run", cwd=tmp_path)
    assert done.returncode == Exit.OK, done.stderr
    (tmp_path / "file").touch()
    return tmp_path


PLACES = {
    "a file": ("file", "Not a directory"),
    "below a file": ("file/below", "Not a directory"),
    "too long a name": ("n" * 300, "File name too long"),
    "where nothing can be made": ("/proc/here", "No such file or directory"),
}


@pytest.mark.parametrize(("out", "words"), PLACES.values(), ids=PLACES)
def test_a_place_that_cannot_be_is_found_before_anything_is_played(place, out, words):
    for command in (RUN, ("rejudge", "run", "--workers=0", "--no-allure")):
        told(gse_cts(*command, f"--out={out}", cwd=place), Exit.USAGE, out[:20], words)
    matrix = ("kill-matrix", "--clause=PKTC-FRAME-INDEX", "--workers=0")
    told(gse_cts(*matrix, f"--out={out}/matrix.json", cwd=place), Exit.USAGE, out[:20], "cannot be used")


def test_what_is_to_be_read_and_is_not_there(place):
    for command in (("report",), ("rejudge",), ("agreement", "run"), ("run", "--continue")):
        told(gse_cts(*command, "gone", cwd=place), Exit.USAGE, "gone", "cannot be read (No such file")
    (place / "run" / "results.jsonl").unlink()
    (place / "run" / "results.jsonl").mkdir()
    told(
        gse_cts("report", "run", cwd=place),
        Exit.USAGE,
        "results.jsonl: file: cannot be read (Is a directory)",
    )


HUMBLED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")
"""Has root obey the modes of files, as everybody else must."""


def test_a_place_without_the_right_to_it(place):
    humbled = HUMBLED if os.geteuid() == 0 else ()
    if humbled and shutil.which(humbled[0]) is None:
        pytest.skip("nothing here makes root obey the modes of files")
    (place / "run").chmod(0o555)
    (place / "run" / "compliance.html").chmod(0o444)
    for words in ((*RUN, "--out=run/more"), ("report", "run", "--no-allure")):
        told(gse_cts(*words, cwd=place, humbled=humbled), Exit.USAGE, "run", "Permission denied")
    (place / "run").chmod(0o755)
    (place / "run" / "results.jsonl").chmod(0)
    told(gse_cts("report", "run", cwd=place, humbled=humbled), Exit.USAGE, "Permission denied")


def test_a_place_that_can_only_be_read(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)  # noqa: S603, S607
    told(gse_cts(*RUN, "--out=run", cwd=disk), Exit.USAGE, "Read-only file system")


def test_a_working_directory_that_is_gone(tmp_path):
    (tmp_path / "gone").mkdir()
    words = f"rmdir ../gone; exec {shlex.join([*GSE_CTS, *RUN])}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S602 - our own words
        words, shell=True, cwd=tmp_path / "gone", env=environment, capture_output=True, text=True, check=False
    )
    told(done, Exit.USAGE, "working directory: folder: is gone; change to one that is there.")


@pytest.mark.parametrize("words", [("clauses",), ("explain", "PKTC-ONE-PATH"), (*RUN, "--out=new")])
def test_standard_output_that_takes_nothing_loses_nothing_else(tmp_path, words):
    with Path("/dev/full").open("w") as full:
        done = gse_cts(*words, cwd=tmp_path, stdout=full)
    told(done, Exit.INTERNAL, "standard output: file: cannot be used (No space left on device)")
    if "--out=new" in words:
        assert read_results(tmp_path / "new").complete
        assert (tmp_path / "new" / "compliance.html").stat().st_size > 100_000


def test_standard_output_that_is_closed(tmp_path):
    done = gse_cts("clauses", cwd=tmp_path, stdout=None, preexec_fn=lambda: os.close(1))
    told(done, Exit.INTERNAL, "standard output: file: cannot be used (Bad file descriptor)")


def test_a_reader_that_goes_away(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = gse_cts("clauses", cwd=tmp_path, stdout=pipe)
    told(done, Exit.INTERNAL, "standard output: file: cannot be used (Broken pipe); keep the reader open")


def limit(octets):
    """Let no file grow beyond so many octets, as a disk that is full or a quota does."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))


def test_a_disk_that_is_full_from_the_start(tmp_path):
    done = gse_cts(*RUN, "--out=new", cwd=tmp_path, preexec_fn=limit(4096))
    told(done, Exit.INTERNAL, "new: file: cannot be used (File too large)")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_report_time(place):
    done = gse_cts("report", "run", "--no-allure", cwd=place, preexec_fn=limit(65536))
    told(done, Exit.INTERNAL, "cannot be used (File too large)")
    assert read_results(place / "run").complete


@pytest.fixture
def disk(tmp_path):
    """A file system of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(  # noqa: S603
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],  # noqa: S607
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)  # noqa: S603, S607


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_disk_that_fills_up_midway_ends_the_run_and_keeps_its_results(disk, workers):
    words = ("run", "--no-allure", "--chapter=pktc", "--evidence=all", f"--workers={workers}")
    done = gse_cts(*words, "--out=run", cwd=disk)
    assert done.returncode == Exit.INTERNAL, done.stderr
    assert "Traceback" not in done.stderr
    assert (
        "cannot be used (No space left on device); make room on the disk. The results so far are kept."
        in done.stderr
    )
    results = read_results(disk / "run")
    assert results.footer is None
    assert results.unfinished()
    assert {record.verdict.value for record in results.verdicts} <= {"PASS", "NOT_APPLICABLE"}
    subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)  # noqa: S603, S607
    done = gse_cts("run", "--continue=run", "--no-allure", "--workers=0", cwd=disk)
    assert done.returncode == Exit.OK, done.stderr
    assert read_results(disk / "run").complete


def test_too_few_files_for_allure_are_said_before_anything_is_played(tmp_path):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    words = ("run", "--clause=PKTC-FRAME-INDEX", "--workers=0", "--out=new")
    told(gse_cts(*words, cwd=tmp_path, preexec_fn=few), Exit.USAGE, "limit of open files", "ulimit -n")
    assert list(tmp_path.iterdir()) == []
    assert gse_cts(*words, "--no-allure", cwd=tmp_path, preexec_fn=few).returncode == Exit.OK


def test_a_matrix_is_written_over_a_matrix_alone(tmp_path):
    words = ("kill-matrix", "--clause=PKTC-FRAME-INDEX", "--workers=0", "--out=matrix.json")
    (tmp_path / "matrix.json").write_text('{"my": "own"}')
    told(gse_cts(*words, cwd=tmp_path), Exit.USAGE, "matrix.json: file: is there and is no kill matrix")
    assert (tmp_path / "matrix.json").read_text() == '{"my": "own"}'
    (tmp_path / "matrix.json").unlink()
    for _ in range(2):
        done = gse_cts(*words, cwd=tmp_path)
        assert done.returncode == Exit.OK, done.stderr
