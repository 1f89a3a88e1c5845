"""What a plan shows of a changed object."""

from typing import Any

import msgspec

from reconciler.model.kinds import Pod, Secret, StatefulSet
from reconciler.planner.diff import field_changes


def pod(**fields: Any) -> Pod:
    """A Pod of one container with these fields."""
    spec = {"containers": [{"name": "app", "image": "app:1", **fields}]}
    return msgspec.convert({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}, Pod)


def test_values_are_shown_as_one_writes_them() -> None:
    """Lists and truths read as in a manifest, strings without quotes, line ends as a sign."""
    old = pod(command=["sh", "-c", "echo it's"], tty=False, workingDir="/a", env=[{"name": "A", "value": "1"}])
    new = pod(command=["sh", "grüße"], tty=True, workingDir="/b", env=[{"name": "A", "value": "1\n2"}])
    shown = {one.path.rpartition("]")[2] or one.path: (one.old, one.new) for one in field_changes(old, new)}
    assert shown[".command"] == ('["sh", "-c", "echo it\'s"]', '["sh", "grüße"]')
    assert shown[".tty"] == ("", "true")
    assert shown[".workingDir"] == ("/a", "/b")
    assert shown[".value"] == ("1", "1\\n2")


def test_templates_of_claims_are_compared_by_name() -> None:
    """What differs is shown, and not twice the beginning of the whole list."""

    def db(storage: str) -> StatefulSet:
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
        spec = {
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {"spec": {"containers": [{"name": "app", "image": "app:1"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        }
        return msgspec.convert({"metadata": {"name": "db"}, "spec": spec}, StatefulSet)

    [found] = field_changes(db("1Gi"), db("2Gi"))
    assert found.path == "spec.volumeClaimTemplates[data].spec.resources.requests.storage"
    assert (found.old, found.new) == ("1Gi", "2Gi")


def test_no_value_of_a_secret_is_shown() -> None:
    """P22: neither as data nor in the annotation where kubectl keeps what was applied."""

    def secret(value: str) -> Secret:
        applied = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":{{"word":"{value}"}}}}'}
        plain = {"metadata": {"name": "s", "annotations": applied}, "data": {"word": value}}
        return msgspec.convert({"apiVersion": "v1", "kind": "Secret", **plain}, Secret)

    changes = field_changes(secret("aHVudGVyMQ=="), secret("aHVudGVyMg=="))
    assert len(changes) == 2
    assert {(one.old, one.new) for one in changes} == {("(secret)", "(secret)")}
