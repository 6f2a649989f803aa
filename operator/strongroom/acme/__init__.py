"""Issuers of certificates that speak ACME (RFC 8555), and how names are proven to them."""
