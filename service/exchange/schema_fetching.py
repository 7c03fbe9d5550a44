"""PTB's schemas of the DCC for whoever wants them, from their publisher or a folder that has them.

The project contains none.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urljoin, urlsplit

from certificates.dcc import compile_schema
from service.errors import Unreachable
from service.network import Answer

HOME: Final = "https://ptb.de"
LARGEST: Final = 4 * 2**20  # octets of one schema
MOST: Final = 20  # files that one schema leads to
_IMPORT = re.compile(
    rb"""<\s*(?:\w+:)?(?:import|include)\b[^>]*?schemaLocation\s*=\s*["']([^"']+)"""
)


class Reaching(Protocol):
    """What fetches: `service.network.Network`."""

    def send(self, method: str, url: str, *, headers: dict[str, str], largest: int) -> Answer: ...


@dataclass(frozen=True)
class Shelf:
    """A folder of schemas that answers as their publisher would, each file under its address."""

    folder: Path

    def send(self, method: str, url: str, *, headers: dict[str, str], largest: int) -> Answer:  # noqa: ARG002 (as the network is asked)
        """Return the file that lies under an address; 404 where there is none."""
        path = self.folder / place_of(url)
        if not path.is_file() or path.stat().st_size > largest:
            return Answer(404, b"")
        return Answer(200, path.read_bytes())


def fetch_schemas(
    network: Reaching, folder: Path, *, version: str, home: str = HOME
) -> Iterator[Path]:
    """Fetch the schema of one version and all that it imports; yield each file as it is written.

    A file lies under its address without the host, as its imports expect it. Nothing is written
    unless the whole is there and can be used.

    Raises:
        Unreachable: an address gave no schema, or led to too many.
        InvalidField: an address that is not knocked at.
        SchemaUnknown: what came is no schema, or not the whole of one.
    """
    fetched: dict[str, bytes] = {}
    waiting = [f"{home}/dcc/v{version}/dcc.xsd"]
    while waiting:
        url = waiting.pop()
        path = place_of(url)
        if path in fetched:
            continue
        if len(fetched) == MOST:
            raise Unreachable(f"{url}: the schema leads to more than {MOST} files")
        answer = network.send("GET", url, headers={"accept": "application/xml"}, largest=LARGEST)
        if answer.status != 200 or b"schema" not in answer.content:
            raise Unreachable(f"{url} answered {answer.status}, not a schema: try --from")
        fetched[path] = answer.content
        imports = (found.decode("ascii", "replace") for found in _IMPORT.findall(answer.content))
        waiting += [_secure(urljoin(url, found)) for found in imports]
    compile_schema(fetched, version)
    for path, content in fetched.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        yield target


def place_of(url: str) -> str:
    """Return where a schema lies in the folder.

    >>> place_of("https://ptb.de/dcc/v3.3.0/dcc.xsd")
    'dcc/v3.3.0/dcc.xsd'
    """
    return posixpath.normpath("/" + urlsplit(url).path).lstrip("/")


def _secure(url: str) -> str:
    return url.replace("http://", "https://", 1)
