"""What a case leaves on the disk: its recordings, and the packets of its findings in words."""

from collections.abc import Iterator
from typing import Final

from conformance.api.outcomes import BenchError
from conformance.run.execution import CaseExecution
from reports.results import Evidence
from reports.run_folder import RECORDINGS, play_name
from spec.errors import fault_of
from spec.text import LONGEST_REPORT, lines, said
from spec.verdict import Verdict
from traffic.recordings import store

LINES_KEPT: Final = 200
LIMITS: Final = {"all": None, "small": 4 << 20, "failed": -1}
"""Octets up to which the plays of a case that passed are stored; None is any number."""


def keep(execution: CaseExecution) -> None:
    """Store the plays of a case: all of one that did not pass, else those that the run wants.

    Where the disk refuses, it is `unstored`, and the run ends: no verdict goes without its evidence.
    BenchError where a recording has no form that can be stored.
    """
    bed, options = execution.bed, execution.context.options
    if bed is None:
        return
    execution.dissection = lines("\n".join(_dissection(execution)), LONGEST_REPORT)
    plays = execution.plays
    size = sum(len(recording.columns.blob) for recording in plays)
    limit = LIMITS[options.evidence]
    passed = execution.worst is Verdict.PASS and not execution.earlier
    if passed and limit is not None and size > limit:
        return
    files = {}
    folder = options.out / RECORDINGS / execution.case.slug
    try:
        for number, recording in enumerate(plays, start=1):
            files.update(store.save(recording, folder / play_name(execution.attempt, number)))
    except OSError as error:
        execution.unstored = str(fault_of(error, folder))
        return
    except Exception as error:
        words = f"its recordings cannot be stored: {said(error)} ({type(error).__name__})"
        raise BenchError(words) from error
    execution.evidence = tuple(
        Evidence(file=path.relative_to(options.out).as_posix(), sha256=digest)
        for path, digest in files.items()
    )
    execution.recordings = tuple(item.file for item in execution.evidence if item.file.endswith(".pcapng"))


def _dissection(execution: CaseExecution) -> Iterator[str]:
    assert execution.bed is not None
    count = 0
    for judgement in execution.judgements:
        for finding in judgement.findings:
            if (
                not finding.rows
                or not 0 < finding.play <= len(execution.bed.recordings)
                or count >= LINES_KEPT
            ):
                continue
            yield f"{judgement.clause.id}: {finding.what} (play {finding.play})"
            found = execution.bed.recordings[finding.play - 1].dissect(finding.rows)
            count += len(found)
            yield from (f"  {line}" for line in found)
