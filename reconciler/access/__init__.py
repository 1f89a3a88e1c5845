"""The cluster's own certificate authority, what it issues, and the files that people use them with.

`Authority` signs, `ServerCertificate` is what the API shows, `make_request` is a client's part.
"""

from reconciler.access.authority import Authority
from reconciler.access.certificates import Presented, read_presented
from reconciler.access.requests import make_request
from reconciler.access.server_certificate import ServerCertificate

__all__ = ["Authority", "Presented", "ServerCertificate", "make_request", "read_presented"]
