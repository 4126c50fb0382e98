"""What a case leaves on the disk: its recordings, and the packets of its findings in words."""

from collections.abc import Iterator
from typing import Final

from conformance.judging import Trial
from conformance.outcomes import BenchError
from reports.results import Evidence
from spec.verdict import Verdict
from traffic import store

FOLDER: Final = "recordings"
ICS: Final = "ics.yaml"
"""Name of the copy of the ICS in the folder of a run."""
LINES_KEPT: Final = 200


def keep(trial: Trial) -> None:
    """Store every play of a case, but of a passing one only when all evidence is wanted."""
    bed, options = trial.bed, trial.bench.options
    if bed is None or (options.evidence == "failed" and trial.worst is Verdict.PASS):
        return
    trial.dissection = "\n".join(_dissection(trial))
    files = {}
    try:
        for number, recording in enumerate(bed.recordings, start=1):
            files.update(store.save(recording, options.out / FOLDER / trial.case.slug / str(number)))
    except OSError as error:
        trial.break_off(BenchError(f"the evidence cannot be stored: {error}"))
        return
    trial.evidence = tuple(
        Evidence(file=path.relative_to(options.out).as_posix(), sha256=digest)
        for path, digest in files.items()
    )
    trial.recordings = tuple(item.file for item in trial.evidence if item.file.endswith(".pcapng"))


def _dissection(trial: Trial) -> Iterator[str]:
    assert trial.bed is not None
    lines = 0
    for judgement in trial.judgements:
        for finding in judgement.findings:
            if not finding.rows or not 0 < finding.play <= len(trial.bed.recordings) or lines >= LINES_KEPT:
                continue
            yield f"{judgement.clause.id}: {finding.what} (play {finding.play})"
            found = trial.bed.recordings[finding.play - 1].dissect(finding.rows)
            lines += len(found)
            yield from (f"  {line}" for line in found)
