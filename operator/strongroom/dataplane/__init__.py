"""The HTTPS door: the REST API of Azure Key Vault, and the token service."""
