"""The command line: data on stdout, everything else on stderr.

Exit codes: 0 ok, 1 error, 2 usage, 3 findings.
"""

import json
import socket
import time
import webbrowser
from datetime import date, datetime
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from service.commands import certificates
from service.commands.at_hand import end_of, present, require_ready, settings_at_hand
from service.commands.audit import audit
from service.commands.authenticate import authenticate
from service.commands.backup import backup, restore
from service.commands.budget import budget
from service.commands.capability import capability
from service.commands.due import due
from service.commands.evaluate import evaluate
from service.commands.figures import figures
from service.commands.interval import interval
from service.commands.keys import key, make_missing
from service.commands.ledger import export, import_
from service.commands.organizations import organization, person
from service.commands.plan import plan
from service.commands.procedure import procedure
from service.commands.recall import recall
from service.commands.risks import risks
from service.commands.site import site
from service.commands.snapshot import snapshot
from service.commands.transparency import log as transparency
from service.commands.work import work
from service.commands.work_order import work_order
from service.errors import ServiceError
from service.settings import Settings

if TYPE_CHECKING:
    from service.demo.story import Story
    from service.demo.telling import Teller
    from service.demo.world import World

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
database = typer.Typer(no_args_is_help=True, help="Create and migrate the database.")
certificate = typer.Typer(
    no_args_is_help=True, help="Find, issue, amend, withdraw and take in certificates."
)
app.add_typer(audit, name="audit")
app.add_typer(database, name="db")
app.add_typer(certificate, name="certificate")
app.add_typer(work_order, name="work-order")
certificate.command()(certificates.issue)
certificate.command()(certificates.amend)
certificate.command()(certificates.withdraw)
certificate.command()(certificates.void)
certificate.command("import")(certificates.import_)
certificate.command()(certificates.fetch_schema)
procedure.command()(evaluate)
app.add_typer(plan, name="plan")
app.add_typer(procedure, name="procedure")
app.add_typer(capability, name="capability")
app.add_typer(organization, name="organization")
app.add_typer(site, name="site")
app.add_typer(person, name="person")
app.add_typer(recall, name="recall")
app.add_typer(key, name="key")
app.add_typer(transparency, name="log")
app.command()(authenticate)
app.command()(backup)
app.command()(budget)
app.add_typer(due, name="due")
app.command("import")(import_)
app.command()(export)
app.command()(figures)
app.command()(interval)
app.command()(restore)
app.command()(risks)
app.command()(snapshot)
app.command()(work)

stderr = Console(stderr=True)

LOOPBACK = ("127.0.0.1", "localhost", "::1")

STANDINGS = {
    "not_yet_issued": ("尚未签发", "not yet issued"),
    "valid": ("有效", "valid"),
    "due_soon": ("有效,即将到期", "valid, due soon"),
    "expired": ("已过期", "expired"),
    "amended": ("已被替代", "amended"),
    "withdrawn": ("已撤销", "withdrawn"),
    "voided": ("已作废", "voided"),
}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Language = Annotated[
    str | None, typer.Option("--lang", help="zh or en; the locale decides otherwise.")
]
On = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], help="Also: every link valid on this day."),
]
KnownAt = Annotated[
    datetime | None,
    typer.Option("--known-at", formats=["%Y-%m-%d"], help="As known at the end of this day."),
]


def _tell_version(asked: bool) -> None:
    from importlib.metadata import version  # noqa: PLC0415

    if asked:
        typer.echo(f"suyuan {version('suyuan')}")
        raise typer.Exit


