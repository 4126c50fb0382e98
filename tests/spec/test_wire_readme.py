"""The page for laboratories that write a wire profile says what there is."""

import re

from spec import wire_entry
from spec.checksum import CHECKSUMS
from spec.layout import OPTIONAL
from spec.wire import FOLDER, bundled
from spec.wire_fields import RATES, TIMES

README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_profile_is_named():
    assert re.findall(r"^\| `(\w+-\d)` \|", README, re.MULTILINE) == bundled()


def test_every_key_is_explained():
    entries = [value for name, value in vars(wire_entry).items() if name.endswith("Entry")]
    keys = {key for entry in entries for key in entry.model_fields} - {"value"}
    assert not [key for key in keys if not re.search(rf"`(messages\.\*\.)?{key}(\.\*)?`", README)]


def test_every_choice_is_named():
    words = [*CHECKSUMS, *OPTIONAL, *TIMES, *RATES, "big", "little", "none", "message", "down", "up"]
    assert not [word for word in words if not re.search(rf"\b{re.escape(word)}\b", README)]
