"""The tables. Bodies are JSON as bytes; bodies of Secrets are sealed.

Only migrations create or change them; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

_Serial = BigInteger().with_variant(Integer, "sqlite")


def _serial() -> Column[int]:
    return Column("seq", _Serial, primary_key=True, autoincrement=True)


# One row. `log_floor`: watches may resume from this number or a later one.
counters = Table(
    "counters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("resource_version", BigInteger, nullable=False),
    Column("log_floor", BigInteger, nullable=False),
    Column("side_version", BigInteger, nullable=False),
)

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
)

# `subject` is the key of the object that an Event is about.
objects = Table(
    "objects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False, index=True),
    Column("resource_version", BigInteger, nullable=False),
    Column("written_at", Double, nullable=False),
    Column("manager", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("incarnation", Integer, nullable=False),
    Column("subject", Text, nullable=True, index=True),
    Column("provenance", LargeBinary, nullable=True),
    Column("body", LargeBinary, nullable=False),
)

# `last_version` is the number of the last entry of the same transaction, so that readers can keep commits whole.
changes = Table(
    "changes",
    metadata,
    Column("resource_version", BigInteger, primary_key=True, autoincrement=False),
    Column("last_version", BigInteger, nullable=False),
    Column("written_at", Double, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("manager", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("incarnation", Integer, nullable=False),
    Column("provenance", LargeBinary, nullable=True),
    Column("body", LargeBinary, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("key", Text, primary_key=True),
    Column("incarnation", Integer, nullable=False),
    Column("manager", Text, nullable=False),
    Column("deleted_at", Double, nullable=False),
)

allocations = Table(
    "allocations",
    metadata,
    Column("key", Text, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("value", Text, nullable=False),
    UniqueConstraint("pool", "value"),
)

# What a source deleted lately, for the circuit breaker.
deletions = Table(
    "deletions",
    metadata,
    _serial(),
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("deleted_at", Double, nullable=False, index=True),
)

sources = Table(
    "sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    _serial(),
    Column("written_at", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    _serial(),
    Column("source", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "source", "seq"),
)

plans = Table(
    "plans",
    metadata,
    _serial(),
    Column("id", Text, nullable=False, index=True),
    Column("written_at", Double, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

actions = Table(
    "actions",
    metadata,
    _serial(),
    Column("written_at", Double, nullable=False, index=True),
    Column("object", Text, nullable=False, index=True),
    Column("node", Text, nullable=False, index=True),
    Column("plan", Text, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

# What persons override, by the key of the object.
overrides = Table(
    "overrides",
    metadata,
    Column("key", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# `fingerprint` is the SHA-256, in hex, of a token or a certificate.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("groups", LargeBinary, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Double, nullable=True),
    Column("revoked_at", Double, nullable=True),
    UniqueConstraint("fingerprint"),
)

# Tokens with which hosts join: `fingerprint` is the SHA-256, in hex; `used_key` that of the key it was used for.
join_tokens = Table(
    "join_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("used_at", Double, nullable=True),
    Column("used_by", Text, nullable=False),
    Column("used_key", Text, nullable=False),
)

# The latest report of each node. `former_boots` are boot ids that ended; `digests` say what the history last noted.
observations = Table(
    "observations",
    metadata,
    Column("node", Text, primary_key=True),
    Column("heartbeat_at", Double, nullable=True),
    Column("boot_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("observed_at", Double, nullable=False),
    Column("former_boots", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=True),
)

pod_history = Table(
    "pod_history",
    metadata,
    _serial(),
    Column("node", Text, nullable=False),
    Column("pod_uid", Text, nullable=False),
    Column("written_at", Double, nullable=False, index=True),
    Column("gone", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "node", "pod_uid", "written_at"),
)
