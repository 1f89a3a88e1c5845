"""Rules on Jobs and CronJobs."""

import re
from collections.abc import Iterator

from reconciler.model.indexes import fault_of, from_ranges
from reconciler.model.kinds import CronJob, Job, JobSpec, SuccessPolicyRule
from reconciler.model.kinds.scalars import LABEL_PATTERN
from reconciler.model.schedule import ScheduleError, parse_schedule, zone_named
from reconciler.schema.rules.finding import Finding, error, warning
from reconciler.schema.rules.workloads import template_findings

# Limits of the API on Jobs whose indexes are counted one by one.
_INDEXES_MAX = 100_000
_WITH_MANY_MAX = 10_000
# A Job's name is the CronJob's, a hyphen and the minutes since 1970; its Pods carry it as a label.
_CRON_JOB_NAME_MAX = 52
_LABEL = re.compile(LABEL_PATTERN)
_LABEL_MAX = 63


def job_findings(job: Job) -> Iterator[Finding]:
    """Yield what is wrong with a Job."""
    yield from _job_spec_findings("/spec", job.spec)
    yield from _selector_findings(job.spec)
    highest = f"{job.metadata.name}-{(job.spec.completions or 1) - 1}"
    if job.spec.is_indexed and (len(highest) > _LABEL_MAX or not _LABEL.search(highest)):
        message = f"name: the host names of its Pods, such as {highest}, would not be DNS labels"
        yield error("/metadata/name", message, code="bad-name")


def cron_job_findings(cron_job: CronJob) -> Iterator[Finding]:
    """Yield what is wrong with a CronJob."""
    spec = cron_job.spec
    if len(cron_job.metadata.name) > _CRON_JOB_NAME_MAX:
        message = f"name: longer than {_CRON_JOB_NAME_MAX} characters: the names of its Jobs would not fit"
        yield error("/metadata/name", message, code="bad-name")
    try:
        if not parse_schedule(spec.schedule).can_fall_due:
            yield warning("/spec/schedule", "schedule: no day matches it, so it never falls due", "", "never-due")
    except ScheduleError as fault:
        hint = "write timeZone beside it" if "TZ" in spec.schedule else "five fields such as 30 6 * * 1-5, or @daily"
        yield error("/spec/schedule", f"schedule: {fault}", hint, "bad-schedule")
    if spec.time_zone is not None and zone_named(spec.time_zone) is None:
        hint = "write the name of an IANA time zone, such as Europe/Berlin"
        yield error("/spec/timeZone", f"timeZone: there is no time zone {spec.time_zone}", hint, "bad-time-zone")
    yield from _job_spec_findings("/spec/jobTemplate/spec", spec.job_template.spec)
    if spec.job_template.spec.selector is not None or spec.job_template.spec.manual_selector:
        yield error("/spec/jobTemplate/spec", "each Job of a CronJob makes its own selector", "remove selector")


def _job_spec_findings(at: str, spec: JobSpec) -> Iterator[Finding]:
    policy = spec.template.spec.restart_policy
    if policy not in ("Never", "OnFailure"):
        place = f"{at}/template/spec"
        yield error(place, "restartPolicy of a Job's Pods must be Never or OnFailure", "add restartPolicy: Never")
    if spec.is_indexed and spec.completions is None:
        yield error(f"{at}/completionMode", "completionMode Indexed needs completions")
    if min(spec.parallelism, spec.parallelism if spec.completions is None else spec.completions) > _INDEXES_MAX:
        yield error(f"{at}/parallelism", f"parallelism must be at most {_INDEXES_MAX}", code="too-many")
    yield from _index_findings(at, spec)
    yield from _failure_findings(at, spec)
    yield from _success_findings(at, spec)


def _selector_findings(spec: JobSpec) -> Iterator[Finding]:
    """Yield what is wrong with who chooses the Pods, as Kubernetes has it: the Job, unless it says that people do."""
    if not spec.manual_selector:
        if spec.selector is not None:
            hint = "remove it, or write manualSelector: true when no other Pods have these labels"
            yield error("/spec/selector", "selector: a Job makes its own", hint)
    elif spec.selector is None:
        yield error("/spec/manualSelector", "manualSelector needs a selector", "add selector.matchLabels")
    else:
        yield from template_findings(spec.selector, spec.template)


