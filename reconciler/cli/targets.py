"""How people name objects: `deployment/shop/web`, `deployment/web -n shop`, `shop/web-6d4cf`, `web-6d4cf_shop`."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reconciler.model.kinds import KindSpec
    from reconciler.model.refs import ObjectRef

DEFAULT_NAMESPACE = "default"


def kind_spec(word: str) -> "KindSpec":
    """Return the kind that a word names."""
    from reconciler.model.kinds import KINDS, kind_named

    spec = kind_named(word)
    if spec is None:
        from difflib import get_close_matches

        close = get_close_matches(word.lower(), [name for s in KINDS.values() for name in (s.singular, s.plural)], 1)
        meant = (
            f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(s.plural for s in KINDS.values())}"
        )
        raise click.UsageError(f"{word!r} is not a kind{meant}")
    return spec


def object_ref(text: str, namespace: str | None = None) -> "ObjectRef":
    """Return the object that `kind/namespace/name` or `kind/name` names."""
    from reconciler.model.refs import ObjectRef

    kind, *rest = text.split("/")
    if len(rest) not in (1, 2) or not all(rest):
        raise click.UsageError(f"{text!r}: expected kind/namespace/name, or kind/name with -n NAMESPACE")
    spec = kind_spec(kind)
    if not spec.namespaced:
        return ObjectRef.of(spec.kind, "", rest[-1])
    return ObjectRef.of(spec.kind, rest[0] if len(rest) == 2 else namespace or DEFAULT_NAMESPACE, rest[-1])


def log_target(text: str, namespace: str | None) -> "ObjectRef":
    """Return whose log is meant: a Pod by name, `namespace/name`, its full name or as any object, or a workload."""
    from reconciler.model.kinds import kind_named
    from reconciler.model.pod_name import read_full_name
    from reconciler.model.refs import ObjectRef

    parts = text.split("/")
    if len(parts) == 1 and (full := read_full_name(text)) is not None:
        return ObjectRef.of("Pod", full[1], full[0])
    if len(parts) == 1:
        return ObjectRef.of("Pod", namespace or DEFAULT_NAMESPACE, text)
    if len(parts) == 2 and kind_named(parts[0]) is None:
        return ObjectRef.of("Pod", parts[0], parts[1])
    return object_ref(text, namespace)


def api_name(ref: "ObjectRef") -> str:
    """Return an object's name as the API takes it in a query."""
    return str(ref)
