"""What can go wrong between the suite and a TRex server; none of it says anything of a device."""


class TrexError(Exception):
    """A fault of the bench, told in one sentence: host, fault, mend."""

    def __init__(self, host: str, fault: str, mend: str) -> None:
        super().__init__(host, fault, mend)
        self.host = host
        self.fault = fault
        self.mend = mend

    def __str__(self) -> str:
        return f"TRex {self.host}: {self.fault}; {self.mend}."


class TrexGoneError(TrexError):
    """The server does not answer: never there, dead, or cut off."""


class TrexTakenError(TrexError):
    """A port belongs to somebody else."""


class TrexUnableError(TrexError):
    """What is asked for is beyond what TRex can do."""


class TrexRefusedError(TrexError):
    """The server or its client refused a request."""
