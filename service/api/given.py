"""Days and moments as requests give them."""

from service.written import Day, Moment

__all__ = ["Day", "Moment"]
