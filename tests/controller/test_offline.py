"""Plans without a daemon: assumed nodes, every object and step, nothing applyable."""

from pathlib import Path

import pytest

from reconciler.controller.offline import AssumedNode, plan_offline, read_nodes
from reconciler.git.worktree import read_directory
from reconciler.model.errors import ConfigurationError
from reconciler.model.plan import Decision
from reconciler.model.ports import ManifestFile

EXAMPLE = Path(__file__).parents[2] / "examples" / "repo"


def example() -> tuple[ManifestFile, ...]:
    """The example repository's files."""
    files = read_directory(EXAMPLE).files
    return tuple(ManifestFile(path=one.path, blob_id=one.blob_id, content=one.content) for one in files)


def test_the_example_is_planned_with_every_step_in_order() -> None:
    """P13: objects, placement, volumes, links and containers; what something needs comes before it."""
    answer = plan_offline(example())
    assert answer.plan is not None
    plan = answer.plan
    assert not plan.applyable
    assert plan.assumptions
    created = {verdict.object.kind for verdict in plan.verdicts if verdict.decision is Decision.CREATE}
    assert {"Namespace", "Deployment", "Service", "PersistentVolumeClaim", "Pod", "Secret"} <= created
    assert {action.executor.value for action in plan.actions} == {"scheduling", "network", "volume", "container"}
    done: set[str] = set()
    known = {action.key for action in plan.actions}
    for action in plan.actions:
        assert {need for need in action.needs if need in known} <= done
        done.add(action.key)


def test_a_load_balancer_has_an_assumed_address() -> None:
    """Which is said; the pool of a cluster is not known here."""
    text = b"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n"
    answer = plan_offline((ManifestFile(path="a.yaml", blob_id="1", content=text),))
    assert answer.plan is not None
    (verdict,) = [one for one in answer.plan.verdicts if one.object.kind == "Service"]
    assert verdict.decision is Decision.CREATE and "address 198.51.100." in verdict.message
    assert "load balancers have addresses of 198.51.100.0/24" in answer.plan.assumptions


def test_the_same_files_give_the_same_plan() -> None:
    """A plan is a function of its arguments: the id is the same each time."""
    first, second = plan_offline(example()), plan_offline(tuple(reversed(example())))
    assert first.plan is not None
    assert second.plan is not None
    assert first.plan.id == second.plan.id


def test_a_node_that_is_too_small_is_told() -> None:
    """What does not fit says so in kube-scheduler's words."""
    answer = plan_offline(example(), (AssumedNode(name="tiny", cpu=0.001, memory="1Mi"),))
    assert answer.plan is not None
    assert any("0/1 nodes are available" in one.message for one in answer.plan.blocked)


def test_a_broken_nodes_file_says_what_is_expected(tmp_path: Path) -> None:
    """The error names the file and shows the form."""
    path = tmp_path / "nodes.yaml"
    path.write_text("- {nam: x}\n")
    with pytest.raises(ConfigurationError) as told:
        read_nodes(path)
    assert str(path) in str(told.value)
    assert "name: node-1" in told.value.hint
