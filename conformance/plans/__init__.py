"""Plans of what to play, as data: the scenarios that they stand for, and the oracle that judges the plays."""
