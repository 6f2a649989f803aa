"""Installs what developing needs: a virtual environment from the lock file, and SoftHSM. Standard library only."""
