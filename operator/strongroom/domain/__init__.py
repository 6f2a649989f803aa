"""Names, versions, states, rules and decisions. Pure: no I/O, no clock, no randomness."""
