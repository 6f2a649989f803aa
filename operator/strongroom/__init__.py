"""Strongroom: a self-hosted key vault for Kubernetes.

The rooms, from the doors down to pure decisions (docs/design/0001-rooms.md):

* ``entrypoints``: one composition root per process; alone read the environment and files
* ``controllers``: the Kubernetes door: kopf watches, reconciles, reports
* ``service``, ``store``, ``hsm``, ``telemetry``: use cases and adapters
* ``kube``, ``crypto``, ``wire``, ``kinds``: thin clients, primitives, shapes
* ``domain``: names, versions, states and decisions. Pure
"""
