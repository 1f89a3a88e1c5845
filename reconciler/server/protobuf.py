"""Bodies in Kubernetes' protobuf form, read into the JSON types of the same document. Pure.

A body is four bytes of magic and an envelope that names the kind and holds the message. Which fields a message has is
declared as a table, with the numbers that Kubernetes gives them; fields that are not in it are passed over, as
protobuf has it.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError, Message

from reconciler.server.errors import bad_request

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_FieldType = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _FieldType.TYPE_STRING,
    "bytes": _FieldType.TYPE_BYTES,
    "bool": _FieldType.TYPE_BOOL,
    "int32": _FieldType.TYPE_INT32,
    "int64": _FieldType.TYPE_INT64,
}
# Name of a message: its fields as `NAME NUMBER TYPE`; `*TYPE` is a list.
Messages = Mapping[str, tuple[str, ...]]
_ENVELOPE: Messages = {
    "TypeMeta": ("apiVersion 1 string", "kind 2 string"),
    "Unknown": ("typeMeta 1 TypeMeta", "raw 2 bytes", "contentEncoding 3 string"),
}


class Codec:
    """Reads the bodies of some kinds; the messages of the same names are declared in `messages`."""

    def __init__(self, package: str, messages: Messages) -> None:
        pool = descriptor_pool.DescriptorPool()
        pool.Add(_file(package, messages))
        self._classes: dict[str, type[Message]] = {
            name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages
        }

    def document(self, body: bytes) -> dict[str, Any]:
        """Return the document of a body; raise ApiError 400 for one that cannot be read or is of another kind."""
        api_version, kind, raw = _opened(body)
        class_ = self._classes.get(kind)
        if class_ is None:
            raise bad_request(f"the body is a {kind[:60]!r}, expected one of: {', '.join(sorted(self._classes))}")
        message = _parsed(class_, raw)
        fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
        return {"apiVersion": api_version, "kind": kind, **fields}


def _opened(body: bytes) -> tuple[str, str, bytes]:
    """Return apiVersion, kind and message of an envelope."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body does not begin as Kubernetes' protobuf does")
    envelope: Any = _parsed(_UNKNOWN, body[len(_MAGIC) :])
    if envelope.contentEncoding:
        raise bad_request(f"the body is encoded: {envelope.contentEncoding[:60]!r} is not supported")
    return envelope.typeMeta.apiVersion, envelope.typeMeta.kind, envelope.raw


def _parsed(class_: type[Message], content: bytes) -> Message:
    message = class_()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise bad_request("the body is not valid protobuf") from error
    return message


def _file(package: str, messages: Messages) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, fields in messages.items():
        declared = file.message_type.add(name=name)
        for text in fields:
            field_name, number, type_ = text.split()
            field = declared.field.add(name=field_name, number=int(number), json_name=field_name)
            field.label = _FieldType.LABEL_REPEATED if type_.startswith("*") else _FieldType.LABEL_OPTIONAL
            scalar = _SCALARS.get(type_.lstrip("*"))
            if scalar is not None:
                field.type = scalar
            else:
                field.type = _FieldType.TYPE_MESSAGE
                field.type_name = f".{package}.{type_.lstrip('*')}"
    return file


_UNKNOWN = Codec("reconciler.envelope", _ENVELOPE)._classes["Unknown"]
