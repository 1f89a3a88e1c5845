"""Rules on volumes, claims and classes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.model.kinds import AccessMode, PersistentVolume, PersistentVolumeClaimSpec, StorageClass
from reconciler.model.quantity import QuantityText, parse_quantity
from reconciler.schema.positions import join_pointer
from reconciler.schema.rules.csi import driver_findings
from reconciler.schema.rules.finding import Finding, error, warning
from reconciler.schema.rules.nfs import NFS_PROVISIONERS, nfs_findings, option_findings, parameter_findings
from reconciler.schema.rules.placing import node_term_findings
from reconciler.schema.rules.selectors import selector_findings
from reconciler.schema.rules.volumes import host_path_findings

LOCAL = "reconciler.dev/local"
PROVIDER = "reconciler.dev/provider"
PROVISIONERS = (LOCAL, *NFS_PROVISIONERS, PROVIDER)
STATIC = "kubernetes.io/no-provisioner"


def claim_findings(spec: PersistentVolumeClaimSpec, at: str = "/spec") -> Iterator[Finding]:
    """Yield what is wrong with the spec of a PersistentVolumeClaim at pointer `at`."""
    yield from _size_findings(f"{at}/resources/requests", spec.resources.requests)
    yield from selector_findings(f"{at}/selector", spec.selector)
    requested = spec.resources.requests.get("storage")
    limit = spec.resources.limits.get("storage")
    if requested is not None and limit is not None and parse_quantity(requested) > parse_quantity(limit):
        yield error(f"{at}/resources/requests/storage", "storage: the request exceeds the limit")
    yield from _mode_findings(f"{at}/accessModes", spec.access_modes)
    yield from _source_findings(at, spec)


def _source_findings(at: str, spec: PersistentVolumeClaimSpec) -> Iterator[Finding]:
    """Judge what a volume is to be filled from (Kubernetes' validateDataSource and validateDataSourceRef)."""
    source, ref = spec.data_source, spec.data_source_ref
    for field, one in (("dataSource", source), ("dataSourceRef", ref)):
        if one is None:
            continue
        if not one.api_group and one.kind != "PersistentVolumeClaim":
            hint = "only PersistentVolumeClaim has none"
            yield error(f"{at}/{field}/kind", f"kind {one.kind} needs an apiGroup", hint)
        hint = "give it a volume by volumeName, or leave this out"
        yield warning(f"{at}/{field}", "nothing here fills volumes: the claim will wait", hint, "unknown-provisioner")
    if source is None or ref is None:
        return
    if ref.namespace:
        yield error(f"{at}/dataSource", "dataSource and a dataSourceRef with namespace exclude each other")
    elif (source.api_group, source.kind, source.name) != (ref.api_group, ref.kind, ref.name):
        yield error(f"{at}/dataSourceRef", "dataSource and dataSourceRef name different objects", "leave one out")


def volume_findings(volume: PersistentVolume, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with a PersistentVolume; `document` tells whether nodes were written down at all."""
    spec = volume.spec
    yield from _size_findings("/spec/capacity", spec.capacity)
    yield from _mode_findings("/spec/accessModes", spec.access_modes)
    if spec.host_path is not None:
        yield from host_path_findings("/spec/hostPath", spec.host_path.path)
        if spec.host_path.path == "/" and spec.persistent_volume_reclaim_policy == "Delete":
            yield error("/spec/hostPath/path", "a volume that is deleted with its claim cannot be /")
    if spec.nfs is not None:
        yield from nfs_findings("/spec/nfs", spec.nfs)
        if spec.volume_mode == "Block":
            yield error("/spec/volumeMode", "a directory of an NFS server is no block device", "leave volumeMode out")
    is_mounted = spec.nfs is not None or spec.csi is not None
    yield from option_findings("/spec/mountOptions", spec.mount_options, is_mounted=is_mounted)
    if spec.csi is not None:
        is_block = spec.volume_mode == "Block"
        yield from driver_findings("/spec/csi", spec.csi.driver, spec.csi.volume_attributes, is_block=is_block)
    required = spec.node_affinity.required
    if spec.local is not None:
        yield from host_path_findings("/spec/local", spec.local.path)
        if required is None:
            yield error("/spec", "a local volume needs nodeAffinity", code="missing-field")
    if required is None and document["spec"].get("nodeAffinity") is not None:
        yield error("/spec/nodeAffinity", "required is missing", "say which nodes, or leave it out", "missing-field")
    for number, term in enumerate(required.node_selector_terms if required is not None else ()):
        yield from node_term_findings(f"/spec/nodeAffinity/required/nodeSelectorTerms/{number}", term)


def class_findings(storage_class: StorageClass) -> Iterator[Finding]:
    """Yield what is wrong with a StorageClass."""
    provisioner = storage_class.provisioner
    if provisioner not in (*PROVISIONERS, STATIC):
        hint = f"provisioners: {', '.join(PROVISIONERS)}"
        yield warning("/provisioner", f"nothing here makes volumes for {provisioner}", hint, "unknown-provisioner")
    elif provisioner in NFS_PROVISIONERS:
        yield from parameter_findings(storage_class)
    elif provisioner == LOCAL:
        yield from _parameter_findings(storage_class)
    is_mounted = provisioner in (*NFS_PROVISIONERS, PROVIDER)
    yield from option_findings("/mountOptions", storage_class.mount_options, is_mounted=is_mounted)
    yield from _topology_findings(storage_class)


def _parameter_findings(storage_class: StorageClass) -> Iterator[Finding]:
    """The local provisioner takes `path`, the directory of a node, in one spelling, that holds its volumes."""
    for name in sorted(storage_class.parameters):
        at = join_pointer("parameters", name)
        if name != "path":
            yield error(at, f"{storage_class.provisioner} takes path, and not {name}", code="not-implemented")
            continue
        path = storage_class.parameters[name]
        parts = path.removesuffix("/").split("/")[1:]
        if not path.startswith("/") or not parts or any(part in ("", ".", "..") for part in parts):
            hint = "for example /mnt/disk2/volumes"
            yield error(at, f"path: must be the absolute path of a directory, without . and ..: {path!r}", hint)


def _topology_findings(storage_class: StorageClass) -> Iterator[Finding]:
    """Yield keys and values that are there twice, as Kubernetes' ValidateStorageClass does."""
    seen: list[Mapping[str, tuple[str, ...]]] = []
    for number, term in enumerate(storage_class.allowed_topologies):
        at = f"/allowedTopologies/{number}"
        labels: dict[str, tuple[str, ...]] = {}
        for position, one in enumerate(term.match_label_expressions):
            if one.key in labels:
                yield error(f"{at}/matchLabelExpressions/{position}/key", f"{one.key} is there twice")
            if len(set(one.values)) < len(one.values):
                yield error(f"{at}/matchLabelExpressions/{position}/values", f"{one.key}: a value is there twice")
            labels[one.key] = tuple(sorted(one.values))
        if labels in seen:
            yield error(at, "the same nodes are there twice")
        seen.append(labels)


def _mode_findings(at: str, modes: Sequence[AccessMode]) -> Iterator[Finding]:
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        yield error(at, "ReadWriteOncePod excludes other access modes")


def _size_findings(at: str, sizes: Mapping[str, QuantityText]) -> Iterator[Finding]:
    if "storage" not in sizes:
        yield error(at, "storage is missing", code="missing-field")
    elif parse_quantity(sizes["storage"]) <= 0:
        yield error(f"{at}/storage", "storage: must be greater than 0")
