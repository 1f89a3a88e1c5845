"""Which release this is, in the form in which Kubernetes' servers and nodes tell theirs. Pure."""

KUBERNETES_MAJOR = "1"
# The minor version whose behaviour we follow.
KUBERNETES_MINOR = "33"


def release_text(version: str) -> str:
    """Return our version behind that of the Kubernetes whose behaviour we follow."""
    return f"v{KUBERNETES_MAJOR}.{KUBERNETES_MINOR}.0+reconciler.{version}"
