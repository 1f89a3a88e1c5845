"""`reconciler lab`."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.cli.common import JSON, TEXT, note, write_result
from reconciler.model.errors import ConfigurationError, TransientError

if TYPE_CHECKING:
    from reconciler.lab.lab import Lab
    from reconciler.lab.node import Node

F = TypeVar("F", bound=Callable[..., Any])
_DEFAULT = "/var/lib/reconciler-lab"
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group("lab", context_settings=_SETTINGS)
def run() -> None:
    """Several hosts on this machine, to try things with: each with a Docker Engine and an agent of its own.

    A node of a lab has its own processes, mounts, name, network and cgroups; a network of theirs connects the nodes,
    and node-1 runs the daemon. It is a place to try a rollout, a dead host or a bad network, and not one to run things
    for others. Every file is below one folder (--data-dir), and nothing leads from the nodes to other networks: images
    are brought in with `lab load`. Needs root.

    \b
    Example:
      reconciler lab up --nodes 3
      reconciler lab load shop/web:1.4
      reconciler lab power-off node-2
      reconciler lab down
    """


def lab_command(name: str, example: str, outputs: tuple[str, ...] = (TEXT, JSON), **settings: Any) -> Callable[[F], F]:
    """Make a command of the group, with `--data-dir` and `--output`, and an example in its help."""

    def decorate(function: F) -> F:
        lines = "".join(f"      {line}\n" for line in example.splitlines())
        function.__doc__ = f"{function.__doc__}\n\n    \b\n    Example:\n{lines}"
        form = click.option(
            "-o", "--output", type=click.Choice(outputs), default=TEXT, help="Form of the result (text)."
        )
        place = click.option("--data-dir", metavar="DIR", default=_DEFAULT, help=f"The lab's folder ({_DEFAULT}).")
        run.command(name, context_settings={**_SETTINGS, **settings})(place(form(function)))
        return function

    return decorate


@lab_command("up", "reconciler lab up --nodes 3")
@click.option("--nodes", type=click.IntRange(1, 50), default=3, help="How many hosts (3).")
@click.option(
    "--network-backend",
    type=click.Choice(("vxlan", "host-gw", "routed")),
    help="How Pods reach those of other hosts, as for `init` (vxlan); routed: by routes of the lab's provider.",
)
def up(data_dir: str, output: str, nodes: int, network_backend: str | None) -> None:
    """Bring a lab up.

    Run again it switches on what is off, and adds nodes up to the number. What a crash has left is removed first.
    """
    with _lab(data_dir, f"up --nodes {nodes}") as lab:
        changed = lab.up(nodes, network_backend or "")
        document = {**_document(lab), "changed": changed}
    write_result(document, _what_next(lab, document, changed), output)


@lab_command("status", "reconciler lab status")
def status(data_dir: str, output: str) -> None:
    """Show the nodes: power, Engine, agent, what the daemon says of each, and what is done to their links."""
    from reconciler.render import table_text
    from reconciler.render.lab import lab_table

    with _lab(data_dir, "status") as lab:
        document = _document(lab)
    write_result(document, table_text(lab_table(document["nodes"])), output)


@lab_command("down", "reconciler lab down")
def down(data_dir: str, output: str) -> None:
    """Remove the lab with everything in it, also when a crash has left only parts of it."""
    with _lab(data_dir, "down") as lab:
        removed = lab.down()
    text = f"the lab in {lab.folder} is removed" if removed else f"there is no lab in {lab.folder}"
    write_result(_answer("LabRemoval", removed=removed), text, output)


@lab_command("load", "reconciler lab load shop/web:1.4\nreconciler lab load images.tar")
@click.argument("image", metavar="IMAGE.tar|IMAGE")
def load(data_dir: str, output: str, image: str) -> None:
    """Load images into every node that is on: an archive of `docker save`, or an image of this machine's Engine.

    Pods use it as it is with `imagePullPolicy: IfNotPresent` or `Never`.
    """
    door = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    with _lab(data_dir, f"load {image}") as lab:
        if not Path(image).is_file() and not door.exists():
            raise ConfigurationError(
                f"{image} is no file here, and this machine has no Docker Engine to take an image from",
                hint="name an archive that `docker save` has made elsewhere",
            )
        loaded = lab.load(image, door)
    lines = [f"{name}: {', '.join(images)}" for name, images in loaded.items()]
    write_result(_answer("LabImages", nodes=loaded), "\n".join(lines), output)


@lab_command("power-off", "reconciler lab power-off node-2")
@click.argument("node")
def power_off(data_dir: str, output: str, node: str) -> None:
    """Cut a node's power: everything that runs there ends at once, and its disk stays."""
    with _lab(data_dir, f"power-off {node}") as lab:
        changed = lab.power_off(node)
    text = f"{node} is off{'' if changed else ' already'}"
    write_result(_answer("LabPower", node=node, power="off", changed=changed), text, output)


@lab_command("power-on", "reconciler lab power-on node-2")
@click.argument("node")
def power_on(data_dir: str, output: str, node: str) -> None:
    """Switch a node on again, with the disk that it had."""
    with _lab(data_dir, f"power-on {node}") as lab:
        changed = lab.power_on(node)
    text = f"{node} is on{'' if changed else ' already'}"
    write_result(_answer("LabPower", node=node, power="on", changed=changed), text, output)


