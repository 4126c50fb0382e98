import json

import jsonschema
import pytest
import yaml

from spec import schema
from spec.catalogue import ROOT

FILES = [
    *((path, "chapter") for path in sorted((ROOT / "clauses").glob("*.yaml"))),
    *(
        (ROOT / f"{name}.yaml", name)
        for name in ("parameters", "sources", "facts", "counters", "ics_items", "relations", "kinds")
    ),
    (ROOT / "wire" / "open-1.yaml", "wire_profile"),
    (ROOT.parent / "reference_impl" / "ics.yaml", "ics"),
]


def test_committed_schemas_are_current():
    assert schema.outdated() == []


@pytest.mark.parametrize(("path", "name"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_data_files_satisfy_their_schema(path, name):
    text = json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")))
    jsonschema.validate(
        json.loads(text), json.loads((schema.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    )


def test_schema_refuses_unknown_keys():
    shape = json.loads((schema.FOLDER / "chapter.json").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
        jsonschema.validate({"chapter": "a", "prefix": "A", "titel": {}}, shape)


def test_write_brings_a_folder_up_to_date(tmp_path):
    assert schema.write(tmp_path) == sorted(schema.schemas())
    assert schema.outdated(tmp_path) == []
    (tmp_path / "stray.json").write_text("{}")
    (tmp_path / "facts.json").write_text("{}")
    assert schema.outdated(tmp_path) == ["facts.json", "stray.json"]
    assert schema.write(tmp_path) == ["facts.json", "stray.json"]
    assert schema.outdated(tmp_path) == []
