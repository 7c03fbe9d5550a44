"""The pages of special evaluations: what there is, and one with its data, table and verdict."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from procedures.edition import Bilingual
from procedures.errors import ProcedureError
from service.catalogue import built_in_editions
from service.errors import InvalidField
from service.exchange.special import REQUESTS, file
from service.exchange.special.answer import (
    Evaluated,
    EvaluationFigure,
    EvaluationReport,
    Plot,
    as_shown,
)
from service.exchange.special.file import MOST_OCTETS, SpecialFileInvalid
from service.throttle import LOOK_UPS, throttled
from service.web.fmt import MINUS
from service.web.frame import TEMPLATES, render_page
from service.web.procedures import EVALUATIONS_ROUTE, procedure
from service.web.viz import ValuesPlot, draw_values

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationsPage:
    """The special evaluations there are: address and title of each, and its procedures."""

    rows: tuple[tuple[str, Bilingual, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure as it is shown."""

    figure: EvaluationFigure
    value: str
    expanded_uncertainty: str
    unit: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPage:
    """One special evaluation: its text, what was wrong with it, and what it comes to.

    Attributes:
        is_example: whether the text is ours, synthetic and not yet evaluated.
        faults: in the words of the reader, each with its place; none where it was evaluated.
    """

    kind: str
    title: Bilingual
    text: str
    procedures: tuple[tuple[str, str], ...]
    is_example: bool = False
    faults: tuple[str, ...] = ()
    report: EvaluationReport | None = None
    rows: tuple[FigureRow, ...] = ()
    plot: Plot | None = None
    drawn: ValuesPlot | None = None


TEMPLATES[EvaluationsPage] = "evaluations.html"
TEMPLATES[EvaluationPage] = "evaluation.html"


def evaluation(kind: str) -> str:
    """Return the address of an evaluation's page."""
    return f"{EVALUATIONS_ROUTE}/{kind}"


@router.get(EVALUATIONS_ROUTE)
def show_evaluations(request: Request) -> HTMLResponse:
    """Show which special evaluations there are."""
    rows = tuple((evaluation(kind), _title(kind), _editions(kind)) for kind in REQUESTS)
    return render_page(request, EvaluationsPage(rows=rows))


@router.get(EVALUATIONS_ROUTE + "/{kind}")
def show_evaluation(request: Request, kind: str) -> HTMLResponse:
    """Show the form of an evaluation with an example in it."""
    return render_page(request, _page(kind, file.example(kind), is_example=True))


@router.post(EVALUATIONS_ROUTE + "/{kind}", dependencies=[throttled("evaluation", LOOK_UPS)])
def evaluate(
    request: Request,
    kind: str,
    text: Annotated[str, Form(max_length=MOST_OCTETS)] = "",
    upload: Annotated[UploadFile | None, File(alias="file")] = None,
    form: Annotated[Literal["page", "csv", "json"], Form(alias="as")] = "page",
) -> Response:
    """Evaluate what was typed or sent, and show it, or send it as a file; nothing is kept."""
    sent = upload.file.read(MOST_OCTETS + 1) if upload is not None and upload.size else b""
    content = sent or text.encode()
    shown = _shown(content)
    try:
        found = file.read(kind, content).evaluate()
    except SpecialFileInvalid as error:
        told = [f"{pointer}: {reason}" if pointer else reason for pointer, reason in error.faults]
        return render_page(request, _page(kind, shown, faults=tuple(told)), status=422)
    except (InvalidField, ProcedureError) as error:
        return render_page(request, _page(kind, shown, faults=(str(error),)), status=422)
    if form != "page":
        return _download(found.report, form)
    return render_page(request, _page(kind, shown, found=found))


def _shown(content: bytes) -> str:
    """Return a text as it stands in the form again, with the line ends of a file."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")
    return text.replace("\r\n", "\n")


def _download(report: EvaluationReport, form: str) -> Response:
    text = file.as_csv(report) if form == "csv" else report.model_dump_json(indent=2) + "\n"
    mark = "\ufeff" if form == "csv" else ""  # or a spreadsheet misreads Chinese
    return Response(
        (mark + text).encode(),
        media_type="text/csv" if form == "csv" else "application/json",
        headers={"Content-Disposition": f'attachment; filename="{report.kind}.{form}"'},
    )


def _page(
    kind: str,
    text: str,
    *,
    found: Evaluated | None = None,
    is_example: bool = False,
    faults: tuple[str, ...] = (),
) -> EvaluationPage:
    report = found.report if found else None
    return EvaluationPage(
        kind=kind,
        title=_title(kind),
        text=text,
        procedures=_editions(kind),
        is_example=is_example,
        faults=faults,
        report=report,
        rows=tuple(_row(figure) for figure in report.figures) if report else (),
        plot=found.plot if found else None,
        drawn=draw_values(found.plot) if found and found.plot else None,
    )


def _row(figure: EvaluationFigure) -> FigureRow:
    value, expanded, limit = as_shown(figure)
    return FigureRow(
        figure=figure,
        value=value.replace("-", MINUS),
        expanded_uncertainty=expanded,
        unit="" if figure.unit == "1" else figure.unit,
        limit=limit,
    )


def _title(kind: str) -> Bilingual:
    said = file.request_named(kind).TITLE
    return Bilingual(zh=said.zh, en=said.en)


def _editions(kind: str) -> tuple[tuple[str, str], ...]:
    """Return name and address of the editions of the catalogue that an evaluation goes with."""
    wanted = file.request_named(kind).PROCEDURES
    known = [row.edition for row in built_in_editions()]
    return tuple(
        (edition.name, procedure(edition.code, edition.edition))
        for edition in known
        if edition.name in wanted
    )
