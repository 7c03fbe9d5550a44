"""The doors of the service beside what they are measured by, in the same run.

    python -m benchmarks.service [--rows 50000] [--items 1000000] [--only lookup,ledger,due]

lookup: server CPU a request of `GET /v1/certificates?serial_number=…` and of `…/{number}/status`
beside a bare FastAPI hello and a tutorial-style SQLModel endpoint on the same table, served by
uvicorn, five rounds in turn; on PostgreSQL beside other drivers in bare endpoints too.
ledger: a CSV read, checked, planned and written, its due dates derived, beside raw COPY with the
same indexes (PostgreSQL), executemany and `session.add_all` (SQLite); then the same again with
every row changed, and with none.
due: the next hundred due items of one organization of many, in the database, at two sizes.
"""
# ruff: noqa: S608  (the names are our own)

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from limits import RateLimitItem
from sqlalchemy import Connection, Engine, TextClause, text
from sqlmodel import Session, SQLModel, select

from service.actions import organizations
from service.database import open_engine
from service.exchange.ledger_plan import make_plan
from service.exchange.ledger_reader import read_ledger
from service.lookup import LookupKeys, open_lookup_keys
from service.schema import upgrade
from service.seals import Seals
from service.store import directory
from service.store import ledger as store
from service.tables.items import Item
from service.tables.published import CertificateEntry
from service.tenancy import TenantSession
from service.throttle import Throttle
from tests.engines import application_url, fresh_database, postgresql_server

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ACTOR = UUID(int=1)
ROUNDS = 5
IMPORTS = 3
WRITTEN = ("item", "due_date")  # what an import without calibrations fills
SECONDS_A_ROUND = 2.0
CONNECTIONS = 16
SERIAL_NUMBER = "0083105"


def new_organization(owner: Engine, code: str = "ENT") -> UUID:
    with Session(owner) as session, session.begin():
        return organizations.create_organization(
            session, code=code, name_zh=code, name_en=code, kind="enterprise", address="-"
        ).id


class Counting(Throttle):
    """Counts as always, but turns nobody away."""

    def admit(self, limit: RateLimitItem, *whose: str) -> None:
        self.count(limit, *whose)


# --- Look-up -------------------------------------------------------------------------------------


def serve(what: str, port: int, folder: Path) -> None:
    """Serve the bare hello, a way of reading as an endpoint alone, or the service."""
    import uvicorn  # noqa: PLC0415

    uvicorn.run(_app(what, folder), port=port, log_level="error", access_log=False)


def _app(what: str, folder: Path) -> Any:
    url, keys = (folder / "url").read_text(), open_lookup_keys(folder / "key")
    if what == "service":
        return _service(url, folder)
    made: dict[str, Callable[[Any], None]] = {
        "hello": _hello,
        "tutorial": lambda app: _tutorial(app, url, keys),
        "asyncpg": lambda app: _by_asyncpg(app, url, keys),
        "psycopg": lambda app: _by_psycopg(app, url, keys, pipeline=False),
        "pipeline": lambda app: _by_psycopg(app, url, keys, pipeline=True),
    }
    from fastapi import FastAPI  # noqa: PLC0415

    app: Any = FastAPI()
    made[what](app)
    return app


def _hello(app: Any) -> None:
    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}


def _tutorial(app: Any, url: str, keys: LookupKeys) -> None:
    from fastapi import Depends  # noqa: PLC0415
    from sqlmodel import create_engine  # noqa: PLC0415

    engine = create_engine(url)

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    @app.get("/certificates")
    def find(serial_number: str, opened: Session = Depends(session)) -> list[CertificateEntry]:  # noqa: B008
        key = keys.of_serial_number(serial_number)
        rows = select(CertificateEntry).where(CertificateEntry.lookup_key == key)
        return list(opened.exec(rows).all())


def _by_asyncpg(app: Any, url: str, keys: LookupKeys) -> None:
    import asyncpg  # noqa: PLC0415
    from fastapi import Response  # noqa: PLC0415
    from pydantic_core import to_json  # noqa: PLC0415

    asked = directory.FOUND.replace(":lookup_key", "$1")
    lock, state = asyncio.Lock(), dict[str, Any]()

    async def pooled() -> Any:
        async with lock:
            if "pool" not in state:
                plain = url.replace("+psycopg", "")
                state["pool"] = await asyncpg.create_pool(plain, min_size=4, max_size=4)
        return state["pool"]

    @app.get("/certificates")
    async def find_by_asyncpg(serial_number: str) -> Response:
        pool = state.get("pool") or await pooled()
        rows = await pool.fetch(asked, keys.of_serial_number(serial_number))
        return Response(to_json([dict(row) for row in rows]), media_type="application/json")


