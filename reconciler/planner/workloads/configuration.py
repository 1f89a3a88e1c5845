"""Rollouts bound to the configuration that a workload reads (P21). Pure."""

from functools import partial
from typing import Any

from reconciler.model.canonical import digest
from reconciler.model.kinds import PodTemplateSpec
from reconciler.model.observed import StoredObject
from reconciler.model.refs import ObjectRef
from reconciler.planner.references import references_of
from reconciler.planner.view import View, replace

RESTART_ON_CHANGE = "reconciler.dev/restart-on-configuration-change"
CONFIGURATION = "reconciler.dev/configuration"


def bound_template(view: View, owner: StoredObject, template: PodTemplateSpec) -> PodTemplateSpec:
    """Return the template, marked with the digest of what it reads when a change of that is to roll the workload.

    Where it is not bound, a change that is read by environment gives a warning: nothing will roll.
    """
    references = references_of(template.spec)
    if not references:
        return template
    if not _is_bound(view, owner):
        _warn(view, owner, template)
        return template
    refs = [ObjectRef(kind=one.kind, namespace=owner.ref.namespace, name=one.name) for one in references]
    contents = tuple([content_digest(view, ref) for ref in refs])
    return view.memo.get(("bound template", owner.ref), (template, *contents), partial(_marked, template, contents))


def _marked(template: PodTemplateSpec, contents: tuple[str, ...]) -> PodTemplateSpec:
    annotations = {**template.metadata.annotations, CONFIGURATION: digest(contents)[:16]}
    return replace(template, metadata=replace(template.metadata, annotations=annotations))


def content_digest(view: View, ref: ObjectRef) -> str:
    """Return the digest of a ConfigMap's or Secret's content (keyed), or an empty text when it does not exist."""
    stored = view.get(ref)
    if stored is None:
        return ""
    content, key = _content(stored), view.policy.digest_key
    return view.memo.get(("content", ref), (key, *content), partial(digest, key, ref.kind, *content))


def _content(stored: StoredObject) -> tuple[Any, Any]:
    return (getattr(stored.object, "data", {}), getattr(stored.object, "binary_data", {}))


def _is_bound(view: View, owner: StoredObject) -> bool:
    word = owner.object.metadata.annotations.get(RESTART_ON_CHANGE)
    if word is not None:
        return word == "true"
    source = owner.manager.removeprefix("source/")
    return view.policy.source(source).restart_on_configuration_change


def _warn(view: View, owner: StoredObject, template: PodTemplateSpec) -> None:
    for one in references_of(template.spec):
        ref = ObjectRef(kind=one.kind, namespace=owner.ref.namespace, name=one.name)
        before = view.was_observed(ref)
        if not one.by_environment or before is None or view.was_observed(owner.ref) is None:
            continue
        after = view.get(ref)
        if after is not None and _content(after) != _content(before):
            view.warn(
                f"{ref} changes and {owner.ref} reads it by environment: its Pods keep the old values until they "
                f'restart; to roll them with it set the annotation {RESTART_ON_CHANGE}: "true"'
            )
