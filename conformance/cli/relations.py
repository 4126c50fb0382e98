"""`gse-cts relations`: what has to hold between parameters, and which of their ends are refused alone."""

from typing import Annotated

import typer

from spec.loader import load_catalogue
from spec.relations_page import PAGE, page


def command(
    *, write: Annotated[bool, typer.Option("--write", help="Write the page to spec/RELATIONS.md.")] = False
) -> None:
    """Print the relations between parameters, in Markdown."""
    text = page(load_catalogue())
    if write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
