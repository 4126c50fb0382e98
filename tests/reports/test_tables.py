"""Whatever the width of a terminal, ids and counts stand whole in a table."""

import os
import pty
import re
import subprocess
import sys
import threading

import pytest
from rich.table import Table

from conformance.checkout import ROOT
from reports.tables import PROSE, TableConsole
from spec.loader import load_catalogue

ID = "GRANT-NO-SEND-WITHOUT"


@pytest.mark.parametrize("width", [1, 20, 40, 80, 160])
def test_ids_and_counts_are_whole_and_words_stand_below_one_another(width, capsys):
    table = Table("clause", "count", "title")
    table.columns[-1].overflow = PROSE
    table.add_row(ID, "1,234,567", "one two three " * 9)
    TableConsole(width=width).print(table)
    printed = capsys.readouterr().out
    assert ID in printed
    assert "1,234,567" in printed
    assert "…" not in printed
    assert len({len(row) for row in printed.splitlines()}) == 1
    if width == 160:
        assert len(printed.splitlines()[0]) <= 160


def shown(*words, columns, out):
    """Run a command in a terminal of so many columns, and give what it prints."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from conformance.cli import main; main()", *words]
    read = []

    def take():
        while True:
            try:
                octets = os.read(master, 1 << 16)
            except OSError:  # the other end is closed
                return
            read.append(octets)

    thread = threading.Thread(target=take)
    thread.start()
    subprocess.run(command, cwd=out, env=environment, stdout=slave, stderr=slave, check=False)  # noqa: S603
    os.close(slave)
    thread.join()
    os.close(master)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(read).decode())


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_commands_cut_neither_ids_nor_counts(tmp_path, columns, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    listed = shown("clauses", columns=columns, out=tmp_path)
    assert [name for name in load_catalogue().clauses if name not in listed] == []
    run = ("--clause=PKTC-NO-PADDING", "--no-allure", "--workers=0", "--out=run")
    summary = shown("run", *run, columns=columns, out=tmp_path)
    whole = next(row for row in summary.splitlines() if re.match(r"\s*all\s", row))
    assert re.findall(r"[\d/]+", whole)[:2] == [str(len(load_catalogue().clauses)), "1"]
    preview = shown("run", "--dry-run", "--clause=PKTC-NO-PADDING", columns=columns, out=tmp_path)
    assert "pktc/test_contents.py::test_nothing_is_padded" in preview
    told = shown("agreement", "--all", "run", "run", columns=columns, out=tmp_path)
    assert "pktc/test_contents.py::test_nothing_is_padded" in told
    assert "…" not in listed + summary + preview + told
