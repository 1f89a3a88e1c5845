"""What a person may say of node ports and of load balancers' addresses, and what is refused, all at once."""

from pathlib import Path

import pytest

from reconciler.config import load_settings
from reconciler.daemon import cluster_of
from reconciler.model.errors import ConfigurationError


def test_pools_reach_the_cluster(tmp_path: Path) -> None:
    """As they are written."""
    (tmp_path / "config.yaml").write_text(
        "clusterId: c\nnodePortRange: 31000-31999\nloadBalancer: {addresses: [10.0.0.240-10.0.0.250, 10.0.1.0/28]}\n"
    )
    cluster = cluster_of(load_settings(str(tmp_path)))
    assert cluster.node_ports == "31000-31999"
    assert cluster.load_balancer == ("10.0.0.240-10.0.0.250", "10.0.1.0/28")


def test_nothing_said_is_kubernetes_range_and_no_addresses(tmp_path: Path) -> None:
    """Load balancers wait then."""
    (tmp_path / "config.yaml").write_text("clusterId: c\n")
    cluster = cluster_of(load_settings(str(tmp_path)))
    assert (cluster.node_ports, cluster.load_balancer) == ("30000-32767", ())


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """With the names of the settings."""
    (tmp_path / "config.yaml").write_text(
        "nodePortRange: 40000-30000\nloadBalancer: {addresses: [10.42.7.0/24, 10.43.0.1]}\nnodeAddress: 10.43.0.1\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_settings(str(tmp_path))
    for part in (
        "nodePortRange: '40000-30000' is no range of ports",
        "loadBalancer.addresses: some are in podCidr 10.42.0.0/16",
        "loadBalancer.addresses: some are in serviceCidr 10.43.0.0/16",
        "loadBalancer.addresses: nodeAddress 10.43.0.1 is one of them",
    ):
        assert part in str(caught.value)


def test_an_unknown_word_is_refused(tmp_path: Path) -> None:
    """A slip does not pass for no setting."""
    (tmp_path / "config.yaml").write_text("loadBalancer: {adresses: [10.0.0.1]}\n")
    with pytest.raises(ConfigurationError, match="adresses"):
        load_settings(str(tmp_path))
