"""The documents by which an organization tells the holders of its results what became of them.

Parsed as strictly as a calibration (see `documents`): a holder has only the sender's word.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, model_validator

from service.actions.documents import (
    NotNegative,
    Number,
    Positive,
    Told,
    ToldCalibration,
    read_as,
)
from traceability.impact import DriftAssumption, Verdict

Prose = Annotated[str, Field(min_length=1, max_length=4000)]
Points = Annotated[tuple[tuple[Number, Number], ...], Field(min_length=1, max_length=1000)]
Probability = Annotated[float, Field(ge=0, le=1)]


class ToldEnd(Told):
    """That a calibration no longer stands: superseded by its successor, or withdrawn if none."""

    calibration_id: UUID
    successor_id: UUID | None


class ToldStatus(Told):
    """That a certificate was amended by another, which carries its number, or withdrawn.

    `delivery_id` is the delivery that brings the other one, with its calibration.
    """

    certificate_id: UUID
    number: str
    amended_by: str | None
    delivery_id: UUID | None = None


class Notice(Told):
    """What every notice says in words, in both languages."""

    message_zh: Prose
    message_en: Prose


class EndNotice(Notice):
    """That calibrations or certificates which the holder was told no longer stand.

    Attributes:
        reason: in the words of whoever ended them.
        cited: the facts of successors, and of what stands unpublished behind them, the farthest
            first; a holder who only cites a calibration is sent no other.
    """

    kind: Literal["amended", "withdrawn"]
    reason: Prose
    calibrations: tuple[ToldEnd, ...]
    certificates: tuple[ToldStatus, ...]
    cited: tuple[ToldCalibration, ...]

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if not (self.calibrations or self.certificates):
            raise ValueError("it tells of no calibration and of no certificate")
        successors = (
            *(end.successor_id for end in self.calibrations),
            *(status.amended_by for status in self.certificates),
        )
        if any((successor is None) == (self.kind == "amended") for successor in successors):
            raise ValueError("what is amended has a successor, what is withdrawn has none")
        if any(told.delivery_id and not told.amended_by for told in self.certificates):
            raise ValueError("a delivery brings what amends a certificate, and nothing does")
        return self


class ToldUnjudged(Told):
    """A calibration of the holder's of which the sender cannot say what became of it."""

    calibration_id: UUID
    item_name_zh: str
    item_name_en: str
    certificate_number: str | None


class ToldAffected(ToldUnjudged):
    """One result that a standard out of tolerance affected, in `unit`."""

    result_id: UUID
    unit: str
    value: Number
    error: Number | None
    shift: Number | None
    corrected_error: Number | None
    standard_uncertainty: NotNegative | None
    maximum_permissible_error: Positive | None
    recorded_verdict: Verdict
    corrected_verdict: Verdict
    probability_of_nonconformity: Probability | None


class OutOfToleranceNotice(Notice):
    """That a standard was out of tolerance, and what it made of the holder's results.

    Attributes:
        recall_id: the sender's recall, to be named in an answer.
        as_found: (value, error) in `unit`, by value; the error is the value it gave less the true.
        assumption: how the error is taken to have arisen between the two dates.
    """

    kind: Literal["out_of_tolerance"]
    recall_id: UUID
    standard_zh: str
    standard_en: str
    certificate_number: str | None
    unit: str
    last_good_on: date
    found_on: date
    as_found: Points
    assumption: DriftAssumption
    affected: tuple[ToldAffected, ...]
    unjudged: tuple[ToldUnjudged, ...]

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.found_on <= self.last_good_on:
            raise ValueError("found_on is not after last_good_on")
        if not (self.affected or self.unjudged):
            raise ValueError("it tells of no result and of no calibration")
        return self


_ENDED = TypeAdapter(EndNotice)
_OUT_OF_TOLERANCE = TypeAdapter(OutOfToleranceNotice)


def read_notice(version: int, content: Mapping[str, Any]) -> EndNotice | OutOfToleranceNotice:
    """Return the notice that was sent.

    Raises:
        InvalidField: another version than this service reads, or the first field in error.
    """
    if content.get("kind") == "out_of_tolerance":
        return read_as(_OUT_OF_TOLERANCE, version, content)
    return read_as(_ENDED, version, content)
