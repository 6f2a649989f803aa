"""Lines of password files."""

from __future__ import annotations

import bcrypt
import pytest

from strongroom.crypto.passwords import htpasswd_line


@pytest.mark.parametrize("password", ["hunter2!", "x" * 72])
def test_a_line_verifies_its_password_and_no_other(password: str) -> None:
    user, _, hashed = htpasswd_line("admin", password, 10).partition(":")
    assert user == "admin"
    assert hashed.startswith("$2y$10$")
    assert bcrypt.checkpw(password.encode(), hashed.encode())
    assert not bcrypt.checkpw(password[:-1].encode() + b"?", hashed.encode())


def test_the_cost_is_the_one_asked_for() -> None:
    assert ":$2y$12$" in htpasswd_line("admin", "hunter2!", 12)


def test_one_password_has_many_lines() -> None:
    assert htpasswd_line("admin", "hunter2!", 10) != htpasswd_line("admin", "hunter2!", 10)
