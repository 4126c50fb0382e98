def invariant(name):
    return lambda function: function


@invariant("PKTC-ORDER")
def numbers_rise(recording, expect):
    """Sequence numbers rise on every uplink."""
