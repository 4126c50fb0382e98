"""A catalogue of two chapters, and factories for the header and records of a run."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.results import (
    CatalogueIdentity,
    Footer,
    Header,
    IcsIdentity,
    PlannedCase,
    Results,
    ResultsWriter,
    Suite,
    VerdictRecord,
    WireProfileIdentity,
    read_results,
)
from spec.catalogue import Catalogue
from spec.model import Chapter, Relations
from spec.verdict import Verdict
from spec.wire import WireProfile, load_profile

START = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--no-pings", "--virtual-time-budget=5000",
)  # fmt: skip
FACTS = {"GSP": {"role": "GSP", "GSP": True, "GSF": False, "GSE2.0": True}}


def text(words: str) -> dict[str, str]:
    return {"en": words, "zh": f"中文{words}"}


def purpose(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "with": (text(f"with {name}"),),
        "when": (text(f"when {name}"),),
        "then": (text(f"then {name}"),),
    }


def clause(name: str, *purposes: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "title": text(f"Title of {name}"),
        "text": text(f"A GSP MUST obey {name}."),
        "level": "MUST",
        "roles": ("GSP",),
        "release": ("GSE2.0",),
        "scenario": ("N2N",),
        "sources": ("open-1",),
        "grade": "derived",
        "observability": ("fabric-tap",),
        "applicability": "GSP AND GSE2.0",
        "purposes": tuple(purpose(name) for name in purposes),
        **changes,
    }


def chapter(name: str, prefix: str, *clauses: dict[str, Any]) -> Chapter:
    entry = {"chapter": name, "prefix": prefix, "title": text(f"Chapter {name}"), "clauses": clauses}
    return Chapter.model_validate(entry)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    chapters = (
        chapter(
            "pktc",
            "PKTC",
            clause("PKTC-ONE-PATH", "load"),
            clause("PKTC-SIZE", "small", "large"),
            clause("PKTC-ORDER", invariant=True),
            clause("PKTC-HINT", "hint", level="SHOULD", grade="reported"),
        ),
        chapter(
            "mgmt",
            "MGMT",
            clause("MGMT-SPINE", "spine", roles=("GSF",), applicability="GSF AND GSE2.0"),
            clause("MGMT-PAPER", observability=("inspection",)),
            clause("MGMT-HEAT", untestable="no instrument reaches it"),
        ),
    )
    return Catalogue(
        root=Path(),
        digest="c" * 64,
        chapters={chapter.chapter: chapter for chapter in chapters},
        files={},
        parameters={},
        sources={},
        facts={},
        counters={},
        ics_items={},
        relations=Relations(terms={}, relations={}),
    )


@pytest.fixture(scope="session")
def profile() -> WireProfile:
    return load_profile("open-1")


@pytest.fixture(scope="session")
def header(profile: WireProfile) -> Callable[..., Header]:
    def make(*cases: tuple[str, str, str | None], **changes: Any) -> Header:
        values: dict[str, Any] = {
            "run": "run-1",
            "started": START,
            "suite": Suite(version="0.1.0", digest="d" * 64, state="clean", commit="abc"),
            "catalogue": CatalogueIdentity(digest="c" * 64),
            "wire_profile": WireProfileIdentity(name=profile.name, digest=profile.digest),
            "binding": "reference",
            "device": "Device One",
            "ics": IcsIdentity(
                file="ics.yaml",
                digest="d" * 64,
                identification={"supplier": "Maker", "product": "One"},
                facts=FACTS,
            ),
            "seed": 7,
            "command": "gse-cts run --seed 7",
            "selection": tuple(case for case, _, _ in cases),
            "cases": tuple(PlannedCase(case=case, clause=name, purpose=part) for case, name, part in cases),
            "tools": {"python": "3.11"},
        }
        return Header(**(values | changes))

    return make


@pytest.fixture(scope="session")
def record() -> Callable[..., VerdictRecord]:
    def make(
        case: str, name: str, verdict: Verdict = Verdict.PASS, part: str | None = None, **changes: Any
    ) -> VerdictRecord:
        values: dict[str, Any] = {"seed": 1, "started": START, "duration": 0.5, "checked": 3}
        return VerdictRecord(case=case, clause=name, verdict=verdict, purpose=part, **(values | changes))

    return make


@pytest.fixture(scope="session")
def results() -> Callable[..., Results]:
    """Results in memory of a run that ended by itself."""

    def make(header: Header, *records: VerdictRecord) -> Results:
        counts: dict[Verdict, int] = {}
        for record in records:
            counts[record.verdict] = counts.get(record.verdict, 0) + 1
        footer = Footer(finished=START + timedelta(minutes=1), counts=counts, exit=0)
        return Results(header, records, footer)

    return make


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """A folder with a results file, with a footer or cut off."""

    def make(header: Header, *records: VerdictRecord, cut: bool = False) -> Path:
        with ResultsWriter(tmp_path / "results.jsonl", header) as writer:
            for record in records:
                writer.append(record)
            if not cut:
                writer.finish(START + timedelta(minutes=1), 0)
        assert read_results(tmp_path).header == header
        return tmp_path

    return make


@pytest.fixture
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[str, list[str]]]:
    """Opens a page from disk; gives its final DOM and the addresses other than files that it asked for."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")

    def open_page(page: Path) -> tuple[str, list[str]]:
        folder = tmp_path_factory.mktemp("browser")
        log = folder / "net.json"
        command = [browser, *FLAGS, f"--user-data-dir={folder}/profile", f"--log-net-log={log}"]
        # no host resolves, so that a request fails at once instead of waiting for a network
        command += ["--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", page.absolute().as_uri()]
        environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=120, env=environment, check=True
        )
        events = json.loads(log.read_text())
        start = events["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
        jobs = [event.get("params", {}) for event in events["events"] if event["type"] == start]
        # what the browser asks on its own account has no origin
        asked = [job["url"] for job in jobs if job.get("initiator") != "not an origin" and "url" in job]
        return done.stdout, [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]

    return open_page
