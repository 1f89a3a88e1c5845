"""Rules on the spec of a Pod as a whole."""

import re
from collections.abc import Iterator

from reconciler.model.addresses import address_advice, address_fault
from reconciler.model.kinds import Pod, PodSpec
from reconciler.model.kinds.scalars import SUBDOMAIN_PATTERN
from reconciler.schema.rules.containers import container_findings, profile_findings
from reconciler.schema.rules.envfiles import file_key_findings
from reconciler.schema.rules.ephemeral import brought_claim_findings, ephemeral_findings
from reconciler.schema.rules.finding import Finding, error, repeated, warning
from reconciler.schema.rules.placing import placing_findings
from reconciler.schema.rules.podresources import pod_resource_findings
from reconciler.schema.rules.volumes import volumes_findings
from reconciler.schema.rules.windows import windows_findings

_HOSTNAME = re.compile(SUBDOMAIN_PATTERN)
_DOMAIN_LABEL = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SEARCHED = re.compile(rf"\.|{_DOMAIN_LABEL}(\.{_DOMAIN_LABEL})*\.?")


def pod_findings(at: str, spec: PodSpec, more_volumes: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """Yield what is wrong with the Pod spec at pointer `at`; its owner adds `more_volumes` to those it lists."""
    yield from _container_findings(at, spec, more_volumes)
    yield from volumes_findings(at, spec)
    yield from ephemeral_findings(at, spec)
    yield from _network_findings(at, spec)
    yield from _process_findings(at, spec)
    yield from placing_findings(at, spec)
    yield from pod_resource_findings(at, spec)
    yield from windows_findings(at, spec)


def own_pod_findings(pod: Pod) -> Iterator[Finding]:
    """Yield what is wrong with a Pod that is not made from a template: its gates, the claims it brings along."""
    yield from brought_claim_findings(pod)
    if pod.spec.scheduling_gates and pod.spec.node_name:
        yield error("/spec/nodeName", "nodeName and schedulingGates exclude each other", "remove one of the two")


def _container_findings(at: str, spec: PodSpec, more_volumes: frozenset[str]) -> Iterator[Finding]:
    places = [(f"{at}/initContainers/{n}", one, True) for n, one in enumerate(spec.init_containers)]
    places += [(f"{at}/containers/{n}", one, False) for n, one in enumerate(spec.containers)]
    yield from repeated(((f"{place}/name", one.name) for place, one, _ in places), "container")
    volumes = more_volumes | {volume.name for volume in spec.volumes}
    for place, container, is_init in places:
        yield from container_findings(place, container, is_init, volumes, spec)
        yield from file_key_findings(place, container, spec, more_volumes)
    taken: dict[tuple[int, str, str], str] = {}
    for place, container, _ in places:
        for number, port in enumerate(container.ports):
            key = (port.host_port or 0, port.protocol, port.host_ip)
            pointer = f"{place}/ports/{number}/hostPort"
            if port.host_port and key in taken:
                yield error(pointer, f"host port {port.host_port} is taken at {taken[key]}", code="duplicate-port")
            elif port.host_port:
                taken[key] = pointer


def _network_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    for number, alias in enumerate(spec.host_aliases):
        yield from address_findings(f"{at}/hostAliases/{number}/ip", alias.ip, "ip: ")
        for index, name in enumerate(alias.hostnames):
            if len(name) > 253 or not _HOSTNAME.search(name):
                yield error(f"{at}/hostAliases/{number}/hostnames/{index}", "not a host name", code="bad-name")
    servers = spec.dns_config.nameservers
    for number, server in enumerate(servers):
        yield from address_findings(f"{at}/dnsConfig/nameservers/{number}", server)
    if len(servers) > 3:
        yield error(f"{at}/dnsConfig/nameservers", "must have at most 3 items", code="out-of-bounds")
    searches = spec.dns_config.searches
    if len(searches) > 32 or len(" ".join(searches)) > 2048:
        yield error(f"{at}/dnsConfig/searches", "at most 32 domains, 2048 characters in all", code="out-of-bounds")
    for number, domain in enumerate(searches):
        if len(domain) > 253 or not _SEARCHED.fullmatch(domain):
            yield error(f"{at}/dnsConfig/searches/{number}", f"{domain!r} is not a domain", code="bad-name")
    if spec.dns_policy == "None" and not servers:
        yield error(f"{at}/dnsPolicy", "dnsPolicy None needs dnsConfig.nameservers")
    for field, is_set in (("setHostnameAsFQDN", spec.set_hostname_as_fqdn), ("hostNetwork", spec.host_network)):
        if spec.hostname_override and is_set:
            yield error(f"{at}/hostnameOverride", f"hostnameOverride and {field} exclude each other")


def _process_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    if spec.share_process_namespace and spec.host_pid:
        yield error(f"{at}/shareProcessNamespace", "shareProcessNamespace and hostPID exclude each other")
    if not spec.host_users:
        message = "hostUsers: false is not implemented"
        hint = "processes always have the host's user numbers; leave it out, and use runAsNonRoot"
        yield error(f"{at}/hostUsers", message, hint, "not-implemented")
    yield from repeated(
        ((f"{at}/schedulingGates/{n}/name", one.name) for n, one in enumerate(spec.scheduling_gates)), "gate"
    )
    context = spec.security_context
    yield from profile_findings(f"{at}/securityContext", context.seccomp_profile, context.app_armor_profile)
    if context.run_as_non_root and context.run_as_user == 0:
        yield warning(f"{at}/securityContext/runAsUser", "runAsNonRoot will refuse to start user 0")
    yield from repeated(
        ((f"{at}/securityContext/sysctls/{n}/name", one.name) for n, one in enumerate(context.sysctls)), "sysctl"
    )


def address_findings(at: str, text: str, named: str = "") -> Iterator[Finding]:
    """Yield that a text is no address, or that it is one that is better written otherwise."""
    advice = address_advice(text)
    if not is_address(text):
        yield error(at, f"{named}not an IP address", "; ".join(advice), code="bad-address")
    elif advice:
        yield warning(at, f"{named}{advice[0]}", code="address-form")


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address, without the zone of a link, and not IPv4 in the form of IPv6."""
    return not address_fault(text)
