"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table, and the one row of the counters."""
    _make_counters()
    _make_facts()
    _make_leases()
    _make_objects()
    _make_changes()
    _make_tombstones()
    _make_allocations()
    _make_deletions()
    _make_sources()
    _make_acknowledgements()
    _make_revisions()
    _make_plans()
    _make_actions()
    _make_observations()
    _make_pod_history()
    op.execute("INSERT INTO counters (id, resource_version, log_floor, side_version) VALUES (1, 0, 0, 0)")


def _make_counters() -> None:
    op.create_table(
        "counters",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("resource_version", sa.BigInteger(), nullable=False),
        sa.Column("log_floor", sa.BigInteger(), nullable=False),
        sa.Column("side_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_counters"),
    )


def _make_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_facts"),
    )


def _make_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _make_objects() -> None:
    op.create_table(
        "objects",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("resource_version", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("provenance", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_objects"),
    )
    op.create_index("ix_objects_kind", "objects", ["kind"])
    op.create_index("ix_objects_subject", "objects", ["subject"])


def _make_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("resource_version", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("last_version", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("provenance", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("resource_version", name="pk_changes"),
    )
    op.create_index("ix_changes_written_at", "changes", ["written_at"])


def _make_tombstones() -> None:
    op.create_table(
        "tombstones",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_tombstones"),
    )


def _make_allocations() -> None:
    op.create_table(
        "allocations",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_allocations"),
        sa.UniqueConstraint("pool", "value", name="uq_allocations_pool_value"),
    )


def _make_deletions() -> None:
    op.create_table(
        "deletions",
        sa.Column("seq", SERIAL, nullable=False, autoincrement=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_deletions"),
    )
    op.create_index("ix_deletions_deleted_at", "deletions", ["deleted_at"])


def _make_sources() -> None:
    op.create_table(
        "sources",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sources"),
    )


def _make_acknowledgements() -> None:
    op.create_table(
        "acknowledgements",
        sa.Column("seq", SERIAL, nullable=False, autoincrement=True),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_acknowledgements"),
    )


def _make_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("seq", SERIAL, nullable=False, autoincrement=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_revisions"),
    )
    op.create_index("ix_revisions_source_seq", "revisions", ["source", "seq"])


def _make_plans() -> None:
    op.create_table(
        "plans",
        sa.Column("seq", SERIAL, nullable=False, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_plans"),
    )
    op.create_index("ix_plans_id", "plans", ["id"])
    op.create_index("ix_plans_written_at", "plans", ["written_at"])


def _make_actions() -> None:
    op.create_table(
        "actions",
        sa.Column("seq", SERIAL, nullable=False, autoincrement=True),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_actions"),
    )
    op.create_index("ix_actions_node", "actions", ["node"])
    op.create_index("ix_actions_object", "actions", ["object"])
    op.create_index("ix_actions_plan", "actions", ["plan"])
    op.create_index("ix_actions_written_at", "actions", ["written_at"])


def _make_observations() -> None:
    op.create_table(
        "observations",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("heartbeat_at", sa.Double(), nullable=True),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", sa.Double(), nullable=False),
        sa.Column("former_boots", sa.LargeBinary(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("node", name="pk_observations"),
    )


def _make_pod_history() -> None:
    op.create_table(
        "pod_history",
        sa.Column("seq", SERIAL, nullable=False, autoincrement=True),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("pod_uid", sa.Text(), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_pod_history"),
    )
    op.create_index("ix_pod_history_node_pod_uid_written_at", "pod_history", ["node", "pod_uid", "written_at"])
    op.create_index("ix_pod_history_written_at", "pod_history", ["written_at"])
