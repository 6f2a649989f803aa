"""A thin asynchronous Kubernetes client and its error tree. The only home of the client library.

``resources`` says what exists, ``api`` is the port, ``client`` its implementation over ``transport``;
``answers`` and ``errors`` turn refusals into exceptions. On top: ``informer`` (list and watch for ever),
``lease`` (leader election) and ``events`` (what a person sees in ``kubectl describe``).
"""
