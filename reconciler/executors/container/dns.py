"""A Pod's resolver configuration, host name and hosts file, as kubelet makes them.

Pure.
"""

from reconciler.model.base import Value
from reconciler.model.kinds import PodDNSConfig, PodSpec
from reconciler.model.node import PodAssignment

_SERVERS_MAX = 3
_SEARCHES_MAX = 32
_HOST_NAME_MAX = 63


class Resolver(Value):
    """Name servers, search domains and options of a resolver."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse_resolver(text: str) -> Resolver:
    """Read a resolv.conf; later `search` lines replace earlier ones."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: list[str] = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_]:
                servers.append(address)
            case ["search" | "domain", *names]:
                searches = tuple(name for name in names if name != ".")
            case ["options", *given]:
                options += given
    return Resolver(servers=tuple(servers), searches=searches, options=tuple(options))


def pod_resolver(pod: PodAssignment, domain: str, dns_address: str, host: Resolver) -> Resolver:
    """Return the resolver of a Pod by its dnsPolicy and dnsConfig."""
    policy = pod.spec.dns_policy
    if policy == "ClusterFirst" and pod.spec.host_network:
        policy = "Default"
    match policy:
        case "None":
            base = Resolver()
        case "Default":
            base = host
        case _:
            names = (f"{pod.namespace}.svc.{domain}", f"svc.{domain}", domain)
            base = Resolver(servers=(dns_address,), searches=(*names, *host.searches), options=("ndots:5",))
    return _merged(base, pod.spec.dns_config)


def host_name(pod: PodAssignment, domain: str) -> str:
    """Return the host name of a Pod's processes."""
    if pod.spec.hostname_override:
        return pod.spec.hostname_override
    name = _short_name(pod)
    full = _full_name(pod, domain)
    return full if pod.spec.set_hostname_as_fqdn and full else name


def hosts_entries(pod: PodAssignment, domain: str, pod_ip: str) -> list[str]:
    """Return the Engine's `names:address` for the Pod itself and its hostAliases, one line of the file each."""
    entries = []
    if pod_ip and not pod.spec.host_network:
        overridden = pod.spec.hostname_override
        names = [overridden] if overridden else [name for name in (_full_name(pod, domain), _short_name(pod)) if name]
        entries.append("\t".join(names) + f":{pod_ip}")
    return entries + ["\t".join(alias.hostnames) + f":{alias.ip}" for alias in pod.spec.host_aliases if alias.hostnames]


def resolver_settings(resolver: Resolver) -> dict[str, list[str]]:
    """Return the host configuration's part about names; nothing is left for the Engine to fill in from the host."""
    return {
        "Dns": list(resolver.servers),
        "DnsSearch": list(resolver.searches) or ["."],
        "DnsOptions": list(resolver.options) or ["ndots:1"],
    }


def _short_name(pod: PodAssignment) -> str:
    return (pod.spec.hostname or pod.name)[:_HOST_NAME_MAX].rstrip("-.")


def _full_name(pod: PodAssignment, domain: str) -> str:
    if not pod.spec.subdomain:
        return ""
    return f"{_short_name(pod)}.{pod.spec.subdomain}.{pod.namespace}.svc.{domain}"


def _merged(base: Resolver, config: PodDNSConfig) -> Resolver:
    options = {option.partition(":")[0]: option for option in base.options}
    for added in config.options:
        options[added.name] = added.name if added.value is None else f"{added.name}:{added.value}"
    return Resolver(
        servers=tuple(dict.fromkeys((*base.servers, *config.nameservers)))[:_SERVERS_MAX],
        searches=tuple(dict.fromkeys((*base.searches, *config.searches)))[:_SEARCHES_MAX],
        options=tuple(options.values()),
    )


def shares_host_names(spec: PodSpec) -> bool:
    """Whether the Pod has the host's own host name."""
    return spec.host_network
