"""The ASGI application, assembled."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from threading import Event, Thread

from fastapi import FastAPI

from service import log
from service.api import (
    api_keys,
    audit_entries,
    calibrations,
    capabilities,
    certificate_revisions,
    certificate_statuses,
    certificates,
    chains,
    conformity_statements,
    connections,
    covariances,
    dependents,
    digests,
    due_dates,
    evaluations,
    figures,
    fitness,
    grants,
    health,
    imports,
    intervals,
    items,
    ledger,
    logs,
    notices,
    people,
    plans,
    procedures,
    recalls,
    received_documents,
    reevaluations,
    regulated_books,
    risks,
    sites,
    summaries,
    uncertainty_budgets,
    webhooks,
    work_orders,
    worksheets,
)
from service.api.description import describe, name_of
from service.api.quick import QuickLookups
from service.api.rate_limit import RateLimit
from service.catalogue import built_in_editions
from service.clock import day_of, now, standing_on
from service.database import open_engine
from service.idempotency import answering_once
from service.jobs.worker import Worker
from service.lookup import open_lookup_keys
from service.mail import open_mailer
from service.network import Network
from service.problems import add_problem_handlers
from service.rendering import renderer
from service.seals import open_seals
from service.settings import Settings
from service.throttle import Throttle
from service.web import accounts as account_pages
from service.web import (
    add_pages,
    audit_log,
    certificate_list,
    impact,
    intake,
    item_entry,
    procedure_writing,
)
from service.web import capabilities as capability_pages
from service.web import connections as connection_pages
from service.web import digests as digest_pages
from service.web import due as due_pages
from service.web import evaluations as evaluation_pages
from service.web import figures as figure_pages
from service.web import grants as grant_pages
from service.web import items as item_pages
from service.web import ledger as ledger_pages
from service.web import lots as lot_pages
from service.web import notices as notice_pages
from service.web import periods as period_pages
from service.web import plans as plan_pages
from service.web import procedures as procedure_pages
from service.web import recalls as recall_pages
from service.web import revisions as revision_pages
from service.web import risks as risk_pages
from service.web import sites as site_pages
from service.web import summaries as summary_pages
from service.web import work_orders as work_order_pages
from service.web import worksheets as worksheet_pages
from service.web.drawing import draw_chain
from service.web.frame import RAW_HEADERS
from service.web.pages import frame_of
from service.web.pages import router as pages_router

BOOKS_AND_NUMBERS = (
    certificates,
    certificate_revisions,
    certificate_statuses,
    logs,
    received_documents,
    items,
    ledger,
    imports,
    webhooks,
    connections,
    audit_entries,
    chains,
    calibrations,
    capabilities,
    dependents,
    due_dates,
    digests,
    figures,
    covariances,
    fitness,
    notices,
    recalls,
    reevaluations,
    risks,
    sites,
    uncertainty_budgets,
    conformity_statements,
    evaluations,
    intervals,
    plans,
    procedures,
    work_orders,
    worksheets,
    people,
    api_keys,
    grants,
    regulated_books,
    summaries,
)
PAGES = (
    pages_router,
    certificate_list.router,
    due_pages.router,
    digest_pages.router,
    figure_pages.router,
    lot_pages.router,
    impact.router,
    account_pages.router,
    worksheet_pages.router,
    work_order_pages.router,
    notice_pages.router,
    plan_pages.router,
    recall_pages.router,
    intake.router,
    evaluation_pages.router,
    procedure_pages.router,
    procedure_writing.router,
    ledger_pages.router,
    item_entry.router,
    item_pages.router,
    period_pages.router,
    connection_pages.router,
    capability_pages.router,
    site_pages.router,
    audit_log.router,
    revision_pages.router,
    risk_pages.router,
    grant_pages.router,
    summary_pages.router,
)
PATIENCE = 10  # seconds for the work at hand when the service stops


@asynccontextmanager
async def _working(app: FastAPI) -> AsyncIterator[None]:
    """Do what is due beside the requests, in a thread, while the application lives."""
    state, stop = app.state, Event()
    worker = Worker(
        state.engine,
        state.keys,
        clock=lambda: max(state.clock(), now()),
        network=state.network,
        today=lambda: day_of(state.clock()),
        mailer=open_mailer(state.settings),
        public_url=state.settings.public_url,
    )
    thread = Thread(target=worker.run, args=(stop,), name="worker", daemon=True)
    if state.settings.worker_in_process:
        thread.start()
    yield
    stop.set()
    if thread.is_alive():
        thread.join(timeout=PATIENCE)


def create_settled_app(settings: Settings | None = None) -> FastAPI:
    """Build the application for a process that serves it: nobody waits for what comes but once.

    The catalogue is read, and what is in memory by now is left out of the rounds of the garbage
    collector: one round over all of it stops every request for a quarter of a second.
    """
    app = create_app(settings)
    built_in_editions()
    gc.collect()
    gc.freeze()
    return app


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; nothing is read or opened at import."""
    settings = settings or Settings()
    app = FastAPI(
        title="Suyuan 溯源",
        version="0.1.0",
        generate_unique_id_function=name_of,
        docs_url=None,
        redoc_url=None,
        lifespan=_working,
    )
    app.state.settings = settings
    app.state.engine = open_engine(settings.database_url)
    app.state.keys = open_lookup_keys(settings.lookup_key_file)
    app.state.throttle = Throttle()
    app.state.network = Network(settings.reachable)
    app.state.seals = open_seals(settings)
    app.state.render = renderer(settings.dcc_schema_dir)
    today = settings.demonstration_today
    app.state.clock = standing_on(today) if today else now
    for module in BOOKS_AND_NUMBERS:
        app.include_router(answering_once(module.router), prefix="/v1")
    app.include_router(answering_once(worksheets.log), prefix="/v1")
    app.include_router(digests.account, prefix="/v1")
    app.include_router(answering_once(regulated_books.book), prefix="/v1")
    app.include_router(people.roles_router, prefix="/v1")
    app.include_router(connections.public)
    app.include_router(health.router)
    for pages in PAGES:
        app.include_router(pages)
    app.state.draw_chain = draw_chain
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's own way
    add_problem_handlers(app)
    add_pages(app, frame_of=frame_of)
    app.add_middleware(QuickLookups, state=app.state, headers=RAW_HEADERS)
    app.add_middleware(RateLimit, throttle=app.state.throttle, a_minute=settings.requests_a_minute)
    if settings.demonstration_person is None:  # whose terminal tells a story instead
        app.add_middleware(log.RequestLog)
    return app
