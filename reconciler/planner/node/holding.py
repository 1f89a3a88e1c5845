"""What keeps a container from its start: references, its image, an earlier failure. Pure."""

from reconciler.model.kinds import Container
from reconciler.model.node import PodAssignment
from reconciler.model.plan import Reason
from reconciler.planner.node.backoff import is_waiting
from reconciler.planner.node.images import full_name, full_names, pull_policy
from reconciler.planner.node.look import Look
from reconciler.planner.node.memory import ContainerMemory, Failure, ImageMemory
from reconciler.planner.node.references import missing_for_container


def earlier_failure(look: Look, pod: PodAssignment, spec: Container, memory: ContainerMemory) -> Failure | None:
    """Return what failed when the same was tried before."""
    pulling = look.images.get(image_key(pod, spec), ImageMemory()).failure
    if pulling.count:
        _, waiting, message, _ = _pull_held(spec, pulling.reason, pulling.message, 0.0, pulling.count)
        return Failure(reason=waiting, message=message)
    return memory.failure if memory.failure.count else None


def held_back(
    look: Look, pod: PodAssignment, spec: Container, memory: ContainerMemory
) -> tuple[Reason, str, str, float | None] | None:
    """Return why a container cannot start now: reason, Kubernetes' word, message, and until when."""
    missing = missing_for_container(pod, spec)
    if missing:
        return Reason.MISSING_REFERENCE, "CreateContainerConfigError", f"{', '.join(missing)} not found", None
    image = full_name(spec.image)
    if not image:
        message = f'failed to parse image name "{spec.image}"'
        return Reason.IMAGE_MISSING, "InvalidImageName", message, None
    if pull_policy(spec) == "Never" and image not in full_names(look.facts.images):
        message = f'image "{spec.image}" is not present with pull policy of Never'
        return Reason.IMAGE_MISSING, "ErrImageNeverPull", message, None
    pulling = look.images.get(image_key(pod, spec), ImageMemory()).failure
    if is_waiting(pulling, look.now) and must_pull(look, spec):
        return _pull_held(spec, pulling.reason, pulling.message, pulling.until, pulling.count)
    if is_waiting(memory.failure, look.now):
        failure = memory.failure
        return Reason.BACK_OFF, failure.reason, failure.message, failure.until
    return None


def _pull_held(
    spec: Container, reason: str, message: str, until: float, count: int
) -> tuple[Reason, str, str, float | None]:
    """The first failure shows its own reason, later ones that they are being backed off from."""
    if count <= 1:
        return Reason.BACK_OFF, reason, message, until
    text = f'Back-off pulling image "{spec.image}": {reason}: {message}'
    return Reason.BACK_OFF, "ImagePullBackOff", text, until


def must_pull(look: Look, spec: Container) -> bool:
    """Whether a pull has to precede the container's start."""
    policy = pull_policy(spec)
    if policy == "IfNotPresent":
        return full_name(spec.image) not in full_names(look.facts.images)
    return policy == "Always"


def image_key(pod: PodAssignment, spec: Container) -> str:
    """Name an image with the credentials it is pulled with; Pods that agree on both share a pull."""
    secrets = ",".join(sorted(one.name for one in pod.spec.image_pull_secrets))
    return f"{full_name(spec.image)} {pod.namespace}/{secrets}" if secrets else full_name(spec.image)
