"""Exact fabric frames for the far end of a link: containers frame by frame, and single control messages."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from spec.errors import InputError
from spec.layout import WireProfile
from traffic.frames.codec import codec
from traffic.frames.host import credit
from traffic.frames.roce import frame_maker
from traffic.scenario import HostAddress, Scenario, Stream, TimedFrame

ABOUT_A_PORT: Final = frozenset({"DATA", "REQUEST", "GRANT"})


@dataclass(frozen=True)
class Container:
    """One container as it is sent on a fabric link from `at` on, its frames back to back or `gap` ns apart.

    `indices` are the frames that are sent, in this order (None: all `frames` of them). `previous_frames` None
    is the truth: the frames of the container before in its generation; in a profile without that field, every
    container needs its `last` flag. `fill` is what the first frame says.
    """

    port: str
    sequence: int
    at: int = 0
    frames: int = 2
    generation: int = 1
    indices: tuple[int, ...] | None = None
    previous_frames: int | None = None
    fill: int = 0
    last: bool = True
    ungoverned: bool = False
    gap: int | None = None


def data_frames(
    source: str,
    destination: str,
    containers: Iterable[Container],
    hosts: Mapping[str, HostAddress],
    *,
    profile: str,
    size: int = 1000,
    cls: int = 0,
    stream: int = 1,
) -> Scenario:
    """Send these containers, as a GSP with the host `source` would, towards the host `destination`.

    They are asked for and granted before they leave, unless they are ungoverned or the far end is emulated.
    The host frames are RoCEv2 of `size` bytes with destination QP `stream`; their PSNs count up by generation
    (as first named), sequence (across its wrap) and index: they ascend when delivered in order. A container
    given twice is a duplicate with the same frames.
    """
    given = list(containers)
    if destination not in hosts:
        raise InputError(
            "scenario", "data_frames", f"{destination!r} is no host here", "name one of the testbed"
        )
    make = frame_maker(Stream(stream, source, destination, (size,), 1, cls=cls), hosts)
    made = codec(profile)
    known = made.profile
    keys = _keys(given, known.numbers())
    lengths = {key: container.frames for key, container in zip(keys, given, strict=True)}
    first: Counter[tuple[int, int]] = Counter()
    total = 0
    for key in sorted(lengths):
        first[key] = total
        total += lengths[key]
    frames = []
    for (generation, sequence), container in zip(keys, given, strict=True):
        indices = range(container.frames) if container.indices is None else container.indices
        before = lengths.get((generation, sequence - 1), container.frames if container.sequence else 0)
        for place, index in enumerate(indices):
            payload = make(first[generation, sequence] + index)
            values = {
                "source": hosts[source].node,
                "destination": hosts[destination].node,
                "port": hosts[destination].port,
                "class": cls,
                "flags": _flags(known, container, index),
                "sequence": container.sequence,
                "generation": container.generation,
                "index": index,
                "fill": container.fill + index * credit(payload),
                "hop_limit": known.messages["DATA"].hop_limit - 1,
            }
            if container.previous_frames is not None or not container.last:
                known.field("DATA", "previous_frames")
            if container.previous_frames is not None:
                values["previous_frames"] = container.previous_frames
            elif known.has("DATA", "previous_frames"):
                values["previous_frames"] = before
            frame = made.encode("DATA", values, payload=payload)
            at = container.at + place * (container.gap or 0)
            frames.append(TimedFrame(at, container.port, frame, governed=not container.ungoverned))
    return Scenario(frames=tuple(frames), name="containers")


def message(
    port: str,
    name: str,
    values: Mapping[str, int],
    *,
    profile: str,
    at: int = 0,
    payload: bytes = b"",
    entries: Iterable[Mapping[str, int]] = (),
    crc_error: int = 0,
    octets: int | None = None,
    governed: bool = False,
) -> Scenario:
    """Send one message on a fabric link; `values` may break any field, as in `Codec.encode`.

    DATA that is `governed` leaves once its source was granted it.

    KeyError where it is about an egress port, and `values` do not say which.
    """
    if name in ABOUT_A_PORT and "port" not in values:
        raise KeyError(f"{name} is about an egress port; say which, as port")
    frame = codec(profile).encode(
        name, values, payload=payload, entries=tuple(entries), crc_error=crc_error, octets=octets
    )
    return Scenario(frames=(TimedFrame(at, port, frame, governed),), name=name)


def _keys(containers: Iterable[Container], numbers: int) -> list[tuple[int, int]]:
    """Rank the generation of each, and unwrap its sequence (RFC 1982) around the first of its generation.

    `numbers` is how many sequence numbers there are.
    """
    half = numbers // 2
    starts: dict[int, tuple[int, int]] = {}
    found = []
    for container in containers:
        rank, start = starts.setdefault(container.generation, (len(starts), container.sequence))
        found.append((rank, start + (container.sequence - start + half) % numbers - half))
    return found


def _flags(profile: WireProfile, container: Container, index: int) -> int:
    last = container.last and index == container.frames - 1
    ungoverned = profile.flag("UNGOVERNED") if container.ungoverned else 0
    return profile.flags.get("LAST", 0) * last | ungoverned
