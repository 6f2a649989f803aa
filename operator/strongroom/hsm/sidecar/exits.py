"""How a worker tells its supervisor why it ended. Neither side needs the other's libraries for it."""

DRAINED = 0  # asked to end, or due for replacement: the next one starts at once
REINITIALISE = 75  # the token is lost: the next one starts after a pause (EX_TEMPFAIL)