@lab_command("partition", "reconciler lab partition node-3\nreconciler lab partition node-3 --from node-1")
@click.argument("node")
@click.option("--from", "others", metavar="NODE", multiple=True, help="Only from this node; may be repeated.")
def partition(data_dir: str, output: str, node: str, others: tuple[str, ...]) -> None:
    """Let nothing pass between a node and the others, without a sign of it on either side; `lab heal` ends it."""
    with _lab(data_dir, f"partition {node}") as lab:
        cut = lab.partition(node, others)
    write_result(_answer("LabPartition", node=node, cutFrom=cut), f"{node} is cut from {', '.join(cut)}", output)


@lab_command("slow", "reconciler lab slow node-3 --delay 50ms --loss 1%")
@click.argument("node")
@click.option("--delay", metavar="TIME", default="", help="So much later each packet arrives, each way: 50ms.")
@click.option("--loss", metavar="PERCENT", default="", help="So many packets are lost, each way: 1%.")
def slow(data_dir: str, output: str, node: str, delay: str, loss: str) -> None:
    """Make a node's link slow or lossy, both ways; `lab heal` ends it."""
    from reconciler.lab.fabric import Slow

    if not (delay or loss):
        raise click.UsageError("say how bad: --delay 50ms, --loss 1%, or both")
    if delay and not re.fullmatch(r"\d{1,6}(us|ms|s)", delay):
        raise click.UsageError(f"--delay: {delay!r} is no time such as 50ms or 2s")
    if loss and not (re.fullmatch(r"\d{1,3}(\.\d+)?%?", loss) and float(loss.rstrip("%")) <= 100):
        raise click.UsageError(f"--loss: {loss!r} is no share such as 1% or 0.5%")
    percent = float(loss.rstrip("%") or 0)
    with _lab(data_dir, f"slow {node}") as lab:
        lab.slow(node, Slow(delay=delay, loss=percent))
    words = " and ".join([*([f"a delay of {delay}"] if delay else []), *([f"a loss of {percent:g}%"] if loss else [])])
    write_result(
        _answer("LabLink", node=node, delay=delay, lossPercent=percent), f"{node} has {words} each way", output
    )


@lab_command("heal", "reconciler lab heal node-3")
@click.argument("node")
def heal(data_dir: str, output: str, node: str) -> None:
    """Make a node's links good again: it is no longer cut from any node, and neither slow nor lossy."""
    with _lab(data_dir, f"heal {node}") as lab:
        lab.heal(node)
    write_result(_answer("LabLink", node=node), f"the links of {node} are good", output)


@lab_command("exec", "reconciler lab exec node-2 docker ps", outputs=(TEXT,), allow_interspersed_args=False)
@click.argument("node")
@click.argument("words", metavar="COMMAND [ARGUMENT...]", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(data_dir: str, output: str, node: str, words: tuple[str, ...]) -> None:
    """Run a command on a node; our own find its daemon or agent by themselves. The exit code is that of the command."""
    # As `kubectl exec NAME -- COMMAND` is written.
    words = words[1:] if words[0] == "--" else words
    if not words:
        raise click.UsageError("a command is missing: reconciler lab exec NODE COMMAND [ARGUMENT...]")
    with _lab(data_dir, f"exec {node}") as lab:
        one: Node = lab.node(node)
        command = one.inside(*words)
    os.execvpe(command[0], command, one.environment())


@lab_command("kubeconfig", "reconciler lab kubeconfig > lab.yaml && kubectl --kubeconfig lab.yaml get nodes")
def kubeconfig(data_dir: str, output: str) -> None:
    """Print a kubeconfig with every right, for kubectl on this machine."""
    import json

    from reconciler.lab import cluster

    with _lab(data_dir, "kubeconfig") as lab:
        text = cluster.ours(lab.nodes()[0], "kubeconfig", "--output", output)
    write_result(json.loads(text) if output == JSON else {}, text, output)


@contextmanager
def _lab(data_dir: str, words: str) -> "Iterator[Lab]":
    """Give the lab in a folder; tools that fail are errors in our form."""
    from reconciler.lab.lab import Lab
    from reconciler.lab.requirements import require_root

    require_root(f"reconciler lab {words}")
    try:
        yield Lab(Path(data_dir), note)
    except subprocess.CalledProcessError as error:
        what = " ".join(str(word) for word in error.cmd)
        raise TransientError(f"{what}: {(error.stderr or '').strip() or f'exit code {error.returncode}'}") from error
    except subprocess.SubprocessError as error:
        raise TransientError(str(error)) from error


def _answer(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "reconciler.dev/v1", "kind": kind, **fields}


def _document(lab: "Lab") -> dict[str, Any]:
    return _answer("Lab", folder=str(lab.folder), nodes=lab.describe())


def _what_next(lab: "Lab", document: dict[str, Any], changed: bool) -> str:
    first = lab.nodes()[0]
    there = "" if str(lab.folder) == _DEFAULT else f" --data-dir {lab.folder}"
    count = len(document["nodes"])
    lines = (
        f"the lab is up{'' if changed else ' already'}: {count} node{'s' * (count > 1)} in {lab.folder}",
        "look at it, here and with kubectl:",
        f"  export RECONCILER_DATA_DIR={first.data}",
        "  reconciler nodes",
        f"  reconciler lab kubeconfig{there} > lab.yaml; kubectl --kubeconfig lab.yaml get nodes",
        "bring images in, then push manifests:",
        f"  reconciler lab load IMAGE{there}",
        f"  git remote add lab {first.data}/receive/manifests.git; git push lab HEAD:main",
        "break something, and remove it all:",
        f"  reconciler lab power-off node-{count}{there}",
        f"  reconciler lab down{there}",
    )
    return "\n".join(lines)
