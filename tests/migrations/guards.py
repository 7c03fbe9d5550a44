"""The guards as text: what `service/guards_*.txt` hold, read from freshly migrated databases.

uv run python -m tests.migrations.guards
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import service
from service.database import open_engine
from service.guards import guards
from service.schema import upgrade
from tests.engines import fresh_database, postgresql_server


def write(url: str) -> None:
    """Migrate an empty database; keep its guards beside the code that asks for them."""
    engine = open_engine(url)
    upgrade(engine)
    with engine.connect() as connection:
        lines = sorted(guards(connection))
    kept = Path(service.__path__[0]) / f"guards_{engine.dialect.name}.txt"
    kept.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    engine.dispose()


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        write(f"sqlite:///{folder}/suyuan.db")
    with postgresql_server() as server, fresh_database(server, "guards") as url:
        write(url)
