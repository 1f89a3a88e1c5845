"""Rules on the spec of a Pod as a whole."""

import ipaddress
import re
from collections.abc import Iterator

from reconciler.model.kinds import NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, PodSpec, Toleration
from reconciler.model.kinds.scalars import LABEL_KEY_PATTERN, SUBDOMAIN_PATTERN
from reconciler.schema.rules.containers import container_findings
from reconciler.schema.rules.finding import Finding, error, repeated, warning
from reconciler.schema.rules.selectors import selector_findings
from reconciler.schema.rules.volumes import volumes_findings

_HOSTNAME = re.compile(SUBDOMAIN_PATTERN)
_LABEL_KEY = re.compile(LABEL_KEY_PATTERN)
_DOMAIN_LABEL = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SEARCHED = re.compile(rf"\.|{_DOMAIN_LABEL}(\.{_DOMAIN_LABEL})*\.?")
_WITH_VALUES = ("In", "NotIn")
_COMPARING = ("Gt", "Lt")


def pod_findings(at: str, spec: PodSpec, more_volumes: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """Yield what is wrong with the Pod spec at pointer `at`; its owner adds `more_volumes` to those it lists."""
    yield from _container_findings(at, spec, more_volumes)
    yield from volumes_findings(at, spec)
    yield from _network_findings(at, spec)
    yield from _process_findings(at, spec)
    for number, toleration in enumerate(spec.tolerations):
        yield from _toleration_findings(f"{at}/tolerations/{number}", toleration)
    yield from _affinity_findings(at, spec)
    yield from _spread_findings(at, spec)


def _container_findings(at: str, spec: PodSpec, more_volumes: frozenset[str]) -> Iterator[Finding]:
    places = [(f"{at}/initContainers/{n}", one, True) for n, one in enumerate(spec.init_containers)]
    places += [(f"{at}/containers/{n}", one, False) for n, one in enumerate(spec.containers)]
    yield from repeated(((f"{place}/name", one.name) for place, one, _ in places), "container")
    volumes = more_volumes | {volume.name for volume in spec.volumes}
    for place, container, is_init in places:
        yield from container_findings(place, container, is_init, volumes, spec)
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
        if not is_address(alias.ip):
            yield error(f"{at}/hostAliases/{number}/ip", "ip: not an IP address", code="bad-address")
        for index, name in enumerate(alias.hostnames):
            if len(name) > 253 or not _HOSTNAME.search(name):
                yield error(f"{at}/hostAliases/{number}/hostnames/{index}", "not a host name", code="bad-name")
    servers = spec.dns_config.nameservers
    for number, server in enumerate(servers):
        if not is_address(server):
            yield error(f"{at}/dnsConfig/nameservers/{number}", "not an IP address", code="bad-address")
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


def _process_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    if spec.share_process_namespace and spec.host_pid:
        yield error(f"{at}/shareProcessNamespace", "shareProcessNamespace and hostPID exclude each other")
    context = spec.security_context
    if context.run_as_non_root and context.run_as_user == 0:
        yield warning(f"{at}/securityContext/runAsUser", "runAsNonRoot will refuse to start user 0")
    yield from repeated(
        ((f"{at}/securityContext/sysctls/{n}/name", one.name) for n, one in enumerate(context.sysctls)), "sysctl"
    )


def _toleration_findings(at: str, toleration: Toleration) -> Iterator[Finding]:
    if toleration.key and not _LABEL_KEY.search(toleration.key):
        yield error(f"{at}/key", "key: not the key of a taint", code="bad-key")
    if not toleration.key and toleration.operator != "Exists":
        yield error(f"{at}/operator", "a toleration without key needs operator Exists")
    if toleration.operator == "Exists" and toleration.value:
        yield error(f"{at}/value", "operator Exists takes no value")
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        yield error(f"{at}/effect", "tolerationSeconds needs effect NoExecute")


def _affinity_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    node = spec.affinity.node_affinity
    base = f"{at}/affinity/nodeAffinity"
    required = node.required_during_scheduling_ignored_during_execution
    if required is not None:
        for number, term in enumerate(required.node_selector_terms):
            place = f"{base}/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/{number}"
            yield from node_term_findings(place, term)
    for number, wish in enumerate(node.preferred_during_scheduling_ignored_during_execution):
        place = f"{base}/preferredDuringSchedulingIgnoredDuringExecution/{number}/preference"
        yield from node_term_findings(place, wish.preference)
    for name, affinity in (
        ("podAffinity", spec.affinity.pod_affinity),
        ("podAntiAffinity", spec.affinity.pod_anti_affinity),
    ):
        base = f"{at}/affinity/{name}"
        terms = [
            (f"{base}/requiredDuringSchedulingIgnoredDuringExecution/{n}", one)
            for n, one in enumerate(affinity.required_during_scheduling_ignored_during_execution)
        ]
        terms += [
            (f"{base}/preferredDuringSchedulingIgnoredDuringExecution/{n}/podAffinityTerm", wish.pod_affinity_term)
            for n, wish in enumerate(affinity.preferred_during_scheduling_ignored_during_execution)
        ]
        for place, other in terms:
            yield from selector_findings(f"{place}/labelSelector", other.label_selector)
            yield from _label_key_findings(place, other)
            yield from selector_findings(f"{place}/namespaceSelector", other.namespace_selector)


def _label_key_findings(at: str, term: PodAffinityTerm) -> Iterator[Finding]:
    if (term.match_label_keys or term.mismatch_label_keys) and term.label_selector is None:
        yield error(at, "matchLabelKeys and mismatchLabelKeys need a labelSelector")
    for number, key in enumerate(term.mismatch_label_keys):
        if key in term.match_label_keys:
            yield error(f"{at}/mismatchLabelKeys/{number}", f"{key} stands in matchLabelKeys, too")


def node_term_findings(at: str, term: NodeSelectorTerm) -> Iterator[Finding]:
    """Yield what is wrong with the conditions of one node selector term."""
    for number, part in enumerate(term.match_expressions):
        yield from _node_requirement_findings(f"{at}/matchExpressions/{number}", part)
    for number, part in enumerate(term.match_fields):
        place = f"{at}/matchFields/{number}"
        if part.key != "metadata.name":
            yield error(f"{place}/key", "the only field to match is metadata.name")
        if part.operator not in _WITH_VALUES or len(part.values) != 1:
            yield error(f"{place}/values", "a field needs operator In or NotIn and exactly one value")


def _node_requirement_findings(at: str, part: NodeSelectorRequirement) -> Iterator[Finding]:
    if part.operator in _WITH_VALUES and not part.values:
        yield error(at, f"operator {part.operator} needs values")
    elif part.operator in _COMPARING and (len(part.values) != 1 or not part.values[0].lstrip("-").isdecimal()):
        yield error(at, f"operator {part.operator} needs exactly one whole number")
    elif part.operator not in (*_WITH_VALUES, *_COMPARING) and part.values:
        yield error(f"{at}/values", f"operator {part.operator} takes no values")


def _spread_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(spec.topology_spread_constraints):
        place = f"{at}/topologySpreadConstraints/{number}"
        yield from selector_findings(f"{place}/labelSelector", one.label_selector)
        if one.min_domains is not None and one.when_unsatisfiable != "DoNotSchedule":
            yield error(f"{place}/minDomains", "minDomains needs whenUnsatisfiable DoNotSchedule")
        key = (one.topology_key, one.when_unsatisfiable)
        if key in seen:
            yield error(place, "another constraint has the same topologyKey and whenUnsatisfiable")
        seen.add(key)


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address, without the zone of a link."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
