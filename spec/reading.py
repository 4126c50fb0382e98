"""Reading of YAML by version 1.2: bounded in size, depth and numbers, and without tags or merge keys.

Values are made from the flat events of libyaml, whose own composer is recursive and overflows the stack of
the process where brackets nest deeply. Aliases are followed; a document counts with all of them written out.
"""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from spec.errors import InputError
from spec.files import octets
from spec.scalars import UnclearError, plain, shortly

LARGEST: Final = 1024 * 1024
"""Octets of a file, and characters of a document with its aliases written out."""
DEEPEST: Final = 64
"""How many lists and mappings may stand in each other."""
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
TEXT: Final = frozenset("\t\n\r\x85")
"""Control characters that a text may hold."""


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - a document is of any shape until a model has seen it
    """Read one YAML document; lists come as tuples, dates as text. InputError when it cannot be read."""
    text = _text(path)
    reader = _Reader(path)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark else "document"
        fault = " ".join((error.problem or "cannot be parsed").split())
        lines = text.split("\n")
        line = lines[mark.line] if mark and mark.line < len(lines) else ""
        mend = "indent with spaces, not with tabs" if "\t" in line else "correct the syntax"
        raise InputError(path, where, f"is not valid YAML ({fault})", mend) from error
    except yaml.YAMLError as error:
        fault = " ".join(str(error).split())
        raise InputError(path, "document", f"is not valid YAML ({fault})", "correct the syntax") from error
    return reader.document


def _text(path: Path) -> str:
    """Return the characters of a file; a byte order mark is none of them."""
    content = octets(path)
    if len(content) > LARGEST:
        raise InputError(path, "file", f"is larger than {LARGEST} octets", "divide it, or correct the path")
    if content.startswith(UTF_16):
        raise InputError(path, "file", "is UTF-16", "save it as UTF-8")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(path, f"line {line}", "is not UTF-8", "save the file as UTF-8") from error
    control = _control(text)
    if control is not None:
        line = text.count("\n", 0, control) + 1
        fault = f"holds the control character U+{ord(text[control]):04X}"
        raise InputError(path, f"line {line}", fault, "remove it, or save the file as UTF-8")
    return text


def _control(text: str) -> int | None:
    """Return the place of the first control character that is none of a text."""
    if text.isascii() and text.isprintable():
        return None
    return next(
        (place for place, sign in enumerate(text) if sign not in TEXT and unicodedata.category(sign) == "Cc"),
        None,
    )


@dataclass
class _Open:
    """A list or mapping that is being read; `weight` in characters and `height` count what is in it."""

    items: list[Any] | dict[str | int, Any]
    anchor: str | None
    key: str | int | None = None
    keyed: bool = False
    weight: int = 1
    height: int = 0


@dataclass
class _Reader:
    """Makes values from events, and refuses what a document of the suite does not need."""

    path: Path
    document: Any = None
    documents: int = 0
    weight: int = 0
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int, int]] = field(default_factory=dict)
    """Values that have a name, each with weight and height."""

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self.scalar(event)
            case yaml.MappingStartEvent():
                self.begin(event, {})
            case yaml.SequenceStartEvent():
                self.begin(event, [])
            case yaml.CollectionEndEvent():
                self.end(event)
            case yaml.AliasEvent():
                self.alias(event)
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.refuse(event, "begins a second document", "write one document a file")

    def scalar(self, event: yaml.ScalarEvent) -> None:
        self.untagged(event)
        text = event.value
        value: Any = text
        if not event.style:  # a word without quotes
            if text == "<<" and self.wants_key:
                self.refuse(event, "is a merge key, which is not supported", "write its entries out")
            try:
                value = plain(text)
            except UnclearError as error:
                self.refuse(event, error.fault, error.mend, text)
        elif not text.isprintable() and _control(text) is not None:
            self.refuse(event, "holds a control character", "remove it")
        self.put(event, value, len(text) + 1, 0)
        if event.anchor:
            self.anchors[event.anchor] = value, len(text) + 1, 0

    def begin(self, event: yaml.CollectionStartEvent, items: list[Any] | dict[str | int, Any]) -> None:
        self.untagged(event)
        if self.wants_key:
            self.refuse(event, "has a list or mapping as a key", "write a word as the key")
        if len(self.open) >= DEEPEST:
            self.refuse(event, f"is nested more than {DEEPEST} deep", "nest it less")
        self.open.append(_Open(items, event.anchor))

    def end(self, event: yaml.Event) -> None:
        closed = self.open.pop()
        value = tuple(closed.items) if isinstance(closed.items, list) else closed.items
        height = closed.height + 1
        self.put(event, value, closed.weight, height)
        if closed.anchor:
            self.anchors[closed.anchor] = value, closed.weight, height

    def alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self.anchors:
            self.refuse(
                event, f"is *{event.anchor}, and nothing before it is &{event.anchor}", "write it out"
            )
        value, weight, height = self.anchors[event.anchor]
        self.weight += weight
        if self.weight > LARGEST:
            fault = f"has more than {LARGEST} characters with its aliases written out"
            self.refuse(event, fault, "use fewer")
        if len(self.open) + height > DEEPEST:
            self.refuse(event, f"is nested more than {DEEPEST} deep", "nest it less")
        self.put(event, value, weight, height)

    def put(self, event: yaml.Event, value: Any, weight: int, height: int) -> None:  # noqa: ANN401
        """Set a value where the document goes on."""
        if not self.open:
            self.document = value
            return
        place = self.open[-1]
        place.weight += weight
        place.height = max(place.height, height)
        if isinstance(place.items, list):
            place.items.append(value)
        elif place.keyed:
            assert place.key is not None
            place.items[place.key] = value
            place.keyed = False
        else:
            self.name(event, place, place.items, value)

    def name(self, event: yaml.Event, place: _Open, items: dict[str | int, Any], key: object) -> None:
        """Take a value for the next key of a mapping."""
        if isinstance(key, bool) or not isinstance(key, str | int):
            words = "an alias of a list or mapping" if isinstance(key, tuple | dict) else json.dumps(key)
            self.refuse(event, f"has {words} as a key", "write a word as the key, in quotes")
        if key in items:
            raise InputError(
                self.path,
                _path([*self.names, key]),
                f"stands a second time in line {_line(event)}",
                "keep one of the two",
            )
        place.key, place.keyed = key, True

    @property
    def wants_key(self) -> bool:
        """Whether the next value is the key of a mapping."""
        return bool(self.open) and isinstance(self.open[-1].items, dict) and not self.open[-1].keyed

    @property
    def names(self) -> Iterator[str | int]:
        """Keys and places of the open lists and mappings."""
        for place in self.open:
            if isinstance(place.items, list):
                yield f"[{len(place.items)}]"
            elif place.keyed and place.key is not None:
                yield place.key

    def untagged(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            mend = "remove the tag, and put the value in quotes if it is a word"
            self.refuse(event, f"has the tag {shortly(tag)}, and tags are not supported", mend)

    def refuse(self, event: yaml.Event, fault: str, mend: str, key: str | None = None) -> NoReturn:
        """Refuse what an event brings, under its place in the document and its line."""
        names = [*self.names, *([key] if key is not None and self.wants_key else [])]
        raise InputError(self.path, f"{_path(names)} (line {_line(event)})", fault, mend)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _path(names: list[str | int]) -> str:
    path = ""
    for name in names:
        text = shortly(str(name))
        path += text if text.startswith("[") or not path else f".{text}"
    return path or "document"
