"""The files that a run rests on: the user's, or an earlier run's own copies of them where it is taken up."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.api.parameters import LINE
from conformance.run.keeping import check_kept
from conformance.run.options import USUAL
from reports.results import Header, read_results
from reports.run_folder import CAPTURE, ICS, WIRE_PROFILE, RunFolder
from spec.errors import InputError
from spec.files import digest
from spec.wire import locate


@dataclass(frozen=True)
class Sources:
    """A statement (None: that of the binding), the name or path of a wire profile, a capture, `name=value`s.

    `differences` says in a sentence each which file is not today what an earlier run kept, and what counts.
    """

    ics: Path | None
    wire_profile: str
    capture: Path | None
    parameters: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    def taken_up(self, folder: Path) -> "Sources":
        """Return what counts where the run of a folder is continued, or its plays are judged again.

        InputError where the folder is not as it was written, or a parameter is said that it does not have.
        """
        run, header = RunFolder(folder), read_results(folder).header
        check_kept(folder, header)
        capture, profile = run.kept(CAPTURE), run.kept(WIRE_PROFILE)
        if header.pcap is not None and capture is None:
            fault = f"is not in the folder of the run, which played {header.pcap.file}"
            raise InputError(folder, CAPTURE, fault, "put the file there under that name")
        named = str(header.options.get("wire_profile", header.wire_profile.name))
        same = profile is None or _today(_of_profile, named) == header.wire_profile.digest
        return Sources(
            ics=run.kept(ICS) or self.ics,
            wire_profile=named if same else str(profile),
            capture=capture if header.pcap is not None else None,
            parameters=self._parameters(header),
            differences=tuple(self._differences(header)),
        )

    def _parameters(self, header: Header) -> tuple[str, ...]:
        """Return what the run was told; InputError where it is told otherwise here."""
        ran = {name: str(item.value) for name, item in header.parameters.items() if item.origin == LINE}
        for word in self.parameters:
            name, _, value = word.partition("=")
            then = header.parameters.get(name)
            if then is not None and not _same(value, str(then.value)):
                fault = f"is {value}, and the run had {then.value}"
                raise InputError(LINE, f"--parameter {name}", fault, "leave it out; the run knows its own")
        return tuple(f"{name}={value}" for name, value in ran.items())

    def _differences(self, header: Header) -> Iterator[str]:
        """Say which files, named here or by the run, are others today; what is gone is no difference."""
        named: Mapping[str, object] = {} if "recordings" in header.options else header.options
        wire = self.wire_profile if self.wire_profile != USUAL["wire_profile"] else named.get("wire_profile")
        for what, place, read, ran in (
            ("ICS", self.ics or named.get("ics"), digest, header.ics.digest),
            ("wire profile", wire, _of_profile, header.wire_profile.digest),
            ("capture", self.capture or named.get("pcap"), _of_octets, header.pcap and header.pcap.digest),
        ):
            now = _today(read, place)
            if now is not None and now != ran:
                words = f"is {now[:12]} today and {(ran or 'none')[:12]} in the run"
                yield f"the {what} {place} {words}, whose own copy counts"


def _same(said: str, ran: str) -> bool:
    """Whether two values are the same, however a number is written."""
    try:
        return said == ran or float(said) == float(ran)
    except ValueError:
        return False


def _today(read: Callable[[Path], str], place: object) -> str | None:
    """Return the identity of a file as it is now; None where none is named or there."""
    try:
        return None if place is None else read(Path(str(place)))
    except (InputError, OSError):
        return None


def _of_profile(path: Path) -> str:
    return digest(locate(str(path)))


def _of_octets(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
