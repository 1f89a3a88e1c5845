"""What ConfigMaps and Secrets hold, as bytes, and the digest by which a change of it is seen. Pure."""

import base64
import hashlib
import json

from reconciler.model import kinds as k
from reconciler.model.node import ConfigMaterial
from reconciler.model.observed import StoredObject
from reconciler.model.policy import Policy


def config_version(stored: StoredObject, policy: Policy) -> str:
    """Return the digest of a ConfigMap's or Secret's content; that of a Secret is keyed."""
    data = {name: value.hex() for name, value in data_of(stored).items()}
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    key = bytes.fromhex(policy.digest_key) if stored.ref.kind == "Secret" else b""
    return hashlib.blake2b(text.encode(), key=key[:64], digest_size=16).hexdigest()


def data_of(stored: StoredObject) -> dict[str, bytes]:
    """Return what a ConfigMap or Secret holds."""
    object = stored.object
    if isinstance(object, k.ConfigMap):
        text = {name: value.encode() for name, value in object.data.items()}
        return text | {name: base64.b64decode(value) for name, value in object.binary_data.items()}
    assert isinstance(object, k.Secret)
    text = {name: value.encode() for name, value in object.string_data.items()}
    return {name: base64.b64decode(value) for name, value in object.data.items()} | text


def material_of(stored: StoredObject, policy: Policy) -> ConfigMaterial:
    """Return the values of a ConfigMap or Secret as they travel to a node."""
    return ConfigMaterial(
        kind=stored.ref.kind,
        namespace=stored.ref.namespace,
        name=stored.ref.name,
        version=config_version(stored, policy),
        data=data_of(stored),
        type=stored.object.type if isinstance(stored.object, k.Secret) else "",
    )
