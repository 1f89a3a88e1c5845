"""Lists of users, from htpasswd lines to what HAProxy reads. Pure.

crypt(3) hashes become a `userlist`, those of Apache a table of Lua. Nothing of a line stands in either unquoted.
"""

import re
from collections.abc import Iterator, Mapping

_OF_APACHE = ("$apr1$", "{SHA}")
_CRYPT = re.compile(r"\$(1|5|6|2[abxy]|y|7|gy)\$[!-~]+\Z|[./0-9A-Za-z]{13}\Z")
_NAME = re.compile(r"[!-9;-~][!-9;-~]*\Z")


def entries(data: Mapping[str, bytes], by_key: bool) -> list[tuple[str, str]]:
    """Return (user, hash) of a Secret: of htpasswd lines in its key `auth`, or of a key for each user."""
    if by_key:
        pairs = [(name, value.decode("utf-8", "replace").strip()) for name, value in sorted(data.items())]
    else:
        lines = data.get("auth", b"").decode("utf-8", "replace").splitlines()
        split = (line.strip().split(":") for line in lines if line.strip() and not line.startswith("#"))
        pairs = [(parts[0], parts[1]) for parts in split if len(parts) > 1]
    return [(name, hashed) for name, hashed in dict(pairs).items() if _NAME.match(name) and hashed]


def userlist(name: str, users: list[tuple[str, str]]) -> str:
    """Return the section of HAProxy with the users that it can check itself."""
    lines = [f"    user {_word(user)} password {_word(hashed)}" for user, hashed in users if _CRYPT.match(hashed)]
    return "\n".join([f"userlist {name}", *lines, ""])


def tables(lists: Mapping[str, list[tuple[str, str]]]) -> str:
    """Return the users with hashes of Apache as a table of Lua."""
    return "\n".join(["reconciler_users = {", *_tables(lists), "}", ""])


def _tables(lists: Mapping[str, list[tuple[str, str]]]) -> Iterator[str]:
    for name in sorted(lists):
        yield f"    [{_text(name)}] = {{"
        for user, hashed in lists[name]:
            if hashed.startswith(_OF_APACHE):
                yield f"        [{_text(user)}] = {_text(hashed)},"
        yield "    },"


def _word(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _text(text: str) -> str:
    return '"' + "".join(f"\\{byte:03d}" for byte in text.encode()) + '"'
