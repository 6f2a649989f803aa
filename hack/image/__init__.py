"""The image's content without Docker: a root file system in layers, made as the Dockerfile says, and pods run in it.

from hack.image import built, unsupported
if not (reason := unsupported()):
    layers = built()
"""

from .layers import ImageError, built, unsupported

__all__ = ["ImageError", "built", "unsupported"]
