"""`gse-cts binding`: a laboratory's bench, described, checked before a run, and let go after one."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from conformance.api.binding import BindingOptions
from conformance.bindings.registry import is_file
from reports.tables import PROSE, TableConsole, console
from spec.documents import did_you_mean
from spec.errors import Exit, InputError
from spec.ics import by_default
from spec.loader import load_catalogue
from spec.text import line
from spec.verdict import Verdict
from traffic.recordings.recording import ParameterValue

EXAMPLES = Path(__file__).parent.parent / "bindings" / "lab" / "examples"
MARKS = {True: "ok", False: "WRONG", None: "-"}

group = typer.Typer(no_args_is_help=True, help="Describe a laboratory's bench, check it, let its ports go.")

Lab = Annotated[Path, typer.Argument(metavar="LAB", help="The laboratory's YAML file.")]
Profile = Annotated[str, typer.Option(help="Name or YAML file of the wire profile.")]
StatementFile = Annotated[Path | None, typer.Option("--ics", help="The conformance statement of the device.")]


@group.command()
def new(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    example: Annotated[
        str, typer.Option(help="interfaces-gsp, trex-2-fabric, trex-4-gsp or trex-4-gsf.")
    ] = "trex-4-gsp",
) -> None:
    """Write a commented example to start from."""
    known = {path.stem: path for path in EXAMPLES.glob("*.yaml")}
    if example not in known:
        mend = did_you_mean(example, known)
        raise InputError("command line", "--example", f"there is no example {example}", mend)
    if not is_file(file.name):
        raise InputError(file, "file", "is not called .yaml", "call it so, for --binding to know it")
    try:
        with file.open("x", encoding="utf-8") as opened:
            text = known[example].read_text(encoding="utf-8")
            opened.write(text.replace("$schema=../schemas/", f"$schema={EXAMPLES.parent.as_uri()}/schemas/"))
    except FileExistsError as error:
        raise InputError(file, "file", "is there already", "choose another name") from error
    except OSError as error:
        raise InputError(file, "file", f"cannot be written ({error.strerror})", "check the path") from error
    print(f"{file}: written; adapt it, then gse-cts binding check {file}")


@group.command()
def check(lab: Lab, *, ics: StatementFile = None, wire_profile: Profile = "open-1") -> None:
    """Check the bench from end to end and say which cases it can play; exit code 1 when it is not ready."""
    from conformance.bindings.lab.binding import LabBinding  # noqa: PLC0415
    from conformance.bindings.lab.check import Check  # noqa: PLC0415
    from conformance.run.context import RunContext, RunOptions  # noqa: PLC0415 - costs every other command 300 ms

    bench = None
    if ics is None:
        binding = LabBinding(BindingOptions(wire_profile=wire_profile, file=lab))
        parameters = _parameters(binding)
    else:
        path = ics.absolute()
        bench = RunContext(RunOptions(binding=str(lab.absolute()), ics=path, wire_profile=wire_profile))
        assert isinstance(bench.binding, LabBinding)
        binding, parameters = bench.binding, bench.parameters
    table = Table("", "", "", "", title=f"bench {binding.lab.name}", show_header=False)
    for column in table.columns[1::2]:
        column.overflow = PROSE
    wrong = 0
    for row in Check(binding, parameters, wire_profile).rows():
        table.add_row(escape(row.part), escape(row.what), MARKS[row.right], escape(line(row.words)))
        wrong += row.right is False
    out = console()
    out.print(table)
    if bench is not None:
        from conformance.run.forecast import collected, forecast  # noqa: PLC0415

        _foretell(forecast(bench, collected(bench)), out)
    else:
        print("Name the statement of the device with --ics to see which cases the bench can play.")
    if wrong:
        print(f"{lab}: the bench is not ready: {wrong} of the above must be mended.", file=sys.stderr)
        raise typer.Exit(Exit.FAILED)


@group.command()
def hosts(lab: Lab) -> None:
    """Print the hosts that the devices have to know, whatever testbed a case asks for."""
    from conformance.bindings.lab.binding import LabBinding  # noqa: PLC0415
    from conformance.bindings.lab.hosts import hosts_of  # noqa: PLC0415

    binding = LabBinding(BindingOptions(file=lab))
    table = Table("MAC", "IP", "node", "port", title=f"hosts of {binding.lab.name}")
    for host in hosts_of(binding.layout):
        mac, ip = host.mac.hex(":"), ".".join(map(str, host.ip))
        table.add_row(mac, ip, f"{host.node}", f"{host.port}")
    console().print(table)


@group.command()
def release(
    lab: Lab,
    *,
    force: Annotated[bool, typer.Option("--force", help="Take the ports of other users, too.")] = False,
) -> None:
    """Let the TRex ports go that a run left acquired."""
    from conformance.bindings.lab.binding import LabBinding  # noqa: PLC0415
    from conformance.bindings.lab.check import release as let_go  # noqa: PLC0415
    from traffic.trex.errors import TrexError  # noqa: PLC0415

    binding = LabBinding(BindingOptions(file=lab))
    if binding.lab.file.tester.kind != "trex":
        mend = "there is nothing to release"
        raise InputError(lab, "tester.kind", "is interfaces, which nobody acquires", mend)
    try:
        freed = let_go(binding, lab, force=force)
    except TrexError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(Exit.FAILED) from error
    print(f"released: {', '.join(map(str, freed)) or 'none was left acquired by this user'}")


def _parameters(binding: object) -> dict[str, ParameterValue]:
    """Return the defaults of the suite under what the bench sets."""
    values = getattr(binding, "values", {})
    known = load_catalogue().parameters
    settings = {name: by_default(name, parameter) for name, parameter in known.items()}
    plain = {name: ParameterValue(item.value, item.unit, item.origin) for name, item in settings.items()}
    return plain | {name: ParameterValue(value, plain[name].unit, "bench") for name, value in values.items()}


def _foretell(counts: Counter[tuple[Verdict | None, str]], out: TableConsole) -> None:
    table = Table("instances", "verdict", "reason", title="cases on this bench")
    table.columns[-1].overflow = PROSE
    for (verdict, reason), count in sorted(
        counts.items(), key=lambda item: (item[0][0] is not None, -item[1])
    ):
        table.add_row(f"{count}", "can be played" if verdict is None else verdict.name, escape(line(reason)))
    out.print(table)
