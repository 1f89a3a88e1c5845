"""Who belongs to whom, drawn."""

from reconciler.model.kinds import ConfigMap, ObjectMeta, OwnerReference
from reconciler.render.ownership import dot, ownership_of


def thing(name: str, *owners: str) -> ConfigMap:
    """Return an object whose uid is its name, with owners."""
    references = tuple(OwnerReference(api_version="v1", kind="ConfigMap", name=one, uid=one) for one in owners)
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="shop", uid=name, owner_references=references))


def test_arrows_lead_to_the_owners() -> None:
    """What owns nothing and belongs to nobody is not drawn."""
    text = dot(ownership_of([thing("pod", "set"), thing("set", "web"), thing("web"), thing("alone")]))
    assert text == (
        "digraph ownership {\n"
        "  node [shape=box];\n"
        '  n0 [label="configmap/shop/pod\\nuid=pod"];\n'
        '  n1 [label="configmap/shop/set\\nuid=set"];\n'
        '  n2 [label="configmap/shop/web\\nuid=web"];\n'
        "  n0 -> n1;\n"
        "  n1 -> n2;\n"
        "}\n"
    )


def test_an_owner_that_is_gone_is_drawn_from_what_refers_to_it() -> None:
    """That is what one looks for when something is left behind."""
    found = ownership_of([thing("pod", "lost")])
    assert [(one.uid, one.namespace) for one in found.objects] == [("lost", ""), ("pod", "shop")]


def test_only_what_hangs_together_is_drawn() -> None:
    """Owners and what they own, however far."""
    objects = [thing("pod", "set"), thing("set", "web"), thing("web"), thing("other", "far"), thing("far")]
    assert [one.uid for one in ownership_of(objects, ["set"]).objects] == ["pod", "set", "web"]
    assert not ownership_of(objects, ["unknown"]).objects
