"""Days and moments as requests give them: written out, never as a number of seconds."""

from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator


def _as_written(value: Any) -> Any:
    """Return a value that is written as a date is; pydantic alone would take 0.0 for 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and "-" not in value[1:]):
        raise ValueError("write it out: YYYY-MM-DD, a moment as YYYY-MM-DDThh:mm:ssZ")
    return value


Day = Annotated[date, BeforeValidator(_as_written)]
Moment = Annotated[AwareDatetime, BeforeValidator(_as_written)]
