def mutant(name):
    return lambda flawed: (name, flawed)[1]


@mutant("PKTC-ONE-PATH")
class SpraysFrames:
    """Takes another uplink for every frame, so that a container has many paths."""

    def choose(self, frame):
        return frame % 2
