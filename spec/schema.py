"""JSON Schemas of the data files, from the models, for editors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from spec.ics import Statement
from spec.kinds import Kinds
from spec.model import Chapter, CounterDefinition, Fact, FactId, IcsItem, Parameter, Relations, Source
from spec.profiles import Profile
from spec.states import Machine
from spec.wire_entry import ProfileEntry

FOLDER = Path(__file__).parent / "schemas"
SHAPES: dict[str, Any] = {
    "chapter": Chapter,
    "parameters": dict[str, Parameter],
    "sources": dict[str, Source],
    "facts": dict[FactId, Fact],
    "counters": dict[str, CounterDefinition],
    "ics_items": dict[str, IcsItem],
    "relations": Relations,
    "ics": Statement,
    "wire_profile": ProfileEntry,
    "profile": Profile,
    "states": dict[str, Machine],
    "kinds": Kinds,
}


def schemas(shapes: Mapping[str, Any] = SHAPES) -> dict[str, str]:
    """Return the text of each schema by its file name."""
    return {f"{name}.json": _text(shape) for name, shape in shapes.items()}


def outdated(folder: Path = FOLDER, shapes: Mapping[str, Any] = SHAPES) -> list[str]:
    """Return the names of the schemas that are missing or not current, and of stray files."""
    wanted = schemas(shapes)
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def write(folder: Path = FOLDER, shapes: Mapping[str, Any] = SHAPES) -> list[str]:
    """Write the schemas that are not current, remove stray files, and give their names."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = outdated(folder, shapes)
    wanted = schemas(shapes)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def _text(shape: Any) -> str:  # noqa: ANN401 - a model, or a mapping of models
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= TypeAdapter(shape).json_schema(by_alias=True)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
