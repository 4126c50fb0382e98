def invariant(name):
    return lambda function: (name, function)[1]


@invariant("PKTC-ORDER")
def numbers_rise(recording, expect):
    """Sequence numbers rise on every uplink."""
