"""The Kubernetes door. The only home of kopf."""