@app.callback()
def suyuan(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    """Suyuan 溯源: calibration laboratory and metrological traceability. Try `suyuan demo`."""


@app.command()
def demo(
    *,
    fault: Annotated[str | None, typer.Option(help="Plant a fault: F1 … F8.")] = None,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The demonstration's day.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Keep the certificate's files here.")] = None,
    serve: Annotated[bool, typer.Option(help="Serve the pages after the story.")] = True,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the first page.")] = False,
    lang: Language = None,
) -> None:
    """Tell the story of one pressure gauge on a synthetic world, then serve the pages.

    Example: suyuan demo --fault F3 --lang en
    """
    from service.demo.world import read_world  # noqa: PLC0415  (each command loads its own)

    if serve:
        _require_free_port(port)
    teller = _teller(lang)
    world = read_world(fault)
    day = today.date() if today else world.as_of
    started = time.perf_counter()
    settings = _make_demo(teller, world, day, port)
    story = _tell_story(teller, world, settings, day, out)
    _tell_where(teller, settings, time.perf_counter() - started)
    if serve:
        _serve_demo(teller, settings, story, port, open_browser=open_browser)


@app.command("serve")
def serve_(
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Serve the API and the pages; on PostgreSQL never as the owner of the tables.

    Example: suyuan serve --port 8080
    """
    from service import log  # noqa: PLC0415
    from service.database import open_engine  # noqa: PLC0415
    from service.schema import require_application_role  # noqa: PLC0415

    settings = Settings()
    require_ready(settings)
    require_application_role(open_engine(settings.database_url))
    _require_free_port(port, host)
    make_missing(settings)
    log.configure()
    if host not in LOOPBACK:
        stderr.print(f"suyuan: serving on {host}: anyone who reaches this address can ask")
    elif "public_url" not in settings.model_fields_set:
        settings = settings.model_copy(update={"public_url": f"http://{host}:{port}"})
    stderr.print(f"suyuan: http://{host}:{port}  (Ctrl-C ends)")
    _run(settings, host, port)


@database.command()
def upgrade(revision: Annotated[str, typer.Argument()] = "head") -> None:
    """Bring the database to a revision, as the owner of the tables.

    Example: suyuan db upgrade
    """
    from service.database import open_engine  # noqa: PLC0415
    from service.schema import upgrade as upgrade_schema  # noqa: PLC0415

    settings = Settings()
    typer.echo(f"database at revision {upgrade_schema(open_engine(settings.owner_url), revision)}")


@database.command()
def check() -> None:
    """Say whether the database is migrated and holds its guards.

    Example: suyuan db check
    """
    require_ready(Settings())
    typer.echo("the database is ready")


@certificate.command()
def find(serial_number: str, *, as_json: AsJson = False, lang: Language = None) -> None:
    """Find the certificates of every item with a serial number, newest first.

    Example: suyuan certificate find 0083105
    """
    from service.clock import day_of  # noqa: PLC0415
    from service.database import open_engine  # noqa: PLC0415
    from service.lookup import open_lookup_keys  # noqa: PLC0415
    from service.store import directory  # noqa: PLC0415

    settings, teller = settings_at_hand(), _teller(lang)
    today = day_of(present(settings))
    keys = open_lookup_keys(settings.lookup_key_file)
    entries = directory.find(
        open_engine(settings.database_url), keys.of_serial_number(serial_number)
    )
    if as_json:
        told = [{name: _plain(getattr(entry, name)) for name in entry.__slots__}
                for entry in entries]  # fmt: skip
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if not entries:
        teller.line(
            f"没有出厂编号为 {serial_number} 的证书。请核对编号,或按证书编号查找。",
            f"No certificate of serial number {serial_number}. Check the number on the item, "
            "or look for the certificate's number.",
        )
        return
    table = teller.table(
        ("编号", "number"), ("器具", "item"), ("制造单位", "manufacturer"),
        ("签发", "issued on"), ("有效期至", "valid until"), ("状态", "status"),
    )  # fmt: skip
    for entry in entries:
        table.add_row(
            entry.number,
            f"{teller.say(entry.item_name_zh, entry.item_name_en)} {entry.type_designation}",
            teller.say(entry.manufacturer_zh, entry.manufacturer_en),
            str(entry.issued_on),
            str(entry.valid_until or "—"),
            teller.say(*STANDINGS[entry.standing(today).standing.value]),
        )
    teller.console.print(table)


@app.command()
def trace(
    serial_number: str,
    *,
    on: On = None,
    known_at: KnownAt = None,
    as_json: AsJson = False,
    lang: Language = None,
) -> None:
    """Print the chain of the newest calibration of each item with a serial number.

    Example: suyuan trace 0083105 --on 2026-11-21
    """
    from service import answers  # noqa: PLC0415
    from service.database import open_engine  # noqa: PLC0415
    from service.demo.telling import chain_tree  # noqa: PLC0415
    from service.tenancy import TenantSession  # noqa: PLC0415

    settings, teller = settings_at_hand(), _teller(lang)
    engine = open_engine(settings.database_url)
    chains = []
    for organization_id, item in answers.find_items(engine, serial_number):
        with TenantSession(engine, organization_id, read_only=True) as session:
            chain = answers.newest_chain(
                session, item.id, on=on and on.date(), known_at=end_of(known_at, settings)
            )
        chains.append((item, chain))
    if as_json:
        told = [chain.as_mapping() for _, chain in chains if chain]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))
        return
    if not chains:
        teller.line(
            f"没有出厂编号为 {serial_number} 的器具。请核对铭牌上的编号。",
            f"No item of serial number {serial_number}. Check the number on its plate.",
        )
    for item, chain in chains:
        maker = teller.say(item.manufacturer_zh, item.manufacturer_en)
        teller.line(f"[dim]{maker} · {item.serial_number}[/dim]",
                    f"[dim]{maker} · {item.serial_number}[/dim]")  # fmt: skip
        if chain is None:
            teller.line("从未校准", "never calibrated")
        else:
            teller.console.print(chain_tree(teller, chain.result))
            teller.line(*_chain_verdict([found.flaw.value for found in chain.breaks]))


def main() -> None:
    """Run the command line; a refusal is one clear line, not a traceback."""
    from certificates.errors import CertificateError  # noqa: PLC0415
    from procedures.errors import ProcedureError  # noqa: PLC0415
    from traceability.errors import TraceabilityError  # noqa: PLC0415

    try:
        app()
    except (
        ServiceError,
        ProcedureError,
        TraceabilityError,
        CertificateError,
        LookupError,
    ) as error:
        stderr.print(f"suyuan: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(1) from error


def _teller(lang: str | None) -> "Teller":
    from service.demo.telling import Teller, language_of_locale  # noqa: PLC0415

    if lang not in (None, "zh", "en"):
        raise typer.BadParameter("zh or en", param_hint="--lang")
    return Teller(Console(highlight=False), lang or language_of_locale())


def _require_free_port(port: int, host: str = "127.0.0.1") -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            stderr.print(
                f"suyuan: port {port} is taken: end what runs there, or choose another "
                f"(--port {port + 1})",
                style="red",
                highlight=False,
            )
            raise typer.Exit(1) from error


def _make_demo(teller: "Teller", world: "World", day: date, port: int) -> Settings:
    """Make the demonstration's database; return under which settings it is told and served."""
    from service.demo import database as database_of_demo  # noqa: PLC0415
    from service.demo.world import identifier  # noqa: PLC0415

    counts = {name: len(world.data[name]) for name in ("organizations", "items", "events")}
    with Progress(console=stderr, transient=True) as progress:
        task = progress.add_task(teller.say("载入演示数据", "loading"), total=counts["events"])
        made = database_of_demo.make(world, today=day, progress=lambda n: progress.advance(task, n))
    teller.line(
        "演示世界:{organizations} 个机构,{items} 件器具,{events} 次检定、校准与定值"
        "(合成数据)".format(**counts),
        "The demonstration: {organizations} organizations, {items} items, {events} calibrations, "
        "verifications and certifications (synthetic data)".format(**counts),
    )
    teller.line(
        f"签章密钥为本次演示新生成:{made.key_folder}(文件权限 0600)",
        f"keys of their seals, made for this demonstration: {made.key_folder} (mode 0600)",
    )
    if world.fault:
        planted = f"{world.fault['id']} {world.fault['title_zh']}"
        teller.line(f"已植入故障 {planted}", f"fault planted: {planted}")
    item = world.data["story"]["item"]
    event = next(row for row in reversed(world.data["events"]) if row["item"] == item)
    return made.model_copy(
        update={
            "public_url": f"http://127.0.0.1:{port}",
            "demonstration_person": identifier(event["performed_by"]),
            "demonstration_organization": identifier(event["maker"]),
            "demonstration_today": day,
        }
    )


def _tell_story(
    teller: "Teller",
    world: "World",
    settings: Settings,
    day: date,
    out: Path | None,
) -> "Story":
    from service.database import open_engine  # noqa: PLC0415
    from service.demo import story as stories  # noqa: PLC0415
    from service.demo import telling  # noqa: PLC0415
    from service.lookup import open_lookup_keys  # noqa: PLC0415
    from service.seals import open_seals  # noqa: PLC0415

    keys, seals = open_lookup_keys(settings.lookup_key_file), open_seals(settings)
    engine = open_engine(settings.database_url)
    url = settings.public_url + "/c/{number}"
    story = stories.live(
        world, engine, keys=keys, seals=seals, today=day, url=url, schemas=settings.dcc_schema_dir
    )
    telling.tell(teller, story)
    stories.leave_open(world, engine, today=day)
    stories.say_hours(world, engine, today=day)
    if refusal := stories.attempt(world, engine, keys=keys, seals=seals):
        telling.tell_refusal(teller, refusal)
    if out is not None:
        telling.tell_files(teller, stories.write_files(story, out))
    engine.dispose()
    return story


def _tell_where(teller: "Teller", settings: Settings, seconds: float) -> None:
    path = settings.database_url.removeprefix("sqlite:///")
    teller.line(
        f"\n数据库 {path}(每次演示重建;删除其所在文件夹即清除)。用时 {seconds:.1f} s",
        f"\nDatabase {path} (made anew by each demo; delete its folder to be rid of "
        f"it). {seconds:.1f} s of own work",
    )


def _serve_demo(
    teller: "Teller", settings: Settings, story: "Story", port: int, *, open_browser: bool
) -> None:
    address = settings.public_url
    acting = story.signatories["calibrated"]
    teller.line(
        f"\n以 {acting.name_zh} 的身份在本机浏览(Ctrl-C 结束):",
        f"\nServing on this machine, as {acting.name_en} (Ctrl-C ends):",
    )
    links = (
        ("证书", "the certificate", f"{address}/c/{story.certificate.number}"),
        ("溯源链", "its chain", f"{address}/calibrations/{story.calibration.id}/chain"),
        ("检定原始记录", "an open worksheet", f"{address}/work-orders?state=assigned"),
        ("周检计划", "the plan of what is due", f"{address}/plans"),
        ("按编号查找", "look-up", f"{address}/find?q={story.content.item.serial_number}"),
    )
    for zh, en, link in links:
        teller.line(f"  {zh}  {link}", f"  {en}  {link}")
    if open_browser:
        Timer(1.0, webbrowser.open, [links[0][2]]).start()
    _run(settings, "127.0.0.1", port)
    teller.line("已停止", "stopped")


def _run(settings: Settings, host: str, port: int) -> None:
    import uvicorn  # noqa: PLC0415

    from service.app import create_settled_app  # noqa: PLC0415

    try:
        uvicorn.run(create_settled_app(settings), host=host, port=port, log_level="warning")
    except KeyboardInterrupt:
        return


def _chain_verdict(flaws: list[str]) -> tuple[str, str]:
    if not flaws:
        return "链条不间断", "unbroken"
    return f"断链:{', '.join(flaws)}", f"broken: {', '.join(flaws)}"


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int) else str(value)
