"""Scales are judged as upstream judges them, and so are autoscalers that may scale to none."""

import json
from typing import Any

from reconciler.model.scale import Scale
from reconciler.planner.updates.scale import scale_faults
from tests.parity.rows import compare
from tests.parity.test_parity_status import made
from tests.parity.test_parity_validation import manifest
from tests.parity.test_parity_workload_kinds import names, verdict

Case = dict[str, Any]
_PACKAGE = "pkg_apis_autoscaling_validation"


def test_scales_are_judged_as_upstream_judges_them() -> None:
    """The rows of one table say what is wrong beside the scale, those of the other have it in their names."""
    known = names(_PACKAGE)

    def told(case: Case) -> bool:
        return (not list(scale_faults(made(Scale, case.get("scale", case))))) == ("msg" not in case)

    def named(case: Case) -> bool:
        is_refused = "negative" in known[json.dumps(case)]
        return (not list(scale_faults(made(Scale, case["input"])))) == (not is_refused)

    compare(_PACKAGE, {"TestValidateScale": told, "TestScaleDeclarativeValidation": named})


def test_autoscalers_down_to_none_are_judged_as_upstream_judges_them() -> None:
    """The first two rows ask for none: they are refused, unless a feature is on that no release has on by default."""

    def judge(admitted: tuple[bool, ...]) -> Any:
        verdicts = iter(admitted)
        return lambda case: verdict("HorizontalPodAutoscaler", manifest(case), next(verdicts))

    tables = {
        "TestValidateHorizontalPodAutoscalerScaleToZeroDisabled": judge((False, False, True)),
        "TestValidateHorizontalPodAutoscalerScaleToZeroEnabled": judge((True, True)),
    }
    settings = "upstream's tests run with other settings than its defaults"
    compare(_PACKAGE, tables, lambda row: settings if row["test"].endswith("Enabled") else "")
