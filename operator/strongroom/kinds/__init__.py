"""The custom resources: typed shapes, their CRD schemas, and the way to and from domain words.

A model per kind (``vault``, ``vaultsecret``) is the one source of the CRD (``schema``, ``crd``), of the
reference (``reference``) and of what a controller parses. ``conditions`` and ``names`` hold the words on the
objects.
"""
