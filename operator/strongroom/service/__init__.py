"""Use cases: authorise, decide, act through ports."""
