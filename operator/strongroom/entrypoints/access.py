"""What the commands for people have in common: their options, and how failures end."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

from strongroom.cli import explaining
from strongroom.domain.errors import StrongroomError
from strongroom.entrypoints.options import environment

Command = Callable[[argparse.Namespace], Coroutine[None, None, int]]


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which cluster."""
    group = parser.add_argument_group("cluster")
    group.add_argument("-n", "--namespace", metavar="NAME", help="of the Vault; default: the kubeconfig's")
    group.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="default: $KUBECONFIG, ~/.kube/config, or the Pod's"
    )
    group.add_argument("--context", metavar="NAME", help="of the kubeconfig; default: the current one")


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to reach a vault's server."""
    group = parser.add_argument_group("server")
    text = "PEM file of the certificates to trust; default: the ConfigMap strongroom-ca, with --url the system's"
    group.add_argument("--ca-file", type=Path, metavar="FILE", default=environment("ca"), help=text)
    text = "reach the vault there and not where DNS says, as through kubectl port-forward"
    group.add_argument("--connect-to", metavar="HOST[:PORT]", default=environment("connect-to"), help=text)


def add_vault(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which vault, and as whom."""
    which = parser.add_argument_group("vault").add_mutually_exclusive_group()
    which.add_argument("--vault", metavar="NAME", help="of the Vault in the cluster")
    which.add_argument("--url", help="of the vault, without asking the cluster; default: $STRONGROOM_VAULT_URL")
    add_cluster(parser)
    add_server(parser)
    who = parser.add_argument_group("identity").add_mutually_exclusive_group()
    who.add_argument("--token-file", metavar="FILE", help="with a bearer token; default: $STRONGROOM_TOKEN_FILE")
    who.add_argument("--service-account", metavar="[NAMESPACE/]NAME", help="mint a token for it by the kubeconfig")


def finish(program: str, command: Command, options: argparse.Namespace) -> int:
    """Run a command to its exit code; say on standard error what went wrong."""
    try:
        code = asyncio.run(command(options))
        sys.stdout.flush()
        return code
    except StrongroomError as error:
        print(f"{program}: {explaining.explain(error)}", file=sys.stderr)
        return explaining.exit_code(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails again
    except OSError as error:
        print(f"{program}: {error.filename or 'the system'}: {error.strerror or type(error).__name__}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
    return explaining.ERROR
