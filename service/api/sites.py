"""Sites: where the items of an organization stand."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field
from sqlmodel import SQLModel

from service.actions import sites as actions
from service.api import conditions
from service.api.calibrations import Strict
from service.api.conditions import IfMatch, IfNoneMatch
from service.api.paging import FORMS, Asked, Since, answered
from service.auth import Acting, Reading, Transaction
from service.clock import Now
from service.store import sites as store

router = APIRouter(prefix="/sites", tags=["sites"])

Code = Annotated[str, Field(min_length=1, max_length=40, examples=["PLANT-1"])]
Place = Annotated[str, Field(min_length=1, max_length=200, examples=["示例火力发电厂"])]
Name = Annotated[str, Field(max_length=200, examples=["Example thermal power plant"])]
AddressZh = Annotated[str, Field(max_length=500, examples=["示例省示例市滨江路1号"])]
AddressEn = Annotated[str, Field(max_length=500, examples=["1 Riverside Road, Example City"])]
Contact = Annotated[str, Field(max_length=200, examples=["+86 21 5555 0100"])]
Reason = Annotated[str, Field(max_length=500, examples=["the unit was closed"])]


class SiteIn(Strict):
    """A site.

    `name_zh` is the place as the items of the ledger write it: an item stands at the innermost of
    its places that is the name of a site. Code and name are of one site each.
    """

    code: Code
    name_zh: Place
    name_en: Name = ""
    address_zh: AddressZh = ""
    address_en: AddressEn = ""
    contact: Contact = ""


class SiteChange(SQLModel):
    """What shall be otherwise of a site; what is left out stays.

    A site is ended by its last day and the reason; `ended_on` null takes the end back.
    """

    model_config = ConfigDict(extra="forbid")  # type: ignore[assignment]  # SQLModel's own type

    code: Code = ""
    name_zh: Place = ""
    name_en: Name = ""
    address_zh: AddressZh = ""
    address_en: AddressEn = ""
    contact: Contact = ""
    ended_on: date | None = None
    ended_because: Reason | None = None


class SiteAnswer(SQLModel):
    """A site. None is ever deleted: one that is no more has its last day in `ended_on`."""

    id: UUID
    code: str
    name_zh: str
    name_en: str
    address_zh: str
    address_en: str
    contact: str
    ended_on: date | None
    ended_because: str | None
    is_demonstration: bool
    recorded_at: datetime
    changed_at: datetime | None


@router.get("", response_model=list[SiteAnswer], responses=FORMS)
def list_sites(
    request: Request, session: Reading, page: Asked, updated_since: Since = None
) -> Response:
    """Return the sites by id, a page at a time; as CSV or JSON lines all of them."""
    return answered(
        request,
        session,
        page,
        lambda after, limit: store.page(
            session, after=after, limit=limit, updated_since=updated_since
        ),
        SiteAnswer,
    )


@router.post("", status_code=201)
def add_site(
    session: Transaction, response: Response, actor: Acting, now: Now, said: SiteIn
) -> SiteAnswer:
    """Enter a site."""
    row = actions.add(session, **said.model_dump(), actor_id=actor.person_id, now=now)
    response.headers["Location"] = f"/v1/sites/{row.id}"
    return _answer(response, row)


@router.get("/{site_id}", response_model=SiteAnswer, responses={304: {"description": "As it was."}})
def get_site(
    session: Reading, response: Response, site_id: UUID, if_none_match: IfNoneMatch = None
) -> Any:
    """Return a site."""
    answer = SiteAnswer.model_validate(store.get(session, site_id), from_attributes=True)
    return conditions.unless_known(response, if_none_match, answer)


@router.patch("/{site_id}")
def change_site(
    session: Transaction,
    response: Response,
    actor: Acting,
    now: Now,
    site_id: UUID,
    said: SiteChange,
    if_match: IfMatch = None,
) -> SiteAnswer:
    """Change facts of a site that is still as it was read; its last day ends it."""
    before = SiteAnswer.model_validate(store.get(session, site_id), from_attributes=True)
    conditions.require_match("site", if_match, conditions.etag_of(before))
    facts = said.model_dump(exclude_unset=True)
    row = actions.change(session, site_id, facts, actor_id=actor.person_id, now=now)
    return _answer(response, row)


def _answer(response: Response, row: Any) -> SiteAnswer:
    answer = SiteAnswer.model_validate(row, from_attributes=True)
    response.headers["ETag"] = conditions.etag_of(answer)
    return answer
