"""Lets a work order hold several items with steps of their own, worksheets, photos, a room's log.

What stood in the first work orders is carried over: each becomes an order of one item.

Revision: 6a2f4e0d7c31, after 7d2f40c1ab36
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "6a2f4e0d7c31"
down_revision = "7d2f40c1ab36"

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ME = "NULLIF(current_setting('suyuan.organization_id', true), '')::uuid"
TABLES = [
    "work_order",
    "work_order_line",
    "work_order_step",
    "work_order_photo",
    "worksheet_revision",
    "environment_reading",
    "laboratory_policy",
]
FIRST = ["work_order_step", "work_order"]  # the tables as they were
KEEPS_NO_SECOND = {"declined": "cancelled"}  # what the first steps could not say


def upgrade() -> None:
    orders, steps = taken_out()
    create_tables()
    guard(TABLES)
    op.bulk_insert(
        table("work_order"),
        [
            {name: row[name] for name in ("organization_id", "id", "number", "customer_id",
                                          "requested_on", "due_on")}
            | {"laboratory_id": row["organization_id"], "remarks": ""}
            for row in orders
        ],
    )  # fmt: skip
    op.bulk_insert(
        table("work_order_line"),
        [
            {name: row[name] for name in ("organization_id", "id", "item_id", "procedure_code")}
            | {"work_order_id": row["id"], "position": 0, "is_initial": False}
            for row in orders
        ],
    )
    op.bulk_insert(
        table("work_order_step"),
        [
            {name: row[name] for name in ("organization_id", "position", "state", "person_id",
                                          "calibration_id", "recorded_at")}
            | {"line_id": row["work_order_id"], "said": {}}
            | assignment(row)
            for row in steps
        ],
    )  # fmt: skip


def assignment(row: sa.RowMapping) -> dict[str, object]:
    """The first steps did not say to whom and for when: to whoever entered it, for that day."""
    is_one = row["state"] == "assigned"
    return {
        "assigned_to_id": row["person_id"] if is_one else None,
        "planned_on": row["recorded_at"].date() if is_one else None,
    }


def downgrade() -> None:
    """Each item becomes an order of its own; worksheets, photos, log and policy are lost."""
    unlocked("work_order", "work_order_line", "work_order_step")
    bind = op.get_bind()
    order, line, step = map(table, ("work_order", "work_order_line", "work_order_step"))
    joined = sa.select(order, line.c.id.label("line_id"), line.c.item_id, line.c.procedure_code)
    lines = bind.execute(
        joined.join(line, (line.c.organization_id == order.c.organization_id)
                    & (line.c.work_order_id == order.c.id))
    ).mappings().all()  # fmt: skip
    steps = bind.execute(sa.select(step)).mappings().all()
    for name in reversed(TABLES):
        op.drop_table(name)
    create_first_tables()
    guard(FIRST)
    op.bulk_insert(
        table("work_order"),
        [
            {name: row[name] for name in ("organization_id", "number", "customer_id",
                                          "requested_on", "due_on", "item_id", "procedure_code")}
            | {"id": row["line_id"]}
            for row in lines
        ],
    )  # fmt: skip
    op.bulk_insert(
        table("work_order_step"),
        [
            {name: row[name] for name in ("organization_id", "position", "person_id",
                                          "calibration_id", "recorded_at")}
            | {"work_order_id": row["line_id"],
               "state": KEEPS_NO_SECOND.get(row["state"], row["state"])}
            for row in steps
        ],
    )  # fmt: skip


def taken_out() -> tuple[list[sa.RowMapping], list[sa.RowMapping]]:
    """Read the first work orders and their steps, and drop their tables."""
    unlocked(*FIRST)
    bind = op.get_bind()
    orders = bind.execute(sa.select(table("work_order"))).mappings().all()
    steps = bind.execute(sa.select(table("work_order_step"))).mappings().all()
    for name in FIRST:
        op.drop_table(name)
    return list(orders), list(steps)


def table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())


def unlocked(*names: str) -> None:
    """Let the owner read past the wall what is carried over."""
    if op.get_bind().dialect.name == "postgresql":
        for name in names:
            op.execute(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY")


def guard(names: list[str]) -> None:
    for name in names:
        if op.get_bind().dialect.name != "postgresql":
            for verb in ("update", "delete"):
                op.execute(
                    f"CREATE TRIGGER {name}_no_{verb} BEFORE {verb.upper()} ON {name} "
                    f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
                )
            continue
        mine = f"organization_id = {ME}"
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY readable ON {name} FOR SELECT USING ({mine})")
        op.execute(f"CREATE POLICY addable ON {name} FOR INSERT WITH CHECK ({mine})")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO suyuan_app")
        op.execute(
            f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            f"ON {name} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        )


def key_to(name: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{name}_organization_id_{column}"),
    )


def key_to_organization(name: str, column: str = "organization_id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["organization.id"], name=op.f(f"fk_{name}_{column}"))


def check(name: str, suffix: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{name}_{suffix}"))


def primary(name: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("organization_id", *columns, name=op.f(f"pk_{name}"))


def create_tables() -> None:
    name = "work_order"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("laboratory_id", sa.Uuid(), nullable=False),
        sa.Column("customer_number", sa.String(), nullable=True),
        sa.Column("requested_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("remarks", sa.String(), nullable=False),
        check(name, "party", "customer_id = organization_id OR laboratory_id = organization_id"),
        key_to_organization(name),
        key_to_organization(name, "customer_id"),
        key_to_organization(name, "laboratory_id"),
        sa.UniqueConstraint(
            "organization_id", "number", name=op.f("uq_work_order_organization_id_number")
        ),
        primary(name, "id"),
        info={"append_only": True},
    )
    name = "work_order_line"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("is_initial", sa.Boolean(), nullable=False),
        key_to_organization(name),
        key_to(name, "work_order_id", "work_order"),
        key_to(name, "item_id", "item"),
        sa.UniqueConstraint(
            "organization_id",
            "work_order_id",
            "position",
            name=op.f("uq_work_order_line_organization_id_work_order_id_position"),
        ),
        primary(name, "id"),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_work_order_line_organization_id_item_id"), name, ["organization_id", "item_id"]
    )
    name = "work_order_step"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_to_id", sa.Uuid(), nullable=True),
        sa.Column("planned_on", sa.Date(), nullable=True),
        sa.Column("calibration_id", sa.Uuid(), nullable=True),
        sa.Column("said", JSON, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        check(
            name,
            "state",
            "state IN ('requested', 'accepted', 'received', 'assigned', 'measured', 'checked', 'approved', 'issued', 'returned', 'declined', 'cancelled')",
        ),
        check(
            name,
            "assignment",
            "(state = 'assigned') = (assigned_to_id IS NOT NULL) "
            "AND (state = 'assigned') = (planned_on IS NOT NULL)",
        ),
        check(name, "measured", "state <> 'measured' OR calibration_id IS NOT NULL"),
        key_to_organization(name),
        key_to(name, "line_id", "work_order_line"),
        key_to(name, "person_id", "person"),
        key_to(name, "assigned_to_id", "person"),
        key_to(name, "calibration_id", "calibration"),
        primary(name, "line_id", "position"),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_work_order_step_organization_id_calibration_id"),
        name,
        ["organization_id", "calibration_id"],
    )
    name = "work_order_photo"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        check(name, "media_type", "media_type IN ('image/jpeg', 'image/png', 'image/webp')"),
        key_to_organization(name),
        key_to(name, "line_id", "work_order_line"),
        key_to(name, "person_id", "person"),
        sa.UniqueConstraint(
            "organization_id",
            "line_id",
            "sha256",
            name=op.f("uq_work_order_photo_organization_id_line_id_sha256"),
        ),
        primary(name, "id"),
        info={"append_only": True},
    )
    name = "worksheet_revision"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        check(name, "revision", "revision >= 1"),
        key_to_organization(name),
        key_to(name, "line_id", "work_order_line"),
        key_to(name, "person_id", "person"),
        primary(name, "line_id", "revision"),
        info={"append_only": True},
    )
    name = "environment_reading"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        check(name, "finite", "(value IS NULL OR value BETWEEN -1e300 AND 1e300)"),
        key_to_organization(name),
        key_to(name, "person_id", "person"),
        primary(name, "id"),
        info={"append_only": True},
    )
    op.create_index(
        op.f("ix_environment_reading_organization_id_place_read_at"),
        name,
        ["organization_id", "place", "read_at"],
    )
    name = "laboratory_policy"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("signatories", sa.Integer(), nullable=False),
        sa.Column("items_a_day", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        check(name, "signatories", "signatories IN (2, 3)"),
        check(name, "items_a_day", "items_a_day >= 1"),
        key_to_organization(name),
        key_to(name, "person_id", "person"),
        primary(name, "position"),
        info={"append_only": True},
    )


def create_first_tables() -> None:
    name = "work_order"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("requested_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        key_to_organization(name, "customer_id"),
        key_to(name, "item_id", "item"),
        key_to_organization(name),
        primary(name, "id"),
        info={"append_only": True},
    )
    name = "work_order_step"
    op.create_table(
        name,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("calibration_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        check(
            name,
            "state",
            "state IN ('requested', 'accepted', 'received', 'assigned', 'measured', 'checked', 'approved', 'issued', 'returned', 'cancelled')",
        ),
        key_to(name, "calibration_id", "calibration"),
        key_to(name, "person_id", "person"),
        key_to(name, "work_order_id", "work_order"),
        key_to_organization(name),
        primary(name, "work_order_id", "position"),
        info={"append_only": True},
    )
