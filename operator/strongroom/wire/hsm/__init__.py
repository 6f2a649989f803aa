"""Shapes between the HSM sidecar and its clients, generated from ``hsm.proto``."""
