"""A thin asynchronous Kubernetes client and its error tree. The only home of the client library."""
