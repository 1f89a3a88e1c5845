"""What a person may say of a host's limits, and what is refused with the setting's name."""

from pathlib import Path

import pytest

from reconciler.config import load_settings
from reconciler.model.errors import ConfigurationError
from reconciler.model.pressure import DEFAULT_LIMITS


def limits(tmp_path: Path, text: str) -> object:
    """The limits that a settings file says."""
    (tmp_path / "config.yaml").write_text(text)
    return load_settings(str(tmp_path)).host_limits


def test_nothing_said_are_the_kubelets_defaults(tmp_path: Path) -> None:
    """85 and 80 percent, five minutes, no soft thresholds."""
    assert limits(tmp_path, "") == DEFAULT_LIMITS


def test_thresholds_with_all_that_belongs_to_them(tmp_path: Path) -> None:
    """Spelled as for the kubelet."""
    (tmp_path / "config.yaml").write_text(
        """
evictionHard: "nodefs.available<5%"
evictionSoft: "nodefs.available<10%"
evictionSoftGracePeriod: "nodefs.available=1m"
evictionMinimumReclaim: "nodefs.available=1Gi"
evictionMaxPodGraceS: 20
evictionPressureTransitionS: 60
imageGcHighPercent: 70
imageGcLowPercent: 60
imageMinimumGcAgeS: 0
"""
    )
    found = load_settings(str(tmp_path)).host_limits
    hard, soft = found.thresholds
    assert (hard.share, hard.grace_s, hard.reclaim) == (0.05, None, 1 << 30)
    assert (soft.share, soft.grace_s, soft.reclaim) == (0.10, 60.0, 1 << 30)
    assert (found.max_pod_grace_s, found.transition_s) == (20.0, 60.0)
    assert (found.images.high, found.images.low, found.images.min_age_s) == (70, 60, 0.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("evictionSoft: nodefs.available<10%", "grace period"),
        ("evictionMinimumReclaim: nodefs.available", "nodefs.available"),
        ("imageGcHighPercent: 80", "imageGcLowPercent 80 is not below"),
        ("imageGcHighPercent: 101", "imageGcHighPercent 101"),
        ("imageGcLowPercent: -1", "imageGcLowPercent -1"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(tmp_path: Path, text: str, named: str) -> None:
    """With the name of the setting."""
    with pytest.raises(ConfigurationError, match=named):
        limits(tmp_path, text)