def _by_psycopg(app: Any, url: str, keys: LookupKeys, *, pipeline: bool) -> None:
    """Ask by psycopg on the event loop; with a pipeline, much at once on one connection."""
    import psycopg  # noqa: PLC0415
    from fastapi import Response  # noqa: PLC0415
    from pydantic_core import to_json  # noqa: PLC0415

    asked = directory.FOUND.replace(":lookup_key", "%s")
    lock, state = asyncio.Lock(), dict[str, Any]()

    async def connected() -> Any:
        async with lock:
            if "one" not in state:
                plain = url.replace("+psycopg", "")
                one = await psycopg.AsyncConnection.connect(
                    plain, autocommit=True, prepare_threshold=0
                )
                if pipeline:
                    state["kept"] = one.pipeline()  # it ends when nobody holds it
                    await state["kept"].__aenter__()
                state["one"] = one
        return state["one"]

    @app.get("/certificates")
    async def find_by_psycopg(serial_number: str) -> Response:
        one = state.get("one") or await connected()
        async with one.cursor() as cursor:
            await cursor.execute(asked, (keys.of_serial_number(serial_number),))
            rows = await cursor.fetchall()
        told = [dict(zip(directory.TOLD, row, strict=True)) for row in rows]
        return Response(to_json(told), media_type="application/json")


def _service(url: str, folder: Path) -> Any:
    from service import log  # noqa: PLC0415
    from service.app import create_app  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415

    log.configure()
    settings = Settings(
        database_url=url,
        lookup_key_file=folder / "key",
        key_folder=folder / "keys",
        worker_in_process=False,
        requests_a_minute=10**9,  # counted as always, but nobody is turned away
    )
    app = create_app(settings)
    app.state.throttle = Counting()
    return app


async def load(port: int, path: str, seconds: float) -> int:
    """Ask over some connections for some seconds; return how many were answered."""
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\n\r\n".encode()
    until, answered = time.monotonic() + seconds, 0

    async def ask() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            answered += 1
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return answered


def cpu_of(process: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def lookup() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "url").write_text(f"sqlite:///{folder}/bench.db")
        _fill(folder)
        _compare("sqlite", folder, ("hello", "tutorial", "service", "by number"))
    if not find_spec("asyncpg"):
        print("lookup  postgresql: without asyncpg, which is not installed (group bench)")
    with postgresql_server() as server, fresh_database(server, "bench") as url, \
            tempfile.TemporaryDirectory() as name:  # fmt: skip
        folder = Path(name)
        (folder / "url").write_text(url)
        _fill(folder)
        (folder / "url").write_text(application_url(url))
        others = ("psycopg", "pipeline", *(["asyncpg"] if find_spec("asyncpg") else []))
        _compare("postgresql", folder, ("hello", "tutorial", "service", "by number", *others))


def _compare(engine: str, folder: Path, kinds: Sequence[str]) -> None:
    with contextmanager(_servers)(folder, kinds) as servers:
        spent: dict[str, list[float]] = {what: [] for what in servers}
        for round_ in range(ROUNDS + 1):
            for what, (process, port, path) in servers.items():
                before = cpu_of(process)
                answered = asyncio.run(load(port, path, SECONDS_A_ROUND))
                if round_:  # the first one warms up
                    spent[what].append(1e6 * (cpu_of(process) - before) / answered)
    hello = statistics.median(spent["hello"])
    for what, each in spent.items():
        cost = statistics.median(each)
        spread = f"({min(each):.1f} to {max(each):.1f})"
        print(f"lookup  {engine:10} {what:10} {cost:7.1f} us CPU a request {spread}: "
              f"{100 * hello / cost:.0f} % of hello")  # fmt: skip


def _fill(folder: Path) -> None:
    engine = open_engine((folder / "url").read_text())
    upgrade(engine)
    owner, keys = new_organization(engine), open_lookup_keys(folder / "key")
    with Session(engine) as session, session.begin():
        for number in range(20_000):
            serial = SERIAL_NUMBER if number == 7 else f"S{number}"
            told = {
                "certificate_id": uuid4(), "recorded_at": NOW, "issuer_id": owner,
                "issuer_code": "ENT", "number": f"ENT-2026-{number:05d}-X",
                "kind": "calibration_certificate", "status": "issued", "issued_on": NOW.date(),
                "valid_until": date(2027, 11, 20), "item_name_zh": "压力表",
                "item_name_en": "Pressure gauge", "manufacturer_zh": "厂",
                "manufacturer_en": "Works", "type_designation": "Y-150",
                "content_sha256": "0" * 64,
            }  # fmt: skip
            session.add(CertificateEntry(lookup_key=keys.of_serial_number(serial), **told))
            if number == 7:
                session.add(CertificateEntry(lookup_key=keys.of_number(told["number"]), **told))
    engine.dispose()
    Seals(folder / "keys").create("ENT", "Ent", now=datetime.now(UTC))


