"""What can go wrong with the system as a whole. The message says what to do next."""


class DevError(Exception):
    """Shown to the developer as it is, without a traceback."""
