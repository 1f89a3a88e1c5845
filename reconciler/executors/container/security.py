"""As whom and how confined a container runs.

Pure.
"""

from collections.abc import Mapping
from typing import Any

from reconciler.executors.container.environment import ContainerConfigError
from reconciler.model.kinds import (
    AppArmorProfile,
    Container,
    PodSecurityContext,
    SeccompProfile,
    SecurityContext,
    SELinuxOptions,
)


def security_settings(
    pod: PodSecurityContext, container: Container, seccomp_profiles: Mapping[str, str]
) -> dict[str, Any]:
    """Return the host configuration's part about confinement. `seccomp_profiles`: content by path."""
    own = container.security_context
    settings: dict[str, Any] = {
        "Privileged": own.privileged,
        "ReadonlyRootfs": own.read_only_root_filesystem,
        "CapAdd": list(own.capabilities.add),
        "CapDrop": list(own.capabilities.drop),
        "GroupAdd": group_settings(pod),
        "SecurityOpt": _options(pod, own, seccomp_profiles),
    }
    return settings


def group_settings(pod: PodSecurityContext) -> list[str]:
    """Return the additional groups of every process of the Pod."""
    groups = [*pod.supplemental_groups, *(() if pod.fs_group is None else (pod.fs_group,))]
    return [str(group) for group in dict.fromkeys(groups)]


def user_setting(pod: PodSecurityContext, own: SecurityContext, image_user: str) -> str:
    """Return `user[:group]`; empty means what the image says. Raises when it would be root and must not be."""
    user = own.run_as_user if own.run_as_user is not None else pod.run_as_user
    group = own.run_as_group if own.run_as_group is not None else pod.run_as_group
    non_root = own.run_as_non_root if own.run_as_non_root is not None else pod.run_as_non_root
    if non_root:
        _require_non_root(user, image_user)
    if group is None and pod.supplemental_groups_policy == "Strict":
        return _with_its_group(user, image_user)
    if group is None:
        return "" if user is None else str(user)
    return f"{user if user is not None else image_user.partition(':')[0] or 0}:{group}"


def needs_image_user(pod: PodSecurityContext, own: SecurityContext) -> bool:
    """Whether `user_setting` needs to know the image's user."""
    if own.run_as_user is not None or pod.run_as_user is not None:
        return False
    if pod.supplemental_groups_policy == "Strict":
        return True
    non_root = own.run_as_non_root if own.run_as_non_root is not None else pod.run_as_non_root
    return bool(non_root) or own.run_as_group is not None or pod.run_as_group is not None


def seccomp_path(pod: PodSecurityContext, own: SecurityContext) -> str:
    """Return the path of the profile that must be read, or an empty text."""
    profile = own.seccomp_profile or pod.seccomp_profile
    return (profile.localhost_profile or "") if profile is not None and profile.type == "Localhost" else ""


def _with_its_group(user: int | None, image_user: str) -> str:
    """Return `user:group`: where a group is named, the Engine adds none of those that the image has for the user."""
    name, _, group = image_user.partition(":")
    if user is None and group:
        return image_user
    if user == 0 or (user is None and name in ("", "0", "root")):
        return "0:0"
    who = str(user) if user is not None else repr(name)
    raise ContainerConfigError(
        f"supplementalGroupsPolicy is Strict and the group of user {who} is not known: set runAsGroup"
    )


def _require_non_root(user: int | None, image_user: str) -> None:
    if user is not None:
        if user == 0:
            raise ContainerConfigError("runAsUser is 0 (root) although runAsNonRoot is set")
        return
    name = image_user.partition(":")[0]
    if name in ("", "0", "root"):
        raise ContainerConfigError("the image runs as root although runAsNonRoot is set")
    if not name.isdecimal():
        raise ContainerConfigError(
            f"the image's user {name!r} is not a number: cannot tell that it is not root, set runAsUser"
        )


def _options(pod: PodSecurityContext, own: SecurityContext, profiles: Mapping[str, str]) -> list[str]:
    options = _seccomp(own.seccomp_profile or pod.seccomp_profile, profiles)
    options += _app_armor(own.app_armor_profile or pod.app_armor_profile)
    options += _se_linux(own.se_linux_options or pod.se_linux_options)
    if own.allow_privilege_escalation is False:
        options.append("no-new-privileges")
    return options


def _seccomp(profile: SeccompProfile | None, profiles: Mapping[str, str]) -> list[str]:
    # Without a profile, and with RuntimeDefault, the Engine's own applies (as with kubelet's --seccomp-default).
    if profile is None or profile.type == "RuntimeDefault":
        return []
    if profile.type == "Unconfined":
        return ["seccomp=unconfined"]
    path = profile.localhost_profile or ""
    if path not in profiles:
        raise ContainerConfigError(f"seccomp profile {path!r} is not on the node")
    return [f"seccomp={profiles[path]}"]


def _app_armor(profile: AppArmorProfile | None) -> list[str]:
    if profile is None or profile.type == "RuntimeDefault":
        return []
    return ["apparmor=unconfined" if profile.type == "Unconfined" else f"apparmor={profile.localhost_profile}"]


def _se_linux(options: SELinuxOptions | None) -> list[str]:
    if options is None:
        return []
    parts = (("user", options.user), ("role", options.role), ("type", options.type), ("level", options.level))
    return [f"label={name}:{value}" for name, value in parts if value]
