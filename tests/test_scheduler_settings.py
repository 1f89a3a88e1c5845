"""The settings of placing and of moving, as they stand in the settings file."""

from pathlib import Path

import pytest

from reconciler.config import load_settings
from reconciler.model.errors import ConfigurationError
from reconciler.model.policy import IngressPolicy

PACKED = """
scheduler:
  scoringStrategy:
    type: MostAllocated
    resources: [{name: cpu, weight: 3}, {name: memory}]
"""


def load(folder: Path, text: str) -> object:
    """Return the settings of a file."""
    (folder / "config.yaml").write_text(text)
    return load_settings(str(folder)).scheduler


def test_a_strategy_is_read(tmp_path: Path) -> None:
    """With its resources and their weights; all else is the default."""
    strategy = load_settings(str(tmp_path)).scheduler.scoring_strategy
    assert strategy.type == "LeastAllocated"
    (tmp_path / "config.yaml").write_text(PACKED)
    strategy = load_settings(str(tmp_path)).scheduler.scoring_strategy
    assert strategy.type == "MostAllocated"
    assert [(one.name, one.weight) for one in strategy.resources] == [("cpu", 3), ("memory", 1)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "scheduler: {scoringStrategy: {resources: [{name: cpu, weight: 0}]}}",
            r"scoringStrategy.resources\[0\].weight",
        ),
        ("scheduler: {scoringStrategy: {type: Tetris}}", "Tetris"),
        ("scheduler: {clusterDefaultNodeSelector: 'pool in (a)'}", "clusterDefaultNodeSelector: .*only key=value"),
        ("scheduler: {scoringStrategie: {}}", "scoringStrategie"),
    ],
)
def test_what_is_wrong_stops_the_start(tmp_path: Path, text: str, told: str) -> None:
    """It names the setting."""
    with pytest.raises(ConfigurationError, match=told):
        load(tmp_path, text)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Each setting with its fault."""
    text = "scheduler: {scoringStrategy: {resources: [{name: cpu, weight: 0}, {name: memory, weight: 101}]}}"
    with pytest.raises(ConfigurationError) as told:
        load(tmp_path, text)
    places = [fault.partition(": ")[0] for fault in str(told.value).split("; ")]
    assert places == [f"scheduler.scoringStrategy.resources[{one}].weight" for one in (0, 1)]


def test_moving_is_off_unless_a_file_says_so(tmp_path: Path) -> None:
    """With how long to wait and by how much it has to be worth it; all that is wrong is told at once."""
    assert not load_settings(str(tmp_path)).rebalancing.enabled
    (tmp_path / "config.yaml").write_text("rebalancing: {enabled: true, settledS: 60}")
    rules = load_settings(str(tmp_path)).rebalancing
    assert (rules.enabled, rules.settled_s, rules.margin_percent) == (True, 60.0, 20)
    (tmp_path / "config.yaml").write_text("rebalancing: {settledS: -1, marginPercent: 0}")
    with pytest.raises(ConfigurationError) as told:
        load_settings(str(tmp_path))
    assert "rebalancing.settledS: -1" in str(told.value)
    assert "rebalancing.marginPercent: 0 is not from 1 to 100" in str(told.value)
    (tmp_path / "config.yaml").write_text("rebalancing: {enabeld: true}")
    with pytest.raises(ConfigurationError, match="enabeld"):
        load_settings(str(tmp_path))


def test_what_ingresses_get_that_say_nothing_is_in_the_settings(tmp_path: Path) -> None:
    """Bodies as ingress-nginx has it by default, no log; a size that is none is told."""
    assert load_settings(str(tmp_path)).ingress == IngressPolicy(body_size="1m", access_log=False)
    (tmp_path / "config.yaml").write_text("ingress: {bodySize: 0, accessLog: true}")
    assert load_settings(str(tmp_path)).ingress == IngressPolicy(body_size=0, access_log=True)
    (tmp_path / "config.yaml").write_text("ingress: {bodySize: much}")
    with pytest.raises(ConfigurationError, match=r"ingress\.bodySize: 'much' is no size"):
        load_settings(str(tmp_path))
