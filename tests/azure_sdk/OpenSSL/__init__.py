"""Stands for pyOpenSSL, whose newest release has no signing requests any more, which the tests of merging use."""
