"""Recalls: a standard found out of tolerance, what it affected, and how each item was settled."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.tables.base import (
    APPEND_ONLY,
    Json,
    TenantRow,
    UtcDateTime,
    finite,
    one_of,
    within_tenant,
)

VERDICTS = ("conforming", "nonconforming", "unknown")
DECISIONS = ("confirmed", "dropped")


class RecallRecord(TenantRow, table=True):
    """A recall as it was opened: the standard, what is known of its error, what is assumed.

    Attributes:
        calibration_id: the faulty calibration of the own book; `published_id` where only the
            reference layer holds it.
        as_found: [[value, error], …] by value, in `unit`; the error is the value the standard
            gave less the true one.
    """

    __tablename__ = "recall"
    __table_args__ = (
        within_tenant(["calibration_id"], "calibration"),
        CheckConstraint("(calibration_id IS NULL) <> (published_id IS NULL)", name="one_standard"),
        CheckConstraint("found_on > last_good_on", name="found_after_it_was_good"),
        CheckConstraint("standard_uncertainty >= 0", name="standard_uncertainty"),
        one_of("assumption", "step_at_start", "linear", "worst_case"),
        finite("standard_uncertainty"),
        APPEND_ONLY,
    )

    calibration_id: UUID | None = None
    published_id: UUID | None = Field(default=None, foreign_key="published_calibration.id")
    last_good_on: date
    found_on: date
    unit: str
    as_found: list[Any] = Field(sa_type=Json)
    standard_uncertainty: float | None = None
    assumption: str
    opened_at: datetime = Field(sa_type=UtcDateTime)


class RecallSuggestion(SQLModel, table=True):
    """That a measurement of the standard opened the recall, which waits until a person decides.

    `found_by_id` is that measurement; it suggests one recall and never a second.
    """

    __tablename__ = "recall_suggestion"
    __table_args__ = (
        within_tenant(["recall_id"], "recall"),
        within_tenant(["found_by_id"], "calibration"),
        UniqueConstraint("organization_id", "found_by_id"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    recall_id: UUID = Field(primary_key=True)
    found_by_id: UUID


class RecallDecision(SQLModel, table=True):
    """What a person decided on a suggested recall: confirmed, or dropped and why."""

    __tablename__ = "recall_decision"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "recall_id"],
            ["recall_suggestion.organization_id", "recall_suggestion.recall_id"],
        ),
        within_tenant(["person_id"], "person"),
        one_of("decision", *DECISIONS),
        CheckConstraint("decision = 'confirmed' OR reason <> ''", name="reason"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    recall_id: UUID = Field(primary_key=True)
    decision: str
    reason: str = ""
    person_id: UUID
    decided_at: datetime = Field(sa_type=UtcDateTime)


class RecallCalibration(SQLModel, table=True):
    """A calibration of the book that the recall affects, and the path from it to the standard.

    `customer_id` is whom it was made for; None is the organization itself. One that is not
    judged has no result on record, or one in another unit: somebody must look.
    """

    __tablename__ = "recall_calibration"
    __table_args__ = (
        within_tenant(["recall_id"], "recall"),
        within_tenant(["calibration_id"], "calibration"),
        within_tenant(["item_id"], "item"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    recall_id: UUID = Field(primary_key=True)
    calibration_id: UUID = Field(primary_key=True)
    item_id: UUID
    customer_id: UUID | None = Field(default=None, foreign_key="organization.id")
    path: list[Any] = Field(sa_type=Json)
    is_judged: bool
    listed_at: datetime = Field(sa_type=UtcDateTime)


class RecallCase(SQLModel, table=True):
    """A result that the recall affects, as recorded and as corrected, in `unit`."""

    __tablename__ = "recall_case"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "recall_id", "calibration_id"],
            [
                "recall_calibration.organization_id",
                "recall_calibration.recall_id",
                "recall_calibration.calibration_id",
            ],
        ),
        within_tenant(["result_id"], "calibration_result"),
        one_of("recorded_verdict", *VERDICTS),
        one_of("corrected_verdict", *VERDICTS),
        CheckConstraint("standard_uncertainty >= 0", name="standard_uncertainty"),
        CheckConstraint("probability_of_nonconformity BETWEEN 0 AND 1", name="probability"),
        finite(
            "value",
            "error",
            "shift",
            "corrected_error",
            "standard_uncertainty",
            "maximum_permissible_error",
        ),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    recall_id: UUID = Field(primary_key=True)
    result_id: UUID = Field(primary_key=True)
    calibration_id: UUID
    unit: str
    value: float
    error: float | None = None
    shift: float | None = None
    corrected_error: float | None = None
    standard_uncertainty: float | None = None
    maximum_permissible_error: float | None = None
    recorded_verdict: str
    corrected_verdict: str
    probability_of_nonconformity: float | None = None


class RecallClosing(SQLModel, table=True):
    """How an affected item was settled: calibrated anew, or otherwise, as a statement says."""

    __tablename__ = "recall_closing"
    __table_args__ = (
        within_tenant(["recall_id"], "recall"),
        within_tenant(["item_id"], "item"),
        within_tenant(["calibration_id"], "calibration"),
        CheckConstraint("(calibration_id IS NULL) <> (statement IS NULL)", name="one_way"),
        APPEND_ONLY,
    )

    organization_id: UUID = Field(primary_key=True, foreign_key="organization.id")
    recall_id: UUID = Field(primary_key=True)
    item_id: UUID = Field(primary_key=True)
    calibration_id: UUID | None = None
    statement: str | None = None
    closed_at: datetime = Field(sa_type=UtcDateTime)
