"""Files that mean harm are refused in good time, and everybody else is served meanwhile.

The service runs in a process of its own, so that its memory and its patience can be measured.
"""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx2
import pytest

from service.demo import database as database_of_demo
from service.demo.world import identifier, read_world
from tests.proofs import how_many

MIB = 2**20
HEADER = "管理编号,器具名称,出厂编号\n"
SHEET = ('<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/'
         '2006/main"><sheetData>{}</sheetData></worksheet>')  # fmt: skip
WORKBOOK = ('<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/'
            '2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
            'relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets>'
            '</workbook>')  # fmt: skip
RELATIONS = ('<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/'
             '2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/'
             'officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
             "</Relationships>")  # fmt: skip
ROOT = RELATIONS.replace("/worksheet", "/officeDocument", 1).replace(
    "worksheets/sheet1.xml", "xl/workbook.xml"
)
TYPES = '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
CELL = '<row r="{0}"><c r="{1}{0}" t="inlineStr"><is><t>管理编号</t></is></c></row>'


def workbook(sheet: str | bytes, **parts: str | bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", ROOT)
        archive.writestr("xl/workbook.xml", parts.pop("workbook", WORKBOOK))
        archive.writestr("xl/_rels/workbook.xml.rels", parts.pop("relations", RELATIONS))
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def lying_about_its_size(content: bytes) -> bytes:
    """Say in the directory of the archive that every part is ten octets long."""
    told = bytearray(content)
    at = 0
    while (at := told.find(b"PK\x01\x02", at)) >= 0:
        told[at + 24 : at + 28] = struct.pack("<I", 10)
        at += 4
    return bytes(told)


def files() -> dict[str, bytes]:
    """Return what somebody might hand in to do harm, by what it is."""
    bomb = SHEET.format("<row>" + "<c><v>1</v></c>" * 2_000_000 + "</row>")
    lol = '<!DOCTYPE a [<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ) + "]>"  # fmt: skip
    outside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    deep = "<a>" * 200_000
    xml = '<?xml version="1.0"?>'
    good = workbook(SHEET.format(CELL.format(1, "A")))
    nested = workbook(good)
    return {
        "nothing": b"",
        "spaces": b" \n" * 1000,
        "zeros": bytes(MIB),
        "random": os.urandom(MIB),
        "a program": b"\x7fELF" + bytes(4096),
        "an image": b"\x89PNG\r\n\x1a\n" + bytes(4096),
        "a PDF": b"%PDF-1.7\n" + b"x" * 4096,
        "XML": f"{xml}{lol}<a>&i;</a>".encode(),
        "HTML": b"<table>" + b"<tr><td>1</td></tr>" * 50_000,
        "JSON": b"[" * 500_000,
        "one endless line": b"a" * (4 * MIB),
        "one endless row": b"a," * (2 * MIB),
        "endless separators": b",;\t" * MIB,
        "endless quotes": b'"' * (2 * MIB),
        "an open quote": HEADER.encode() + b'"' + b"x\n" * MIB,
        "line ends alone": b"\r" * (2 * MIB),
        "too many columns": (",".join(f"c{i}" for i in range(5000)) + ",管理编号\n1\n").encode(),
        "a cell of a million": (HEADER + "A," + "长" * 10**6 + ",1\n").encode(),
        "ragged rows": (HEADER + "A,b,c,d,e,f\n" * 50_000).encode(),
        "too many rows": (HEADER + "A,b,c\n" * 210_000).encode(),
        "too large": HEADER.encode() + b"A,b,c\n" * (22 * MIB // 6),
        "no header": b"1,2,3\n" * 100_000,
        "two headers alike": ("管理编号,管理编号,器具名称\n" + "A,B,c\n" * 1000).encode(),
        "half a character": HEADER.encode() + b"\xff\xfe\xfd" * 1000,
        "UTF-16": (HEADER + "A,b,c\n").encode("utf-16"),
        "UTF-7": b"+ADw-script+AD4-",
        "zeros within": (HEADER + "A\0,b,c\n").encode(),
        "an old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(65536),
        "half an archive": good[: len(good) // 2],
        "an archive without end": b"PK\x03\x04" + os.urandom(4096),
        "an archive of nothing": b"PK\x05\x06" + bytes(18),
        "an archive within": nested,
        "a bomb of one sheet": workbook(bomb),
        "a bomb of zeros": workbook(bytes(200 * MIB)),
        "a bomb that lies": lying_about_its_size(workbook(bytes(60 * MIB))),
        "thousands of parts": workbook(
            SHEET.format(""), **{f"xl/media/{i}.png": b"x" for i in range(3000)}
        ),
        "a cell at the far end": workbook(
            SHEET.format(CELL.format(1, "A") + CELL.format(1048576, "XFD"))
        ),
        "laughing entities": workbook(f"{xml}{lol}<worksheet>&i;</worksheet>"),
        "an entity from outside": workbook(f"{xml}{outside}<worksheet>&x;</worksheet>"),
        "endless depth": workbook(f"{xml}<worksheet>{deep}"),
        "a sheet of noise": workbook(os.urandom(4 * MIB)),
        "a workbook of noise": workbook(SHEET.format(""), workbook=os.urandom(4096)),
        "relations to outside": workbook(
            SHEET.format(""),
            relations=RELATIONS.replace("worksheets/sheet1.xml", "../../../../etc/passwd"),
        ),
        "no sheet": workbook(SHEET.format(""), workbook=WORKBOOK.replace("<sheet ", "<sheeet ")),
        "a wrong checksum": good.replace(
            struct.pack("<I", zlib.crc32(SHEET.format(CELL.format(1, "A")).encode())), b"\0\0\0\0"
        ),
        "shared strings of noise": workbook(
            SHEET.format('<row r="1"><c r="A1" t="s"><v>999999999</v></c></row>')
        ),
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Serve the demonstration in a process of its own; yield its address and its number."""
    folder = tmp_path_factory.mktemp("hostile")
    made = database_of_demo.make(read_world(), progress=lambda _count: None, folder=folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "SUYUAN_DATABASE_URL": f"sqlite:///{(folder / database_of_demo.NAME).resolve()}",
        "SUYUAN_LOOKUP_KEY_FILE": str(made.lookup_key_file.resolve()),
        "SUYUAN_DEMONSTRATION_PERSON": str(identifier("person:TPP:4")),
        "SUYUAN_DEMONSTRATION_ORGANIZATION": str(identifier("TPP")),
        "SUYUAN_DEMONSTRATION_TODAY": "2026-11-21",
    }
    code = ("import uvicorn; from service.app import create_settled_app; "
            f"uvicorn.run(create_settled_app(), port={port}, log_level='error')")  # fmt: skip
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 (our own service)
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx2.get(f"{address}/healthz", timeout=1)
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield address, process.pid
        process.terminate()
        process.wait(timeout=30)


def memory_of(process: int) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_harm_is_refused_and_nobody_else_waits(served):
    address, process = served
    waits: list[float] = []
    stop = threading.Event()

    def ask_for_health() -> None:
        with httpx2.Client() as client:
            while not stop.is_set():
                began = time.monotonic()
                assert client.get(f"{address}/healthz", timeout=30).status_code == 200
                waits.append(time.monotonic() - began)
                time.sleep(0.02)

    with httpx2.Client(timeout=60, headers={"accept": "application/json"}) as client:
        warm = {"file": ("l.csv", (HEADER + "W-1,表,1\n").encode(), "text/csv")}
        assert client.post(f"{address}/v1/imports", files=warm).status_code == 201
        before = memory_of(process)
        thread = threading.Thread(target=ask_for_health)
        thread.start()
        answers, slowest = {}, ("", 0.0)
        for name, content in files().items():
            began = time.monotonic()
            answer = client.post(f"{address}/v1/imports", files={"file": ("l.xlsx", content)})
            took = time.monotonic() - began
            answers[name] = answer.status_code
            slowest = max(slowest, (name, took), key=lambda pair: pair[1])
        stop.set()
        thread.join()
    grown = memory_of(process) - before
    p99 = sorted(waits)[int(0.99 * len(waits))]
    told = f"slowest {slowest}, +{grown:.0f} MiB, healthz p99 {1000 * p99:.0f} ms of {len(waits)}"
    print(told)  # noqa: T201  (shown by -s)

    assert len(answers) >= 40
    assert {n: s for n, s in answers.items() if not 400 <= s < 500} == {}
    assert grown <= 200, told
    patience = how_many(5, full=1)  # other work may share the machine; in full it is idle
    assert slowest[1] <= 2 * patience, told
    assert p99 <= 0.25 * patience, told
