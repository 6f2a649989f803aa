"""The same with Azure's libraries for Python (azure-identity, azure-keyvault-secrets): decide, change, publish.

DefaultAzureCredential signs in by the environment, see docs/how-to/sign-in.md.
"""
# ruff: noqa: S603, TID251

import os
import secrets
import subprocess
import tempfile
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient


def fetch(vault: SecretClient, name: str) -> str | None:
    """Return the value, None when there is no such secret."""
    try:
        return vault.get_secret(name).value
    except ResourceNotFoundError:
        return None


def alter(password: str) -> None:
    """Change it outside. It goes by a file: a command line is public."""
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "password").write_text(password)
        script = Path(__file__).with_name("alter.sql")
        command = ["psql", "--no-psqlrc", "--quiet", f"--file={script}"]
        subprocess.run(command, env=os.environ | {"WORK": work}, check=True)


def main() -> None:
    """Rotate. When the last rotation was cut short, finish it."""
    name = os.environ["SECRET"]
    with SecretClient(os.environ["STRONGROOM_VAULT_URL"], DefaultAzureCredential()) as vault:
        current, following = fetch(vault, name), fetch(vault, f"{name}-next")
        if following is None or following == current:
            following = secrets.token_urlsafe(24)
            vault.set_secret(f"{name}-next", following)
        alter(following)
        vault.set_secret(name, following, content_type="text/plain", tags={"role": os.environ["ROLE"]})


if __name__ == "__main__":
    main()
