"""The whole system on this machine in the background: `make up`, `make down`, `make demo`."""
