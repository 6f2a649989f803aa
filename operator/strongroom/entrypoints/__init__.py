"""Composition roots, one per process. Alone read the environment, arguments and files."""
