def mutant(name, **_):
    return lambda flawed: (name, flawed)[1]


@mutant("PKTC-ONE-PATH")
class SpraysFrames:
    """Takes another uplink for every frame, so that a container has many paths."""

    def choose(self, frame):
        return frame % 2


@mutant("PKTC-ORDER", kind="history")
class TiresOfOrder:
    """Keeps the order of the first containers only."""

    def order(self, sequence):
        return sequence % 2
