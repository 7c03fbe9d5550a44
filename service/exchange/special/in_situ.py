"""Calibrations away from the laboratory: in line with the process, and at a distance."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Annotated, ClassVar, Final

from pydantic import AwareDatetime, Field

from procedures import in_situ
from procedures.conformity import ToleranceInterval, Verdict, guarded_with_undetermined_zone
from procedures.errors import InvalidInput
from procedures.in_situ import (
    Condition,
    InLineComparison,
    RemoteFlaw,
    RemoteReading,
    RemoteRecord,
    TransferStandard,
)
from service.exchange.budget_answer import Said
from service.exchange.budget_request import NotNegative, Number, Positive, Strict, Unit
from service.exchange.special.answer import Evaluated, EvaluationFigure, Mark
from service.exchange.special.asked import (
    MOST_SAMPLES,
    Name,
    SpecialRequest,
    plot,
    pointing_at,
)

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256, in hexadecimal.")]


# ── In line with the process ──────────────────────────────────────────────────────────────────────


OF_ERROR: Final[Mapping[Verdict | None, Said]] = {
    None: Said(zh="给出误差及 U, 未作要求", en="the error with U; nothing was required"),
    Verdict.PASS: Said(zh="|误差| + U 未超过最大允许误差", en="|error| + U keeps the limit"),
    Verdict.FAIL: Said(zh="|误差| - U 超过最大允许误差", en="|error| - U exceeds the limit"),
    Verdict.UNDETERMINED: Said(
        zh="误差距限值不足 U, 不作结论", en="within U of the limit: not decided"
    ),
}


class InLineSampleIn(Strict):
    """Indications at one moment; leave out what was not sampled then."""

    seconds: Number
    instrument: Number | None = None
    reference: Number | None = None


class InLineComparisonIn(SpecialRequest):
    """An instrument against a reference in series with it, while the process runs."""

    KIND: ClassVar[str] = "in-line-comparison"
    TITLE: ClassVar[Said] = Said(
        zh="在线校准记录", en="In-line calibration against a reference in series"
    )

    unit: Unit
    reference_standard_uncertainty: NotNegative
    time_half_width: Annotated[NotNegative, Field(description="of the two clocks, s")]
    delay: Annotated[Number, Field(description="of the instrument after the reference, s")] = 0.0
    conditions: dict[Name, NotNegative] = Field(
        default_factory=dict,
        max_length=20,
        description="Process conditions: half-width of what each does to the error, in `unit`.",
    )
    maximum_permissible_error: Annotated[
        Positive | None, Field(description="of the instrument, in `unit`")
    ] = None
    samples: Annotated[list[InLineSampleIn], Field(min_length=10, max_length=MOST_SAMPLES)]

    def evaluate(self) -> Evaluated:
        """Return the error with U, and what each term adds to it."""
        found = self._compared()
        verdict = self._judged(found)
        figures = [
            EvaluationFigure(
                subject="",
                quantity="error",
                label=Said(zh="示值误差", en="error of indication"),
                value=found.error,
                unit=self.unit,
                expanded_uncertainty=found.expanded_uncertainty,
                limit=self.maximum_permissible_error,
                verdict=verdict,
            ),
            EvaluationFigure(
                subject="",
                quantity="drift",
                label=Said(zh="运行期间漂移", en="drift during the run"),
                value=found.drift,
                unit=self.unit,
            ),
            EvaluationFigure(
                subject="",
                quantity="samples",
                label=Said(zh="共同时段内样本数", en="samples in common"),
                value=found.samples,
                unit="1",
            ),
        ]
        terms = [(row.symbol, abs(row.component)) for row in found.budget.contributions]
        figures += [
            EvaluationFigure(
                subject=name,
                quantity="standard_uncertainty",
                label=TERMS.get(name, Said(zh=f"工况: {name}", en=f"condition: {name}")),
                value=u,
                unit=self.unit,
            )
            for name, u in terms
        ]
        return self.answered(
            verdict=verdict,
            conclusion=OF_ERROR[verdict],
            figures=figures,
            plot=plot(
                Said(zh="各分量的标准不确定度", en="Standard uncertainty of each term"),
                self.unit,
                [Mark(label=name, value=u) for name, u in terms],
            ),
        )

    def _compared(self) -> InLineComparison:
        with pointing_at(""), _pointing_into_samples():
            return in_situ.compare_in_line(
                _series([(row.seconds, row.instrument) for row in self.samples]),
                _series([(row.seconds, row.reference) for row in self.samples]),
                unit=self.unit,
                reference_standard_uncertainty=self.reference_standard_uncertainty,
                delay=self.delay,
                time_half_width=self.time_half_width,
                conditions=_conditions(self.conditions),
            )

    def _judged(self, found: InLineComparison) -> Verdict | None:
        if self.maximum_permissible_error is None:
            return None
        rule = guarded_with_undetermined_zone(found.expanded_uncertainty)
        limit = self.maximum_permissible_error
        return rule.verdict(found.error, ToleranceInterval.of_maximum_permissible_error(limit))


TERMS: Final = {
    "error": Said(zh="重复性", en="repeatability"),
    "standard": Said(zh="标准器", en="reference"),
    "synchronisation": Said(zh="时间同步", en="synchronisation"),
    "drift": Said(zh="漂移", en="drift"),
}


def _series(samples: list[tuple[float, float | None]]) -> in_situ.Series:
    kept = [(seconds, value) for seconds, value in samples if value is not None]
    if len(kept) < 2:
        raise InvalidInput("samples", "both instruments need at least two")
    return in_situ.Series(
        seconds=[seconds for seconds, _ in kept], values=[value for _, value in kept]
    )


def _conditions(told: Mapping[str, float]) -> list[Condition]:
    return [Condition(name=name, half_width=a) for name, a in told.items()]


@contextmanager
def _pointing_into_samples() -> Iterator[None]:
    """Let what the science says of a series point at the samples that it was made of."""
    try:
        yield
    except InvalidInput as error:
        field = "conditions" if error.field == "names" else error.field
        known = field in InLineComparisonIn.model_fields
        raise InvalidInput(field if known else "samples", error.reason) from error


# ── At a distance ─────────────────────────────────────────────────────────────────────────────────


OF_RECORD: Final = {
    Verdict.PASS: Said(zh="记录可以签署", en="the record may be signed"),
    Verdict.UNDETERMINED: Said(
        zh="尚无摘要: 将下列摘要与读数一同保存, 签署前凭它再核对",
        en="no digest yet: keep the one below with the readings, and ask again with it",
    ),
    Verdict.FAIL: Said(zh="记录不得签署", en="the record cannot be signed"),
}


class TransferStandardIn(Strict):
    """The standard that travelled, checked at home before and after."""

    serial_number: Annotated[str, Field(max_length=100)]
    certificate_number: Annotated[str, Field(max_length=100)]
    valid_until: date
    seal_departure: Annotated[str, Field(max_length=100)]
    seal_arrival: Annotated[str, Field(max_length=100)]
    before: Annotated[Number, Field(description="its error at home before the journey")]
    after: Annotated[Number | None, Field(description="and after it; absent while away")] = None


class RemoteReadingIn(Strict):
    """One reading as it was sent."""

    at: AwareDatetime
    symbol: Name
    nominal: Number
    value: Number


class RemoteRecordIn(SpecialRequest):
    """A calibration at a distance: whether its record may be signed, and what the journey adds.

    Ask without `digest` when the readings were taken: the answer has the one that binds them.
    Asked again with it, a reading changed since is found.
    """

    KIND: ClassVar[str] = "remote-record"
    TITLE: ClassVar[Said] = Said(zh="远程校准记录", en="Record of a remote calibration")

    on: Annotated[date, Field(description="the day on which it is to be signed")]
    unit: Unit
    laboratory_standard_uncertainty: Annotated[
        NotNegative, Field(description="u of the same measurement in the laboratory")
    ]
    standard: TransferStandardIn
    environment: dict[Name, Number] = Field(default_factory=dict, max_length=50)
    required_conditions: list[Name] = Field(default=["temperature"], max_length=50)
    conditions: dict[Name, NotNegative] = Field(
        default_factory=dict,
        max_length=20,
        description="What the place adds: half-widths, in `unit`.",
    )
    video_sha256: Digest
    digest: Digest | None = None
    readings: Annotated[list[RemoteReadingIn], Field(max_length=MOST_SAMPLES)]

    def evaluate(self) -> Evaluated:
        """Return why the record cannot be signed, its digest, and u with the journey."""
        standard = TransferStandard(**self.standard.model_dump())
        readings = tuple(RemoteReading(**row.model_dump()) for row in self.readings)
        digest = in_situ.digest_of(readings, standard=standard, video_sha256=self.video_sha256)
        record = RemoteRecord(
            standard=standard,
            environment=self.environment,
            readings=readings,
            video_sha256=self.video_sha256,
            digest=self.digest or digest,
            required_conditions=tuple(self.required_conditions),
        )
        flaws = in_situ.flaws_of(record, on=self.on)
        verdict = Verdict.FAIL if flaws else Verdict.PASS
        if not flaws and self.digest is None:
            verdict = Verdict.UNDETERMINED
        return self.answered(
            verdict=verdict,
            conclusion=OF_RECORD[verdict],
            figures=list(self._figures(standard, flaws)),
            remarks=[
                *(FLAWS[flaw] for flaw in flaws),
                Said(
                    zh=f"读数摘要 SHA-256: {digest}",
                    en=f"digest of the readings, SHA-256: {digest}",
                ),
            ],
            plot=None,
        )

    def _figures(
        self, standard: TransferStandard, flaws: tuple[RemoteFlaw, ...]
    ) -> Iterator[EvaluationFigure]:
        for flaw in RemoteFlaw:
            found = flaw in flaws
            if flaw is RemoteFlaw.READINGS_CHANGED and self.digest is None:
                continue
            yield EvaluationFigure(
                subject="",
                quantity=flaw.value,
                label=CHECKS[flaw],
                value=None,
                unit="1",
                verdict=Verdict.FAIL if found else Verdict.PASS,
            )
        transport = standard.transport_half_width
        yield EvaluationFigure(
            subject="",
            quantity="transport_half_width",
            label=Said(zh="运输变化半宽", en="half of the change by the journey"),
            value=transport,
            unit=self.unit,
        )
        u = None
        if transport is not None:
            with pointing_at(""):
                u = in_situ.remote_standard_uncertainty(
                    self.laboratory_standard_uncertainty,
                    standard,
                    conditions=_conditions(self.conditions),
                )
        yield EvaluationFigure(
            subject="",
            quantity="standard_uncertainty",
            label=Said(zh="远程结果的标准不确定度", en="standard uncertainty of the remote result"),
            value=u,
            unit=self.unit,
        )


FLAWS: Final[Mapping[RemoteFlaw, Said]] = {
    RemoteFlaw.STANDARD_NOT_VALID: Said(
        zh="传递标准的证书在读数当日已过期",
        en="the certificate of the transfer standard had run out when it was read",
    ),
    RemoteFlaw.STANDARD_UNIDENTIFIED: Said(
        zh="传递标准没有出厂编号或证书编号",
        en="the transfer standard has no serial number or no certificate number",
    ),
    RemoteFlaw.SEAL_BROKEN: Said(
        zh="到达时的封签与发出时不同", en="the seal on arrival is not that of departure"
    ),
    RemoteFlaw.TRANSFER_NOT_CLOSED: Said(
        zh="传递标准尚未返回复核", en="the transfer standard has not been checked after its return"
    ),
    RemoteFlaw.ENVIRONMENT_MISSING: Said(
        zh="缺少规定的环境条件", en="a required condition of the environment is missing"
    ),
    RemoteFlaw.READINGS_CHANGED: Said(
        zh="读数与其摘要不符: 事后被改动",
        en="the readings are not those of the digest: changed since",
    ),
    RemoteFlaw.NO_READINGS: Said(zh="没有读数", en="there are no readings"),
}
CHECKS: Final[Mapping[RemoteFlaw, Said]] = {
    RemoteFlaw.STANDARD_NOT_VALID: Said(
        zh="传递标准证书有效", en="certificate of the standard valid"
    ),
    RemoteFlaw.STANDARD_UNIDENTIFIED: Said(zh="传递标准可识别", en="standard identified"),
    RemoteFlaw.SEAL_BROKEN: Said(zh="封签完好", en="seal unbroken"),
    RemoteFlaw.TRANSFER_NOT_CLOSED: Said(zh="返回后已复核", en="checked after its return"),
    RemoteFlaw.ENVIRONMENT_MISSING: Said(zh="环境条件齐全", en="environment told"),
    RemoteFlaw.READINGS_CHANGED: Said(zh="读数与摘要一致", en="readings are those of the digest"),
    RemoteFlaw.NO_READINGS: Said(zh="有读数", en="readings there"),
}
