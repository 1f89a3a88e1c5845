"""What clients find in an object although nobody declared it."""

from api_double import Api, pod

from reconciler.model.kinds import Container, ControllerRevision, Job, JobSpec, ObjectMeta, PodSpec, PodTemplateSpec
from reconciler.model.kinds.probe import ExecAction, Probe
from reconciler.planner.workloads.revisions import revision_data


def test_the_pods_of_a_job_are_found_by_its_selector(api: Api) -> None:
    """`kubectl logs job/NAME` lists Pods by the selector; without one it would take any Pod."""
    template = PodTemplateSpec(spec=PodSpec(containers=(Container(name="app", image="x"),), restart_policy="Never"))
    job = Job(metadata=ObjectMeta(namespace="default", name="task"), spec=JobSpec(template=template))
    api.objects.put(job)
    shown = api.client.get("/apis/batch/v1/namespaces/default/jobs/task")
    uid = shown["metadata"]["uid"]
    assert shown["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = shown["spec"]["template"]["metadata"]["labels"]
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "task"
    assert (shown["spec"]["completions"], shown["spec"]["backoffLimit"]) == (1, 6)


def test_a_pod_has_a_security_context(api: Api) -> None:
    """Clients of 1.32 and later read what stands in it, and fail where there is none."""
    api.objects.put(pod("web"))
    assert api.client.get("/api/v1/namespaces/shop/pods/web")["spec"]["securityContext"] == {}


def test_the_template_of_a_revision_has_its_defaults(api: Api) -> None:
    """`kubectl rollout history statefulset/NAME --revision=1` prints them: a time-out of 0s would be another one."""
    probe = Probe(exec=ExecAction(command=("true",)))
    container = Container(name="app", image="x", readiness_probe=probe)
    template = PodTemplateSpec(spec=PodSpec(containers=(container,)))
    metadata = ObjectMeta(namespace="default", name="db-1")
    api.objects.put(ControllerRevision(metadata=metadata, revision=1, data=revision_data(template)))
    shown = api.client.get("/apis/apps/v1/namespaces/default/controllerrevisions/db-1")["data"]["spec"]["template"]
    assert shown["$patch"] == "replace"
    told = shown["spec"]["containers"][0]["readinessProbe"]
    assert (told["timeoutSeconds"], told["successThreshold"], told["failureThreshold"]) == (1, 1, 3)
