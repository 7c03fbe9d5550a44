"""`suyuan work`: do what is due, apart from the process that serves."""

import signal
from threading import Event
from typing import Annotated

import typer
from rich.console import Console

from service.commands.at_hand import engine_of, require_ready
from service.settings import Settings


def work(
    *,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
) -> None:
    """Do what is due: webhooks, long imports, ledgers elsewhere, digests of due dates.

    Several may run side by side.

    Example: SUYUAN_WORKER_IN_PROCESS=false suyuan serve & suyuan work
    """
    from service import log  # noqa: PLC0415  (--help stays quick)
    from service.clock import day_of, now  # noqa: PLC0415
    from service.jobs.worker import Worker  # noqa: PLC0415
    from service.lookup import open_lookup_keys  # noqa: PLC0415
    from service.mail import open_mailer  # noqa: PLC0415
    from service.network import Network  # noqa: PLC0415
    from service.schema import require_application_role  # noqa: PLC0415

    settings = Settings()
    require_ready(settings)
    log.configure()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stderr = Console(stderr=True, highlight=False)
    with engine_of(settings) as engine:
        require_application_role(engine)
        worker = Worker(
            engine,
            open_lookup_keys(settings.lookup_key_file),
            clock=now,
            network=Network(settings.reachable),
            today=lambda: day_of(now()),
            mailer=open_mailer(settings),
            public_url=settings.public_url,
        )
        if once:
            stderr.print(f"suyuan: {worker.run_once()} done")
        else:
            stderr.print("suyuan: working (Ctrl-C ends)")
            worker.run(stop)