def _index_findings(at: str, spec: JobSpec) -> Iterator[Finding]:
    limit = spec.max_failed_indexes
    for field, value in (("backoffLimitPerIndex", spec.backoff_limit_per_index), ("maxFailedIndexes", limit)):
        if value is not None and not spec.is_indexed:
            yield error(f"{at}/{field}", f"{field} needs completionMode Indexed")
    if limit is not None and spec.backoff_limit_per_index is None:
        yield error(f"{at}/maxFailedIndexes", "maxFailedIndexes needs backoffLimitPerIndex")
    completions = spec.completions or 0
    if limit is not None and limit > min(completions, _INDEXES_MAX):
        yield error(f"{at}/maxFailedIndexes", f"maxFailedIndexes must be at most completions and {_INDEXES_MAX}")
    if spec.backoff_limit_per_index is not None and completions > _INDEXES_MAX:
        for field, value in (("maxFailedIndexes", limit), ("parallelism", spec.parallelism)):
            if value is None or value > _WITH_MANY_MAX:
                message = f"{field} must be at most {_WITH_MANY_MAX} with more than {_INDEXES_MAX} completions"
                yield error(at, message)


def _failure_findings(at: str, spec: JobSpec) -> Iterator[Finding]:
    policy, pod = spec.pod_failure_policy, spec.template.spec
    if policy is None:
        return
    if pod.restart_policy != "Never":
        yield error(f"{at}/podFailurePolicy", "podFailurePolicy needs restartPolicy Never")
    if spec.pod_replacement_policy == "TerminatingOrFailed":
        yield error(f"{at}/podReplacementPolicy", "podFailurePolicy needs podReplacementPolicy Failed")
    names = frozenset(container.name for container in (*pod.init_containers, *pod.containers))
    for number, rule in enumerate(policy.rules):
        place = f"{at}/podFailurePolicy/rules/{number}"
        if rule.action == "FailIndex" and spec.backoff_limit_per_index is None:
            yield error(f"{place}/action", "action FailIndex needs backoffLimitPerIndex")
        codes = rule.on_exit_codes
        if codes is None:
            continue
        if codes.container_name is not None and codes.container_name not in names:
            yield error(f"{place}/onExitCodes/containerName", f"there is no container {codes.container_name}")
        if list(codes.values) != sorted(set(codes.values)):
            yield error(f"{place}/onExitCodes/values", "the exit statuses must be in rising order, each once")
        if codes.operator == "In" and 0 in codes.values:
            yield error(f"{place}/onExitCodes/values", "exit status 0 is no failure")


def _success_findings(at: str, spec: JobSpec) -> Iterator[Finding]:
    if spec.success_policy is None:
        return
    if not spec.is_indexed:
        yield error(f"{at}/successPolicy", "successPolicy needs completionMode Indexed")
        return
    for number, rule in enumerate(spec.success_policy.rules):
        yield from _success_rule_findings(f"{at}/successPolicy/rules/{number}", rule, spec.completions or 0)


def _success_rule_findings(at: str, rule: SuccessPolicyRule, completions: int) -> Iterator[Finding]:
    if rule.succeeded_indexes is None and rule.succeeded_count is None:
        yield error(at, "a rule needs succeededIndexes or succeededCount")
    fault = "" if rule.succeeded_indexes is None else fault_of(rule.succeeded_indexes, completions)
    if fault:
        yield error(f"{at}/succeededIndexes", f"succeededIndexes: {fault}", "write them as 0,2-5")
    if rule.succeeded_count is None or fault:
        return
    named = completions if rule.succeeded_indexes is None else len(from_ranges(rule.succeeded_indexes))
    if rule.succeeded_count > named:
        yield error(f"{at}/succeededCount", f"succeededCount must be at most {named}, the number of indexes that count")
