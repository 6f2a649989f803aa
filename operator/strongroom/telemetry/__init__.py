"""Metrics, logs, redaction."""
