"""The custom resources: typed shapes, their CRD schemas, and the way to and from domain words."""
