"""Stock kubectl clients: which are on this machine, and one that talks to a host as one user."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.host import Run

VERSIONS = ("1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33")
# Distributions and SDKs keep several versions beside each other under such names.
_PLACES = ("/usr/lib/google-cloud-sdk/bin", "/usr/local/bin", "/opt/kubectl")


def found() -> dict[str, str]:
    """Return the kubectl programs by version, as far as they are there."""
    programs = {}
    for version in VERSIONS:
        names = (f"kubectl.{version}", f"kubectl-{version}")
        places = (shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *_PLACES])) for name in names)
        if program := next((place for place in places if place), None):
            programs[version] = program
    if not programs and (plain := shutil.which("kubectl")):
        programs["any"] = plain
    return programs


class Kubectl:
    """One kubectl as one user."""

    def __init__(self, program: str, config: Path, cache: Path) -> None:
        self.program = program
        self.command = [program, f"--kubeconfig={config}", f"--cache-dir={cache}"]
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(cache)}

    def run(self, *arguments: str, input: str | None = None, timeout: float = 60) -> Run:
        """Run a command to its end."""
        done = subprocess.run(
            [*self.command, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=self._environment,
            input=input,
        )
        return Run(done)

    def out(self, *arguments: str, input: str | None = None, timeout: float = 60) -> str:
        """Run a command that must succeed; return what it prints."""
        done = self.run(*arguments, input=input, timeout=timeout)
        assert done.code == 0, (arguments, done)
        return done.out

    @contextmanager
    def following(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command that goes on; it is ended on leaving."""
        process = subprocess.Popen(
            [*self.command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)
            if process.stdout:
                process.stdout.close()
