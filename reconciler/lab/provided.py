"""The lab's own provider, as the daemon on its first node runs it. Effect: an executable below the lab's folder."""

import shlex
import sys
from ipaddress import IPv4Network
from pathlib import Path

FOLDER = "provider"
# How the provider reaches the network between the nodes, where it has to see to routes.
NETWORK = "network"


def provider_folder(lab: Path) -> Path:
    """Return the provider's folder in that of a lab; it is there then."""
    folder = lab / FOLDER
    folder.mkdir(exist_ok=True)
    return folder


def write_provider(lab: Path, subnet: IPv4Network) -> Path:
    """Write the executable that answers for the lab's machines; return its path, which is the same on every node."""
    folder = provider_folder(lab)
    script = folder / "answer"
    program = Path(__file__).with_name("provider.py")
    # Started by its path, with nothing of this program around it: as anybody's own is.
    words = [sys.executable, "-I", str(program), str(folder), str(subnet)]
    script.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n", encoding="utf-8")
    script.chmod(0o755)
    return script
