"""A client of the vaults' API, and of what the cluster says about vaults."""
