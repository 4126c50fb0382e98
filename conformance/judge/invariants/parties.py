"""Whom an invariant judges: the devices under test of a recording, by name and by node id."""

from traffic.recordings.recording import Recording


def under_test(recording: Recording, role: str | None = None) -> list[str]:
    """List the names of the devices under test, of one role or of all."""
    nodes = recording.facts.nodes.items()
    return [name for name, node in nodes if node.status == "under test" and role in {None, node.role}]


def ids_under_test(recording: Recording, role: str | None = None) -> list[int]:
    """List the node ids of the devices under test, of one role or of all."""
    return [recording.facts.nodes[name].id for name in under_test(recording, role)]
