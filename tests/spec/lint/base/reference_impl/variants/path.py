def variant(*clauses):
    return lambda part: (clauses, part)[1]


@variant("PKTC-ONE-PATH")
class DrawsThePath:
    """Draws the path of each container.

    One path a container is all that is asked.
    """

    def choose(self, paths):
        return paths.pop()
