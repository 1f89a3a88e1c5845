"""The form of answers: tables, metadata only, YAML, and what is passed over."""

import json
from typing import Any

import pytest
import yaml
from api_double import Api, pod, secret
from test_lists import ask

PODS = "/api/v1/namespaces/shop/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
KUBECTL = f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
TYPED = "application/vnd.kubernetes.protobuf,application/json"


def answer(api: Api, target: str, accept: str) -> tuple[int, str, Any]:
    """Return code, media type and document."""
    response, body = ask(api.path, target, Accept=accept)
    media_type = response.getheader("content-type") or ""
    return response.status, media_type, yaml.safe_load(body) if "yaml" in media_type else json.loads(body)


@pytest.mark.parametrize(
    ("accept", "kind", "media_type"),
    [
        ("", "PodList", "application/json"),
        ("*/*", "PodList", "application/json"),
        ("application/*", "PodList", "application/json"),
        (KUBECTL, "Table", "application/json"),
        (TYPED, "PodList", "application/json"),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", "PodList", "application/json"),
        ("application/json;as=Sculpture;v=v1;g=meta.k8s.io, */*;q=0.1", "PodList", "application/json"),
        (f"application/json;q=0.5,{TABLE};q=0.9", "Table", "application/json"),
        ("application/yaml", "PodList", "application/yaml"),
        ("application/json;q=0.2, application/yaml", "PodList", "application/yaml"),
        (f"application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,{TABLE}", "Table", "application/json"),
        (
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
            "PartialObjectMetadataList",
            "application/json",
        ),
    ],
)
def test_a_list_comes_in_the_form_that_is_accepted(api: Api, accept: str, kind: str, media_type: str) -> None:
    """The first form we have, by quality and then by order."""
    api.objects.put(pod("a"))
    code, told, document = answer(api, PODS, accept)
    assert (code, told, document["kind"]) == (200, media_type, kind)
    assert len(document.get("items", document.get("rows"))) == 1


@pytest.mark.parametrize(
    ("target", "accept"),
    [
        (PODS, "application/vnd.kubernetes.protobuf"),
        (PODS, "text/html"),
        (PODS, "application/json;q=0"),
        (PODS, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"),
        (f"{PODS}/a", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
        (f"{PODS}?watch=1", "application/yaml"),
    ],
)
def test_what_cannot_be_sent_is_not_acceptable(api: Api, target: str, accept: str) -> None:
    """406, as a Status."""
    api.objects.put(pod("a"))
    code, _, document = answer(api, target, accept)
    assert (code, document["kind"], document["reason"]) == (406, "Status", "NotAcceptable")


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_one_object_is_a_table_of_one_row(api: Api, version: str) -> None:
    """With columns, the object's number, and its metadata beside the cells."""
    number = api.objects.put(pod("a"))
    accept = f"application/json;as=Table;v={version};g=meta.k8s.io"
    for target in (f"{PODS}/a", PODS):
        _, _, table = answer(api, target, accept)
        assert table["apiVersion"] == f"meta.k8s.io/{version}"
        assert table["metadata"] == {"resourceVersion": str(number)}
        assert table["columnDefinitions"][0] | {"description": ""} == {
            "name": "Name",
            "type": "string",
            "format": "name",
            "description": "",
            "priority": 0,
        }
        [row] = table["rows"]
        assert row["cells"][0] == "a"
        assert (row["object"]["kind"], row["object"]["metadata"]["name"]) == ("PartialObjectMetadata", "a")
        assert row["object"]["apiVersion"] == f"meta.k8s.io/{version}"


@pytest.mark.parametrize(
    ("include", "kind"), [("None", None), ("Metadata", "PartialObjectMetadata"), ("Object", "Pod")]
)
def test_what_stands_beside_the_cells_can_be_chosen(api: Api, include: str, kind: str | None) -> None:
    """`includeObject` of Kubernetes."""
    api.objects.put(pod("a"))
    _, _, table = answer(api, f"{PODS}?includeObject={include}", TABLE)
    assert (table["rows"][0]["object"] or {}).get("kind") == kind


def test_an_empty_table_has_its_columns(api: Api) -> None:
    """So that clients can tell nothing from not knowing."""
    _, _, table = answer(api, PODS, KUBECTL)
    assert table["rows"] == []
    assert [column["name"] for column in table["columnDefinitions"]][:2] == ["Name", "Ready"]


def test_a_page_of_a_table_goes_on(api: Api) -> None:
    """`continue` and the number of those that remain stand in a table's metadata too."""
    for name in "abc":
        api.objects.put(pod(name))
    _, _, first = answer(api, f"{PODS}?limit=2", KUBECTL)
    assert [row["cells"][0] for row in first["rows"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 1
    _, _, second = answer(api, f"{PODS}?limit=2&continue={first['metadata']['continue']}", KUBECTL)
    assert [row["cells"][0] for row in second["rows"]] == ["c"]


def test_yaml_and_pretty_say_the_same(api: Api) -> None:
    """One object in three spellings."""
    api.objects.put(pod("a"))
    plain, spelled = answer(api, f"{PODS}/a", "")[2], answer(api, f"{PODS}/a", "application/yaml")[2]
    _, body = ask(api.path, f"{PODS}/a?pretty=true")
    assert plain == spelled == json.loads(body)
    assert b'\n  "kind": "Pod"' in body


def test_metadata_only_leaves_the_rest_out(api: Api) -> None:
    """What controllers that only count objects ask for."""
    api.objects.put(secret())
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    _, _, document = answer(api, "/api/v1/namespaces/shop/secrets/token", accept)
    assert set(document) == {"kind", "apiVersion", "metadata"}
    assert document["metadata"]["name"] == "token"


def test_components_are_shown_as_tables(api: Api) -> None:
    """What is worked out when asked for has columns too."""
    _, _, table = answer(api, "/api/v1/componentstatuses", KUBECTL)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Status", "Message", "Error"]
    assert table["rows"]
