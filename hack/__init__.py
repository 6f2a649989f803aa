"""Tools for developing Strongroom. Nothing here is shipped."""
