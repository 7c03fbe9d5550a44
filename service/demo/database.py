"""The demonstration's own database: made anew for each run, from a template loaded once."""

import shutil
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from service.database import open_engine
from service.demo.loader import load
from service.demo.world import World, moment
from service.lookup import open_lookup_keys
from service.schema import upgrade
from service.seals import open_seals
from service.settings import Settings

FOLDER = Path("suyuan-demo")
NAME = "suyuan-demo.db"
TODAY = "today"  # the file that says on which day the demonstration stands
PACKAGES = ("procedures", "traceability", "certificates", "service", "migrations")


def settings_of(folder: Path = FOLDER) -> Settings:
    """Return the settings under which the demonstration in a folder is read."""
    today = folder / TODAY
    return Settings(
        database_url=f"sqlite:///{folder / NAME}",
        lookup_key_file=folder / "lookup-key",
        key_folder=folder / "keys",
        demonstration_today=date.fromisoformat(today.read_text()) if today.exists() else None,
    )


def make(
    world: World,
    *,
    progress: Callable[[int], None],
    today: date | None = None,
    folder: Path = FOLDER,
) -> Settings:
    """Make the database of a run; load the world only if this code has not loaded it before.

    Each organization gets a new key to seal with, valid from this day on.

    Args:
        today: the world's own day, if none is given.
        progress: told how many events were recorded in each stride; never, where a template
            of an earlier run serves.
    """
    folder.mkdir(exist_ok=True)
    template = folder / f"template-{_fingerprint(world)}.db"
    if not template.exists():
        _load_template(world, template, progress)
    for leftover in folder.glob(f"{NAME}*"):
        leftover.unlink()
    shutil.copyfile(template, folder / NAME)
    day = today or world.as_of
    (folder / TODAY).write_text(str(day))
    settings = settings_of(folder)
    _make_keys(world, settings, day)
    return settings


def _make_keys(world: World, settings: Settings, today: date) -> None:
    shutil.rmtree(settings.key_folder, ignore_errors=True)
    seals = open_seals(settings)
    for row in world.data["organizations"]:
        seals.create(row["code"], row["name_en"], now=moment(today, 8))


def _load_template(world: World, template: Path, progress: Callable[[int], None]) -> None:
    for older in template.parent.glob("template-*"):
        older.unlink()
    unfinished = template.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    engine = open_engine(f"sqlite:///{unfinished}")
    upgrade(engine)
    keys = open_lookup_keys(template.parent / "lookup-key")
    load(world, engine, engine, keys=keys, progress=progress)
    engine.dispose()  # the last connection folds the journal into the file
    unfinished.rename(template)


def _fingerprint(world: World) -> str:
    """Return what the loaded world depends on: its data, its fault, and every line of code."""
    digest = sha256((world.fault["id"] if world.fault else "sound").encode())
    for package in PACKAGES:
        for path, entry in sorted(_sources(files(package), package)):
            digest.update(path.encode() + entry.read_bytes())
    return digest.hexdigest()[:16]


def _sources(folder: Traversable, path: str) -> list[tuple[str, Traversable]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _sources(entry, f"{path}/{entry.name}")
        elif entry.name.endswith((".py", ".json", ".toml")):
            found.append((f"{path}/{entry.name}", entry))
    return found
