"""What a run keeps of the files it rests on, so that its folder holds all that judging it again needs."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from reports.results import Header, Kept
from reports.run_folder import CATALOGUE
from spec.catalogue import Catalogue
from spec.errors import InputError
from spec.loader import load_catalogue


def stated(files: Mapping[str, bytes]) -> tuple[Kept, ...]:
    """Return names and digests of files as a header states them."""
    return tuple(
        Kept(file=name, sha256=hashlib.sha256(content).hexdigest()) for name, content in files.items()
    )


def keep_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files into the folder of a run; OSError where the disk refuses."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content)


def check_kept(folder: Path, header: Header) -> None:
    """Raise InputError unless the files that a run keeps are as its header states them."""
    for item in header.kept:
        path = folder / item.file
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            fault = f"cannot be read ({error.strerror})"
            raise InputError(path, "file", fault, "restore it from where the run was copied") from error
        if found != item.sha256:
            fault = f"is {found[:12]} and the run states {item.sha256[:12]}"
            raise InputError(path, "sha256", fault, "restore what the run wrote")


def differences(folder: Path, header: Header, catalogue: Catalogue) -> Iterator[str]:
    """Say in a sentence each how the catalogue that judges now differs from the one that a run kept."""
    if header.catalogue.digest == catalogue.digest:
        return
    digests = f"{header.catalogue.digest[:12]} in the run and {catalogue.digest[:12]} here"
    kept = folder / CATALOGUE
    try:
        then = load_catalogue(kept.absolute()).clauses if kept.exists() else None
    except InputError:
        then = None
    if then is None:
        yield f"the catalogue is {digests}; which clauses differ cannot be told"
        return
    now = catalogue.clauses
    parts = [
        f"{words} {', '.join(names)}"
        for words, names in (
            ("changed:", [name for name in now if name in then and now[name] != then[name]]),
            ("new:", [name for name in now if name not in then]),
            ("gone:", [name for name in then if name not in now]),
        )
        if names
    ]
    yield f"the catalogue is {digests}; {'; '.join(parts) or 'no clause differs'}"
