"""A number in a text may be written in any way: what is none that Kubernetes takes is a problem, and stops nobody."""

import pytest

from reconciler.schema.validate import SourceFile, validate

LONG = "9" * 5000
TEMPLATE = "template: {metadata: {labels: {a: b}}, spec: {restartPolicy: %s, containers: [{name: a, image: b}]}}"
ALWAYS, NEVER = TEMPLATE % "Always", TEMPLATE % "Never"
CHOOSES = "selector: {matchLabels: {a: b}}"
SIZED = "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [%s]}}}"
TERM = SIZED % "{matchExpressions: [{key: size, operator: Gt, values: ['%s']}]}"
MANIFESTS = {
    "a share": ("apps/v1", "Deployment", "", f"{CHOOSES}, {ALWAYS}, strategy: {{rollingUpdate: {{maxSurge: '%s%%'}}}}"),
    "a budget": ("policy/v1", "PodDisruptionBudget", "", f"{CHOOSES}, minAvailable: '%s%%'"),
    "an index": (
        "batch/v1",
        "Job",
        "",
        f"completions: 5, completionMode: Indexed, successPolicy: {{rules: [{{succeededIndexes: '%s'}}]}}, {NEVER}",
    ),
    "a minute": ("batch/v1", "CronJob", "", f"schedule: '%s * * * *', jobTemplate: {{spec: {{{NEVER}}}}}"),
    "a while": ("batch/v1", "CronJob", "", f"schedule: '@every %sm', jobTemplate: {{spec: {{{NEVER}}}}}"),
    "a cost": ("v1", "Pod", "controller.kubernetes.io/pod-deletion-cost: '%s'", "containers: [{name: a, image: b}]"),
    "a size": ("v1", "Pod", "", f"containers: [{{name: a, image: b}}], {TERM}"),
}


def problems(case: str, number: str) -> list[str]:
    """Return the problems of a manifest with a number."""
    version, kind, annotations, spec = MANIFESTS[case]
    metadata = f"{{name: a, annotations: {{{annotations}}}}}"
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {metadata}\nspec: {{{spec}}}\n" % number
    return [one.pointer for one in validate([SourceFile("a.yaml", text.encode())]).problems]


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_number_that_is_too_long_is_a_problem(case: str) -> None:
    """With its place, and the only one."""
    assert problems(case, "3") == []
    assert len(problems(case, LONG)) == 1


@pytest.mark.parametrize("number", ["--4", "+-4", "\u00b2", "4.0", ""])
def test_what_is_no_number_is_a_problem(number: str) -> None:
    """However it looks."""
    assert len(problems("a size", number)) == 1
