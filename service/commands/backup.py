"""`suyuan backup` and `suyuan restore`: the whole database in one file, and back."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from service.commands.at_hand import settings_at_hand

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Written, with FILE.json beside.")],
) -> None:
    """Write the whole database to a file, while it is in use, and check the copy.

    The secrets stay where they are: keep the look-up key and the folder of the seals' keys too, and
    not in the same place.

    Example: suyuan backup /backups/suyuan-2026-11-21.backup
    """
    from service.backups import back_up  # noqa: PLC0415  (--help stays quick)
    from service.clock import now  # noqa: PLC0415
    from service.lookup import open_lookup_keys  # noqa: PLC0415

    settings = settings_at_hand()
    keys = open_lookup_keys(settings.lookup_key_file)
    manifest = back_up(settings.owner_url, file, keys=keys, now=now())
    rows = sum(manifest.contents.rows.values())
    stderr.print(f"suyuan: {rows} rows of {len(manifest.contents.rows)} tables in {file}")
    stderr.print(
        f"suyuan: keep {settings.lookup_key_file} and {settings.key_folder} too, elsewhere"
    )


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Of `suyuan backup`.")],
) -> None:
    """Bring a backup back into an empty database, and compare it with what was written.

    Rows of each table, every audit log and its end, and the heads of the logs of certificates.

    Example: suyuan restore /backups/suyuan-2026-11-21.backup
    """
    from service import backups  # noqa: PLC0415
    from service.lookup import open_lookup_keys  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415

    settings = Settings()
    manifest = backups.restore(settings.owner_url, file)
    contents = manifest.contents
    stderr.print(
        f"suyuan: as on {manifest.taken_at}: {sum(contents.rows.values())} rows of "
        f"{len(contents.rows)} tables, {len(contents.audit_logs)} audit logs whole, "
        f"{len(contents.certificate_logs)} logs of certificates at their heads"
    )
    if not settings.lookup_key_file.exists():
        stderr.print(f"suyuan: {settings.lookup_key_file} is not there yet: bring it back too")
    elif backups.key_check(open_lookup_keys(settings.lookup_key_file)) != manifest.key_check:
        stderr.print(
            f"suyuan: {settings.lookup_key_file} is another installation's: nothing is found "
            "by number, and no key is right, before the one of the backup is back"
        )
