"""What is known of quotas while a pass changes them."""

from typing import cast

from msgspec.structs import replace

from reconciler.model.kinds import ResourceQuota
from reconciler.model.plan import Reason
from reconciler.model.quantity import parse_quantity
from reconciler.model.refs import ObjectRef
from reconciler.planner.admission.ledger import Ledger
from reconciler.planner.view import View
from tests.planner.test_quotas import quota
from tests.planner.world import Cluster

FEW = ObjectRef(kind="ResourceQuota", namespace="default", name="few")


def test_a_quota_that_is_changed_in_a_pass_holds_in_that_pass() -> None:
    """Also for what it bounds only now."""
    cluster = Cluster()
    cluster.push(quota("pods: 2"))
    cluster.settle()
    view = View(cluster.observed, cluster.policy, cluster.now)
    ledger = Ledger(view)
    [known] = ledger.quotas("default")
    assert ledger.used(known) == {}
    spec = replace(cast(ResourceQuota, known.object).spec, hard={"count/resourcequotas": "5"})
    view.update(view.objects[FEW], replace(known.object, spec=spec), reason=Reason.SPEC_CHANGED)
    [changed] = ledger.quotas("default")
    assert cast(ResourceQuota, changed.object).spec.hard == {"count/resourcequotas": "5"}
    assert ledger.used(changed) == {"count/resourcequotas": parse_quantity("1")}
