"""The options of a conformance run, as the user gives them, as a run to continue had them, or as is usual."""

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from conformance.checkout import ROOT
from spec.errors import InputError
from spec.node_id import NodeId
from spec.text import is_utf8

Value = bool | int | str | tuple[str, ...]
USUAL: Final[Mapping[str, Value | None]] = {
    "binding": "reference",
    "device": "reference",
    "ics": None,
    "wire_profile": "open-1",
    "recordings": None,
    "tester": None,
    "parameters": (),
    "pcap": None,
    "confirm": None,
    "run_seed": 1,
    "clauses": (),
    "chapter": (),
    "profile": None,
    "evidence": "small",
    "mutants": None,
    "variants": (),
}
"""What makes a run what it is, by the name of the option, where nothing else is said."""
CERTAIN: Final = frozenset({"pcap", "run_seed", "evidence", "mutants"})
"""Options that need no catalogue, ICS or binding to be checked."""
FILES: Final = frozenset({"ics", "recordings", "pcap", "out"})
DOCUMENTS: Final = frozenset({"binding", "profile", "wire_profile"})
"""Options that name a file, or something that comes with the suite."""
SAID: Final = {"parameters": "parameter", "clauses": "clause", "variants": "variant", "run_seed": "seed"}
"""What the user calls an option that goes by another name here."""
CASES: Final = "cases"
"""Name under which a run notes what it was to collect."""


def add_options(parser: pytest.Parser) -> None:
    """Add the options of a conformance run; none has a default, so that what was said can be told apart."""
    add = parser.getgroup("gse", "GSE conformance").addoption
    add("--binding", metavar="NAME", help="what supplies the testbeds: a name (reference), or a LAB.yaml")
    add("--device", metavar="NAME", help="what is tested: reference, mutant:NAME, variant:NAME")
    add("--tester", metavar="NAME", help="what plays and captures, for --binding live (afpacket)")
    add("--ics", metavar="FILE", help="the implementation conformance statement of the device")
    add("--wire-profile", metavar="NAME", help="name or YAML file of the wire profile (open-1)")
    add("--recordings", metavar="RUN", help="folder of an earlier run, for --binding replay")
    override = "override a parameter"
    add("--parameter", action="append", dest="parameters", metavar="NAME=VALUE", help=override)
    add("--pcap", metavar="FILE", help="a pcap or pcapng file to play where a case plays captured traffic")
    add("--confirm", type=int, metavar="N", help="plays again of a case that failed in real time (2)")
    add("--run-seed", type=int, metavar="N", help="seed of the run (1)")
    add("--clause", action="append", dest="clauses", metavar="GLOB", help="only cases of these clauses")
    add("--chapter", action="append", metavar="NAME", help="only cases of this chapter")
    add("--profile", metavar="NAME", help="only cases of a profile's clauses: smoke, or a YAML file")
    add("--out", metavar="DIR", help="folder of this run (default: a new one below out/)")
    add("--replace", action="store_true", help="write over the run that --out holds")
    add("--continue", dest="continued", metavar="RUN", help="play what an earlier run, cut off, has left")
    add("--mutants", choices=("own", "all"), help="on each mutant, its own clause's cases or all cases")
    add("--variant", action="append", dest="variants", metavar="NAME", help="on this variant, or on all")
    stored = "plays to store of cases that pass: all, small (up to 4 MiB a case), or none (failed)"
    add("--evidence", choices=("all", "small", "failed"), help=stored)


def settle(option: argparse.Namespace, kept: Mapping[str, Value] | None) -> None:
    """Set every option: the user's value, else that of the run which is continued, else the usual.

    InputError where the user contradicts that run.
    """
    for name, usual in (*USUAL.items(), ("out", None)):
        said = _plain(name, getattr(option, name))
        value = usual if kept is None else kept.get(name, usual)
        if kept is not None and said is not None and said != value:
            fault = f"is {_shown(said)} here and {_shown(value)} in the run"
            said_as = SAID.get(name, name).replace("_", " ")
            raise InputError("command line", said_as, fault, "leave it out with --continue")
        setattr(option, name, value if said is None else said)
    if option.out is None:
        option.out = str(Path(f"out/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}").absolute())


def check_words(config: pytest.Config) -> None:
    """Refuse names of files that are not UTF-8, which no worker can be told; InputError names the first."""
    mend = "give the file or folder another name, or set PYTHONUTF8=1 where the locale has another encoding"
    for word in (str(ROOT), str(config.invocation_params.dir), *map(str, config.invocation_params.args)):
        if not is_utf8(word):
            raise InputError("command line", word, "is not UTF-8", mend)


def settled(config: pytest.Config) -> dict[str, Value]:
    """Return the options of a run as a later process can take them up, and what it was to collect."""
    said = {name: getattr(config.option, name) for name in USUAL}
    cases = tuple(_place(word, config.invocation_params.dir) for word in config.args)
    return {CASES: cases, **{name: value for name, value in said.items() if value is not None}}


def _plain(name: str, said: object) -> Value | None:
    """Return what the user said in a form that means the same in every folder."""
    if isinstance(said, list):
        return tuple(said)
    if isinstance(said, str) and (
        name in FILES or (name in DOCUMENTS and Path(said).suffix in {".yaml", ".yml"})
    ):
        return str(Path(said).absolute())
    assert said is None or isinstance(said, bool | int | str | tuple)
    return said


def _place(word: str, folder: Path) -> str:
    """Name a folder, file or case from the checkout where it is in it, else from the root."""
    node = NodeId.of(word)
    place = folder / node.file
    return str(node.at(str(place.relative_to(ROOT) if place.is_relative_to(ROOT) else place)))


def _shown(value: Value | None) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "none" if value is None else str(value)
