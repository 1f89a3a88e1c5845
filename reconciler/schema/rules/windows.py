"""Rules on what belongs to Windows: options of security contexts, and Pods that are made for it.

Semantics of Kubernetes' validateWindowsSecurityContextOptions, validateWindowsHostProcessPod, validateWindows and
validateLinux. Nodes run Linux, where such options have no effect.
"""

import re
from collections.abc import Iterator

import msgspec

from reconciler.model.host_process import has_host_process, host_process_of, is_all_host_process
from reconciler.model.kinds import Container, PodSecurityContext, PodSpec, SecurityContext
from reconciler.model.kinds.container import WindowsSecurityContextOptions
from reconciler.model.kinds.scalars import SUBDOMAIN_PATTERN
from reconciler.schema.rules.finding import Finding, error, warning

_SUBDOMAIN = re.compile(SUBDOMAIN_PATTERN)
_CREDENTIALS_MAX = 64 * 1024
_DOMAIN_MAX, _USER_MAX = 255, 104
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEGMENT = r"[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf'[^\\/:*?"<>|.][^\\/:*?"<>|]{{0,14}}|{_SEGMENT}(\.{_SEGMENT})*')
_NOT_IN_USER = re.compile(r'["/\\:;|=,+*?<>@\[\]]')
# What of a security context a Pod for Windows may have.
_OF_WINDOWS = frozenset(("run_as_non_root", "windows_options", "se_linux_change_policy"))
_SIGNALS = ("SIGKILL", "SIGTERM")
_Place = tuple[str, Container]


def windows_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    """Yield what the Pod spec at pointer `at` says of Windows, and should not."""
    containers = [(f"{at}/initContainers/{n}", one) for n, one in enumerate(spec.init_containers)]
    containers += [(f"{at}/containers/{n}", one) for n, one in enumerate(spec.containers)]
    contexts: list[tuple[str, PodSecurityContext | SecurityContext]] = [(at, spec.security_context)]
    contexts += [(place, one.security_context) for place, one in containers]
    is_for_windows = spec.os is not None and spec.os.name == "windows"
    for place, context in contexts:
        if context.windows_options is not None:
            where = f"{place}/securityContext/windowsOptions"
            if spec.os is not None and not is_for_windows:
                yield error(where, "a Pod for Linux has no windowsOptions", "remove them, or os")
            yield from _option_findings(where, context.windows_options)
        if is_for_windows:
            yield from _linux_findings(f"{place}/securityContext", context)
    yield from _host_process_findings(at, spec, containers)
    if is_for_windows:
        yield warning(f"{at}/os/name", "every host runs Linux: a Pod for Windows will wait", code="no-host")
        yield from _own_findings(at, spec, containers)


def _option_findings(at: str, options: WindowsSecurityContextOptions) -> Iterator[Finding]:
    name, credentials = options.gmsa_credential_spec_name, options.gmsa_credential_spec
    if name is not None and (len(name) > 253 or not _SUBDOMAIN.search(name)):
        yield error(f"{at}/gmsaCredentialSpecName", "gmsaCredentialSpecName: not a name", code="bad-name")
    if credentials is not None and not 0 < len(credentials.encode()) <= _CREDENTIALS_MAX:
        yield error(f"{at}/gmsaCredentialSpec", "gmsaCredentialSpec: must have 1 to 65536 bytes", code="out-of-bounds")
    if options.run_as_user_name is not None and (why := _user_fault(options.run_as_user_name)):
        yield error(f"{at}/runAsUserName", f"runAsUserName: {why}", "such as ContainerUser or DOMAIN\\user", "bad-name")


def _user_fault(text: str) -> str:
    """Return what is wrong with `USER` or `DOMAIN\\USER`; empty: nothing is."""
    domain, separator, user = text.rpartition("\\")
    rules = (
        (_CONTROL.search(text), "has control characters"),
        ("\\" in domain, "has more than one backslash"),
        (separator and not _DOMAIN.fullmatch(domain), "the domain is neither a NetBIOS nor a DNS name"),
        (len(domain) > _DOMAIN_MAX, f"the domain has more than {_DOMAIN_MAX} characters"),
        (not user, "the user is empty"),
        (len(user) > _USER_MAX, f"the user has more than {_USER_MAX} characters"),
        (user and not user.strip(". "), "the user is made of periods and spaces only"),
        (_NOT_IN_USER.search(user), 'the user has one of the characters " / \\ : ; | = , + * ? < > @ [ ]'),
    )
    return next((why for is_wrong, why in rules if is_wrong), "")


def _host_process_findings(at: str, spec: PodSpec, containers: list[_Place]) -> Iterator[Finding]:
    """Containers of the host itself stand alone in their Pod, and in the host's network."""
    of_pod = host_process_of(spec.security_context)
    for place, container in containers:
        mine = host_process_of(container.security_context)
        if None not in (of_pod, mine) and of_pod != mine:
            where = f"{place}/securityContext/windowsOptions/hostProcess"
            yield error(where, "hostProcess of Pod and container must be the same")
    if has_host_process(spec) and not is_all_host_process(spec):
        yield error(f"{at}/containers", "hostProcess: either all containers have it, or none")
    if has_host_process(spec) and not spec.host_network:
        yield error(f"{at}/hostNetwork", "hostProcess needs hostNetwork: true")


def _linux_findings(at: str, context: PodSecurityContext | SecurityContext) -> Iterator[Finding]:
    plain = type(context)()
    for field in msgspec.structs.fields(type(context)):
        if field.name not in _OF_WINDOWS and getattr(context, field.name) != getattr(plain, field.name):
            yield error(f"{at}/{field.encode_name}", f"a Pod for Windows has no {field.encode_name}")


def _own_findings(at: str, spec: PodSpec, containers: list[_Place]) -> Iterator[Finding]:
    for name, is_set in (
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
        ("shareProcessNamespace", spec.share_process_namespace),
    ):
        if is_set:
            yield error(f"{at}/{name}", f"a Pod for Windows has no {name}")
    if spec.resources.requests or spec.resources.limits:
        yield error(f"{at}/resources", "a Pod for Windows has no resources as a whole", "give them to its containers")
    for place, container in containers:
        signal = container.lifecycle.stop_signal
        if signal is not None and signal not in _SIGNALS:
            yield error(f"{place}/lifecycle/stopSignal", f"stopSignal: Windows knows {' and '.join(_SIGNALS)} only")
