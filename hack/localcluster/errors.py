"""What can go wrong with a local cluster. Every message says what to do next.

LocalClusterError
├── BuildFailed       the Kubernetes or etcd binaries could not be had
├── NotReady          the control plane did not come up
│   └── PortTaken     because another process was quicker to take one of its ports
└── KubectlFailed     a kubectl command answered with an error
"""


class LocalClusterError(Exception):
    """Shown to the developer as it is, without a traceback."""


class BuildFailed(LocalClusterError):
    pass


class NotReady(LocalClusterError):
    pass


class PortTaken(NotReady):
    pass


class KubectlFailed(LocalClusterError):
    pass
