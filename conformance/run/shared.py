"""Keys and names under which the plugin, its session and the workers find each other's things."""

from typing import TYPE_CHECKING, Any, Final

import pytest

from reports.run_folder import RunFolder

if TYPE_CHECKING:
    from conformance.run.continuation import Earlier

FAULTS: Final = pytest.StashKey[list[str]]()
"""What is wrong with cases, a sentence each."""
RUN: Final = pytest.StashKey[bool]()
"""Whether this is a run of cases for certain, before any is found."""
EARLIER: Final["pytest.StashKey[Earlier]"] = pytest.StashKey()
"""The run that is continued, in the process that was started."""
LEFT: Final = pytest.StashKey[tuple[str, ...] | None]()
"""The ids of the cases that it has left."""
MADE: Final = pytest.StashKey[list[pytest.Item]]()
"""The cases in the files that were collected, before any option takes some of them away."""
FOLDER: Final = pytest.StashKey[RunFolder]()
"""The folder that the user named for this run, admitted; one that is made up needs no admission."""
NODES: Final = pytest.StashKey[list[Any]]()
"""The workers of xdist."""
OPTIONS, TO_PLAY, IS_RUN, FOUND = "gse_options", "gse_left", "gse_run", "gse_faults"
"""Names under which the process that was started and its workers tell each other."""
