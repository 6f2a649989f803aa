"""The HSM: an asynchronous client of the sidecar, and the sidecar itself."""
