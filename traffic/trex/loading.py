"""Streams that a TRex server plays and counts by itself."""

import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from traffic.trex.connection import Connection
from traffic.trex.data import GroupCounters, Load
from traffic.trex.errors import TrexRefusedError

_POLL_S: Final = 0.02


class Loading(Connection):
    """A connection over which ports are given loads."""

    @abstractmethod
    def _chain(self, stream: Any, follower: str) -> None:  # noqa: ANN401 - untyped
        """Let a stream be followed by another."""

    def add(self, port: int, loads: Sequence[Load]) -> None:
        """Give a port its loads, in addition to those it has; they start with `start`."""
        followers = {load.follower for load in loads}
        if missing := followers - {None} - {load.name for load in loads}:
            raise ValueError(f"no load is called {min(map(str, missing))}")
        self._owned(port)
        with self._told("adding streams"):
            streams = [self._stream(load, self_start=load.name not in followers) for load in loads]
            self._client.add_streams(streams, ports=[port])
        self._groups |= {load.group: {} for load in loads if load.group is not None}

    def schedule(self, port: int, frames: Sequence[tuple[int, bytes]]) -> None:
        """Hand a port single frames with their times, ns after `start`, kept by the server as well as it can.

        Frames under 60 octets are padded; those of the same time leave in any order.
        """
        self.add(
            port,
            [
                Load(f"frame {number}", frame, pps=1, count=1, start=at)
                for number, (at, frame) in enumerate(frames)
            ],
        )

    def clear(self, port: int) -> None:
        """Take all loads from a port."""
        self._owned(port)
        with self._told("removing streams"):
            self._client.remove_all_streams([port])

    def start(self, ports: Iterable[int], *, seconds: float | None = None, rate: str = "1") -> None:
        """Start the loads of ports, multiplied by a number or to a rate (`2`, `5kpps`, `50%`).

        They end by themselves, or after `seconds`.
        """
        wanted = list(ports)
        for port in wanted:
            self._owned(port)
        with self._told("starting traffic"):
            if self._groups:
                self._groups = self._group_counters(self._groups)
            duration = -1 if seconds is None else seconds
            self._client.start(wanted, mult=rate, force=True, duration=duration)

    def wait(self, ports: Iterable[int], *, limit: float, settle: float = 0.1) -> None:
        """Wait until the loads have ended, at most `limit` s, and `settle` s more for what is under way.

        After that, groups count no more. TrexRefusedError if the loads go on.
        """
        wanted, end = list(ports), time.monotonic() + limit
        with self._told("waiting for traffic"):
            while self._synchronise(wanted):
                if time.monotonic() > end:
                    mend = "stop it, or allow more time"
                    raise self._error(TrexRefusedError, f"the traffic went on for {limit:g} s", mend)
                time.sleep(_POLL_S)
        time.sleep(settle)
        self.stop(wanted, settle=0)

    def sends(self, ports: Iterable[int]) -> bool:
        """Say whether loads of ports go on."""
        with self._told("asking for the traffic"):
            return self._synchronise(ports)

    def stop(self, ports: Iterable[int], *, settle: float = 0.1) -> None:
        """Stop the loads of ports, and let groups count for `settle` s more."""
        with self._told("stopping traffic"):
            self._client.stop(list(ports), rx_delay_ms=round(settle * 1000))

    def groups(self, groups: Iterable[int]) -> dict[int, GroupCounters]:
        """Read what was counted of packet groups since they were last started; times are of all time."""
        with self._told("reading group counters"):
            read = self._group_counters(groups)
        return {group: _group(counts, self._groups.get(group, {})) for group, counts in read.items()}

    # Inside

    def _group_counters(self, groups: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Ask for groups as the server counts them: the old library fails over one that received nothing."""
        wanted = list(groups)
        read = self._transmit("get_pgid_stats", pgids=wanted)
        parts = ("ver_id", "flow_stats", "latency")
        return {group: {part: (read.get(part) or {}).get(str(group)) for part in parts} for group in wanted}

    def _stream(self, load: Load, *, self_start: bool) -> Any:  # noqa: ANN401 - untyped
        api = self._api
        steps = []
        for number, counting in enumerate(load.counting):
            name, most = f"n{number}", (1 << 8 * counting.size) - 1
            steps += [
                api.STLVmFlowVar(name, counting.first, min_value=0, max_value=most, size=counting.size),
                api.STLVmWrFlowVar(name, counting.offset),
            ]
        vm = api.STLScVmRaw(steps) if steps else None
        mode = api.STLTXCont(pps=load.pps)
        if load.count is not None:
            mode = api.STLTXSingleBurst(pps=load.pps, total_pkts=load.count)
        rule = api.STLFlowLatencyStats if load.latency else api.STLFlowStats
        stream = api.STLStream(
            name=load.name,
            packet=api.STLPktBuilder(pkt_buffer=load.frame, vm=vm),
            mode=mode,
            isg=load.start / 1000,
            self_start=self_start,
            next=load.follower,
            flow_stats=None if load.group is None else rule(pg_id=load.group),
            mac_src_override_by_pkt=True,
            mac_dst_override_mode=api.STLStreamDstMAC_PKT,
        )
        if load.follower is not None:
            self._chain(stream, load.follower)
        return stream


def _group(read: Mapping[str, Any], before: Mapping[str, Any]) -> GroupCounters:
    """Make plain counters of what a server told, less what it told before if it counted on since."""
    old = before if before.get("ver_id") == read["ver_id"] else {}
    sent, received = (_difference(read, old, "flow_stats", key) for key in ("tp", "rp"))
    errors = _difference(read, old, "latency", "er")
    times = (read["latency"] or {}).get("lat", {})
    return GroupCounters(
        {int(port): count for port, count in sent.items()},
        {int(port): count for port, count in received.items()},
        *(errors.get(name, 0) for name in ("drp", "dup", "ooo", "sth", "stl")),
        *(float(times.get(name, 0)) for name in ("average", "total_max", "total_min", "jit")),
    )


def _difference(read: Mapping[str, Any], old: Mapping[str, Any], part: str, key: str) -> dict[str, int]:
    before = (old.get(part) or {}).get(key, {})
    return {name: value - before.get(name, 0) for name, value in (read[part] or {}).get(key, {}).items()}
