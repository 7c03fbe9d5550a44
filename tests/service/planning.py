"""What the tests of plans say of the power plant's laboratory, and how a plan of its is made.

The hours are made up. Pressure and temperature are the plant's own work, everything else it sends
out; Zihan Li does both, Huimin Zhou pressure alone.
"""

from typing import Any

from fastapi.testclient import TestClient

from service.demo.world import identifier
from service.jobs.worker import Worker

LI, ZHOU, _, ZHENG = (str(identifier(f"person:TPP:{number}")) for number in range(1, 5))
SETTINGS: dict[str, Any] = {
    "weeks": 26,
    "disciplines": [
        {"name": "pressure", "hours_per_week": 10, "hours_per_item": 2, "fee": 120},
        {"name": "temperature", "hours_per_week": 8, "hours_per_item": 2, "fee": 200},
    ],
    "persons": [
        {"person_id": LI, "disciplines": ["pressure", "temperature"], "hours_per_week": 12},
        {"person_id": ZHOU, "disciplines": ["pressure"], "hours_per_week": 12},
    ],
    "sites": [
        {"name": "生产现场", "downtime_cost": 200,
         "shutdowns": [{"first": "2027-01-04", "last": "2027-01-17", "reason": "overhaul"}]},
    ],
}  # fmt: skip


def say(client: TestClient, **changed: Any) -> Any:
    """Say what the laboratory can do; return the answer."""
    said = {"settings": SETTINGS | changed, "reason": "the laboratory's year"}
    return client.put("/v1/plans/settings", json=said)


def work(client: TestClient) -> None:
    """Let the worker do what is due."""
    state: Any = client.app.state  # type: ignore[attr-defined]  # TestClient calls it a function
    Worker(state.engine, state.keys, clock=state.clock, network=state.network).run_once()


def made(client: TestClient, *, seconds: int = 30) -> dict[str, Any]:
    """Have a plan made; return it."""
    asked = client.post("/v1/plans", json={"seconds": seconds})
    assert asked.status_code == 202, asked.text
    work(client)
    told = client.get(asked.headers["location"]).json()
    assert told["state"] == "done", told
    answer: dict[str, Any] = client.get(f"/v1/plans/{told['plan_id']}").json()
    return answer
