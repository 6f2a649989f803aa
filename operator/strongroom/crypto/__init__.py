"""Primitives with the argument for their safety beside them. The only home of `cryptography`."""