PATHS = {"hello": "/hello", "service": f"/v1/certificates?serial_number={SERIAL_NUMBER}",
         "by number": "/v1/certificates/ENT-2026-00007-X/status"}  # fmt: skip


def _servers(folder: Path, kinds: Sequence[str]) -> Iterator[dict[str, tuple[int, int, str]]]:
    running, servers = [], {}
    for what in kinds:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        app = "service" if what == "by number" else what
        command = [sys.executable, "-m", "benchmarks.service", "--serve", app, str(port),
                   str(folder)]  # fmt: skip
        running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))  # noqa: S603
        path = PATHS.get(what, f"/certificates?serial_number={SERIAL_NUMBER}")
        servers[what] = (running[-1].pid, port, path)
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
    try:
        yield servers
    finally:
        for process in running:
            process.terminate()
            process.wait()


# --- Ledger --------------------------------------------------------------------------------------


def ledger_of(rows: int, *, changed: bool = False) -> bytes:
    """Return a ledger as CSV."""
    name = "压力表(改)" if changed else "压力表"
    lines = (
        f"E-{n:07d},{name},Y-150,S{n:08d},示例仪表厂,(0~1.6)MPa,1.6级,厂区 / {n % 9} 号,12个月,在用"
        for n in range(rows)
    )
    header = (
        "管理编号,器具名称,型号规格,出厂编号,生产厂家,"
        "测量范围,准确度等级,安装使用地点,检定周期,状态"
    )
    return "\n".join((header, *lines)).encode()


def take_in(engine: Engine, owner: UUID, content: bytes) -> dict[str, int]:
    """Read, check, plan and write, as an import does."""
    from service.exchange.ledger_import import write  # noqa: PLC0415

    ledger = read_ledger(content)
    with TenantSession(engine, owner) as session, session.begin():
        plan = make_plan(
            ledger, store.held(session), store.calibrated_days(session), match_by="asset_number"
        )
        write(session, uuid4(), plan.frame, plan.calibrations, actor_id=ACTOR, now=NOW)
    return plan.counts


