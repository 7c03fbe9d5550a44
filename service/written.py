"""Days and moments as people and machines write them: never as a number of seconds."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)", re.ASCII)


def _as_written(value: Any) -> Any:
    """Return a value that is written as a date is; pydantic alone would take 0.0 for 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and not WRITTEN.match(value)):
        raise ValueError("write it out: YYYY-MM-DD, a moment as YYYY-MM-DDThh:mm:ssZ")
    return value


Day = Annotated[date, BeforeValidator(_as_written)]
Moment = Annotated[AwareDatetime, BeforeValidator(_as_written)]
