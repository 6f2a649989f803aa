"""Who asks: ServiceAccounts by the API server, people by their identity provider, both by tokens of our own.

A token's own words decide only who is asked about it. What nobody vouches for is refused; where nobody can be asked,
the answer is "not now" (``IdentityUnavailable``), never a guess.
"""
