"""All requests of TRex's protocol that the stand-in answers."""

from traffic.trex_stand_in.handling import Handling
from traffic.trex_stand_in.playing import Playing
from traffic.trex_stand_in.telling import Telling


class Methods(Telling, Handling, Playing):
    """Answers whatever a client may ask."""
