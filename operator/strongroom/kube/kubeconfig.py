"""What a kubeconfig says beside how to connect."""

from __future__ import annotations

from pathlib import Path

from kubernetes.aio.config import list_kube_config_contexts

from strongroom.kube import errors


def namespace_of(path: Path, context: str | None = None) -> str:
    """Return the namespace of a context, the current one unless named. Raises Unavailable when it cannot be read."""
    try:
        contexts, current = list_kube_config_contexts(str(path))  # type: ignore[no-untyped-call]
        wanted = current if context is None else next(each for each in contexts if each["name"] == context)
        return str((wanted["context"] or {}).get("namespace") or "default")
    except Exception as error:  # a half-written file; parsers quote what they choke on
        raise errors.Unavailable(0, "NoConnection", f"the kubeconfig {path} cannot be read") from error
