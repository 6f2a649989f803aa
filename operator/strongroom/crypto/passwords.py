"""Passwords as servers keep them."""

from __future__ import annotations

import bcrypt


def htpasswd_line(username: str, password: str, cost: int) -> str:
    """Return ``user:$2y$...``, a line of a password file of nginx or Apache, without its end.

    ``password`` has at most 72 octets, ``username`` no colon: ``domain.generation.Htpasswd`` sees to it.
    """
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode("ascii")
    # The library writes $2b$. Both names mean the same algorithm; older Apache knows only the one of crypt_blowfish.
    return f"{username}:$2y${hashed.removeprefix('$2b$')}"
