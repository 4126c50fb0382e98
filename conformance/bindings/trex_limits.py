"""What no TRex server can do, and how quick one has to be to stand in for devices."""

from typing import Final

TREX: Final = {
    "pfc": "streams of TRex do not heed PFC",
    "service tags": "TRex reads an outer tag 0x88A8 as 0x8100 where its ports are AF_PACKET",
}
"""What no TRex can do, or none that is known to do it."""
SHARES: Final = {"grant_round_trip": 2, "grant_validity": 10, "hello_interval": 10}
"""How many reactions of the tester have to fit into a duration, so that its peers behave well."""
