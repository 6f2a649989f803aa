"""Shapes between a Kubernetes API server and the KMS plugin, generated from ``kms.proto``."""
