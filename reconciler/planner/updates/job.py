"""What may change in a Job: how many Pods run and how long, and before it runs where they will. Pure.

The rules are Kubernetes' ValidateJobSpecUpdate.
"""

import msgspec

from reconciler.model.kinds import Job

replace = msgspec.structs.replace


def with_what_may_change(old: Job, new: Job) -> Job:
    """Return the old Job with those fields of the new one that may change as things are.

    An Indexed Job grows and shrinks as a whole; where one that is suspended will run, and its marks, are open until
    it runs.
    """
    spec, wanted = old.spec, new.spec
    if spec.is_indexed and wanted.is_indexed and wanted.completions == wanted.parallelism:
        spec = replace(spec, completions=wanted.completions)
    if old.spec.suspend and not old.status.active and _has_not_run(old):
        pod, metadata = wanted.template.spec, wanted.template.metadata
        affinity = replace(spec.template.spec.affinity, node_affinity=pod.affinity.node_affinity)
        inner = replace(
            spec.template.spec, node_selector=pod.node_selector, tolerations=pod.tolerations, affinity=affinity
        )
        marks = replace(spec.template.metadata, labels=metadata.labels, annotations=metadata.annotations)
        spec = replace(spec, template=replace(spec.template, spec=inner, metadata=marks))
    return replace(old, spec=spec)


def _has_not_run(job: Job) -> bool:
    """Whether nothing of a suspended Job runs: it has never begun, or its Pods have ended."""
    held = any(one.type == "Suspended" and one.status == "True" for one in job.status.conditions)
    return job.status.start_time is None or (held and not job.status.terminating)
