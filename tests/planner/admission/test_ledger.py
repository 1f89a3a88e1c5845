"""What is known of quotas while a pass changes them."""

from typing import Any, cast

from msgspec.structs import replace

from reconciler.model.kinds import ResourceQuota
from reconciler.model.plan import Reason
from reconciler.model.quantity import parse_quantity
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.ledger import Ledger
from reconciler.planner.view import View
from tests.planner.reading import read, stored
from tests.planner.test_quotas import object, quota
from tests.planner.world import Cluster

FEW = ObjectRef(kind="ResourceQuota", namespace="default", name="few")
PLAIN = ObjectRef.of("ConfigMap", "default", "plain")


def test_a_quota_that_is_changed_in_a_pass_holds_in_that_pass() -> None:
    """Also for what it bounds only now, and beside other changes."""
    cluster = Cluster()
    cluster.push(quota("pods: 2") + object("ConfigMap", "plain"))
    cluster.settle()
    view = View(cluster.observed, cluster.policy, cluster.now)
    ledger = Ledger(view)
    [known] = ledger.quotas("default")
    assert ledger.used(known) == {}
    spec = replace(cast(ResourceQuota, known.object).spec, hard={"count/resourcequotas": "5"})
    view.remove(view.objects[PLAIN], Reason.NO_LONGER_DECLARED)
    view.update(view.objects[FEW], replace(known.object, spec=spec), reason=Reason.SPEC_CHANGED)
    [changed] = ledger.quotas("default")
    assert cast(ResourceQuota, changed.object).spec.hard == {"count/resourcequotas": "5"}
    assert ledger.used(changed) == {"count/resourcequotas": parse_quantity("1")}


def test_a_pod_that_should_be_gone_counts_no_more_at_a_time_that_is_told() -> None:
    """Twice its time to end; the plan says when to look again, and then it is so."""
    cluster = Cluster()
    ending = "deletionTimestamp: '2027-01-15T08:00:00Z', deletionGracePeriodSeconds: 30"
    container = "containers: [{name: c, image: i, resources: {requests: {cpu: 2}}}]"
    one = stored(read("Pod", metadata=ending, spec=f"nodeName: node-1, {container}"), "api")
    bounds = stored(read("ResourceQuota", name="few", spec="hard: {requests.cpu: 5}"), "api")
    observed = replace(cluster.observed, objects={each.ref: each for each in (one, bounds)})

    def used(now: float) -> tuple[Any, float | None]:
        view = View(observed, cluster.policy, now)
        ledger = Ledger(view)
        found = ledger.used(ledger.quotas("default")[0])
        return found.get("requests.cpu"), view.look_again_at

    asked, again = used(cluster.now)
    assert (asked, again is not None) == (2, True)
    assert again is not None and cluster.now + 60 < again < cluster.now + 61
    assert used(again) == (None, None)
    assert used(cluster.now + 60)[0] == 2
