"""How much of a long proof a run makes: a bounded part each time, the whole by one command.

SUYUAN_PROOFS=full ./suyuan test
"""

import os


def how_many(bounded: int, *, full: int) -> int:
    """Return how many cases to try: `full` where SUYUAN_PROOFS says so, `bounded` elsewhere."""
    return full if os.environ.get("SUYUAN_PROOFS") == "full" else bounded
