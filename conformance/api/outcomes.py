"""The ways a case can end other than well, each with the verdict that it stands for."""


class RequirementBroken(AssertionError):  # noqa: N818 - it is the fact, not an error of the program
    """A requirement was broken: the case's own (FAIL), or an invariant's while its own stands."""


class Inconclusive(Exception):  # noqa: N818
    """Neither PASS nor FAIL can be said."""


class BenchError(Exception):
    """The bench, the binding or the suite broke; it says nothing of the device."""


class BenchGone(BenchError):  # noqa: N818
    """The bench does not answer any more, though it was asked once more; nothing else can be played on it."""


class UndeclaredNeed(BenchError):  # noqa: N818
    """A case used a capability that it does not declare with `needs`."""


class ScenarioChanged(BenchError):  # noqa: N818
    """A replayed recording is of another scenario than the case plays now."""


class TesterLimited(Exception):  # noqa: N818
    """This binding cannot drive or see what the case needs."""


class NotApplicable(Exception):  # noqa: N818
    """The declaration of the vendor excludes the clause."""