def timed(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def ledger(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/bench.db")
        upgrade(engine)
        part = max(rows // 10, 1)
        _compare_imports(engine, engine, rows, {
            "executemany of the same rows of both tables": executemany,
            "add_all (25 x asked)": lambda owning, _, peer: rows / part * timed(
                lambda: add_all(owning, peer, part)
            ),
        })  # fmt: skip
        engine.dispose()
    with postgresql_server() as server, fresh_database(server, "bench") as url:
        owning, engine = open_engine(url), open_engine(application_url(url))
        upgrade(owning)
        _compare_imports(owning, engine, rows, {
            "raw COPY of the same items (90 % asked)": partial(copy, tables=("item",)),
            "raw COPY of the same rows of both tables": copy,
        })  # fmt: skip
        owning.dispose()
        engine.dispose()


def _compare_imports(
    owning: Engine,
    engine: Engine,
    rows: int,
    peers: dict[str, Callable[[Engine, UUID, UUID], float]],
) -> None:
    """Import, beside the peers' ways to write the same, and again: each three times in turn."""
    first, other = ledger_of(rows), ledger_of(rows, changed=True)
    take_in(engine, new_organization(owning, "WARM"), ledger_of(600))
    took: dict[str, list[float]] = {}
    for turn in range(IMPORTS):
        owner = new_organization(owning, f"OWN-{turn}")
        acts = {
            "first": lambda: take_in(engine, owner, first),  # noqa: B023
            "changed": lambda: take_in(engine, owner, other),  # noqa: B023
            "same": lambda: take_in(engine, owner, other),  # noqa: B023
        }
        for name, act in acts.items():
            took.setdefault(name, []).append(timed(act))
        for name, peer in peers.items():
            other_book = new_organization(owning, f"PEER-{turn}-{len(name)}")
            took.setdefault(name, []).append(peer(owning, owner, other_book))
    spent = {name: statistics.median(each) for name, each in took.items()}
    ours, engine_name = spent["first"], engine.dialect.name
    print(
        f"ledger  {engine_name}: {rows / ours / 1e3:.1f} krow/s first; "
        f"{100 * ours / spent['changed']:.0f} % of it with every row changed (70 asked); "
        f"{100 * ours / spent['same']:.0f} % with none (150 asked)"
    )
    for name in peers:
        print(
            f"ledger  {engine_name}: {100 * spent[name] / ours:.0f} % of {name}, "
            f"{rows / spent[name] / 1e3:.1f} krow/s"
        )


def add_all(engine: Engine, owner: UUID, rows: int) -> None:
    """Write the same rows as a tutorial would."""
    with Session(engine) as session, session.begin():
        session.add_all(
            Item(
                organization_id=owner, kind="measuring_instrument", name_zh="压力表",
                name_en="压力表", manufacturer_zh="示例仪表厂", manufacturer_en="示例仪表厂",
                type_designation="Y-150", serial_number=f"S{n:08d}", asset_number=f"E-{n:07d}",
                quantity="pressure", range_lower=0.0, range_upper=1.6, range_unit="MPa",
                range_text="(0~1.6)MPa", accuracy_text="1.6级", location=["厂区", f"{n % 9} 号"],
                period_months=12, recorded_at=NOW,
            )
            for n in range(rows)
        )  # fmt: skip


def executemany(engine: Engine, owner: UUID, peer: UUID) -> float:
    """Return the seconds of the driver's executemany of the same rows, in one transaction."""
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        took = 0.0
        raw.execute("BEGIN IMMEDIATE")
        for table in WRITTEN:
            others = ", ".join(others_of(table))
            rows = raw.execute(
                f"SELECT '{peer.hex}', {others} FROM {table} WHERE organization_id = '{owner.hex}'"
            ).fetchall()
            marks = ", ".join("?" * len(rows[0]))
            into = f"INSERT INTO {table} (organization_id, {others}) VALUES ({marks})"
            took += timed(lambda: raw.executemany(into, rows))  # noqa: B023
        return took + timed(lambda: raw.execute("COMMIT"))


def copy(engine: Engine, owner: UUID, peer: UUID, *, tables: Sequence[str] = WRITTEN) -> float:
    """Return the seconds of a COPY of the same rows into the same tables, past every wall."""
    took = 0.0
    with engine.begin() as connection:
        cursor: Any = connection.connection.cursor()
        for table in tables:
            others = ", ".join(others_of(table))
            with cursor.copy(f"COPY (SELECT '{peer}'::uuid, {others} FROM {table} "
                             f"WHERE organization_id = '{owner}') TO STDOUT") as out:  # fmt: skip
                content = b"".join(bytes(part) for part in out)
            began = time.perf_counter()
            with cursor.copy(f"COPY {table} (organization_id, {others}) FROM STDIN") as into:
                into.write(content)
            took += time.perf_counter() - began
    return took


def others_of(table: str) -> list[str]:
    columns = SQLModel.metadata.tables[table].columns
    return [column.name for column in columns if column.name != "organization_id"]


# --- Due -----------------------------------------------------------------------------------------


def due(items: int) -> None:
    asked = text("SELECT item_id, due_on FROM item_due WHERE organization_id = :mine "
                 "AND due_on IS NOT NULL ORDER BY due_on LIMIT 100")  # fmt: skip
    told = {}
    for size in (items // 10, items):
        with tempfile.TemporaryDirectory() as folder:
            engine = open_engine(f"sqlite:///{folder}/bench.db")
            upgrade(engine)
            mine = uuid4()
            with engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA foreign_keys = OFF")
                raw.execute("BEGIN")
                owners = [mine.hex, *(uuid4().hex for _ in range(39))]
                raw.executemany(
                    "INSERT INTO item_due (organization_id, item_id, due_on) VALUES (?, ?, ?)",
                    ((owners[n % 40], f"{n:032x}",
                      str(date(2026, 1, 1) + timedelta(days=n * 7919 % 1500)))
                     for n in range(size)),
                )  # fmt: skip
                raw.execute("COMMIT")
                told[size] = 1e3 * statistics.median(_next_hundred(connection, asked, mine))
            engine.dispose()
    for size, milliseconds in told.items():
        print(f"due     sqlite, {size} items: next 100 of one organization {milliseconds:.3f} ms "
              "(0.5 asked)")  # fmt: skip
    small, large = told.values()
    print(f"due     ten times the items take {large / small:.2f} x the time")


def _next_hundred(connection: Connection, asked: TextClause, mine: UUID) -> list[float]:
    connection.execute(asked, {"mine": mine.hex}).all()
    return [timed(lambda: connection.execute(asked, {"mine": mine.hex}).all()) for _ in range(200)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=50_000)
    arguments.add_argument("--items", type=int, default=1_000_000)
    arguments.add_argument("--only", default="lookup,ledger,due")
    arguments.add_argument("--serve", nargs=3)
    given = arguments.parse_args()
    if given.serve:
        serve(given.serve[0], int(given.serve[1]), Path(given.serve[2]))
        return
    parts: dict[str, Callable[[], None]] = {
        "lookup": lookup,
        "ledger": lambda: ledger(given.rows),
        "due": lambda: due(given.items),
    }
    for name in given.only.split(","):
        parts[name]()


if __name__ == "__main__":
    main()
