"""`gse-cts kinds`: how many mutants of each kind every chapter has, and what was left out."""

from typing import Annotated

import typer

from conformance.checkout import ROOT
from spec.coverage import scan
from spec.kinds import load_kinds
from spec.kinds_page import PAGE, page
from spec.loader import load_catalogue


def command(
    *, write: Annotated[bool, typer.Option("--write", help="Write the page to spec/KINDS.md.")] = False
) -> None:
    """Print the kinds of flaw by chapter, in Markdown."""
    text = page(load_catalogue(), scan(ROOT), load_kinds())
    if write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
