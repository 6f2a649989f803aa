"""The plugin for Kubernetes' encryption at rest: KMS API v2 on a Unix socket, with a key that only the token opens."""
