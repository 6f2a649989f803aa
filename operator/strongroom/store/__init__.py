"""The sealed store: encrypted, versioned records kept as Secrets in the system namespace."""
