"""Who may do what is one table; no door is forgotten in it."""

from fastapi.routing import iter_route_contexts

from service import permissions
from service.app import create_app
from service.auth import acting, resource_of
from service.settings import Settings
from service.web.words import WORDS

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def asks_who(dependant):
    """Return whether a route asks who acts, by itself or by what it depends on."""
    return dependant.call is acting or any(map(asks_who, dependant.dependencies))


def changed(tmp_path):
    """Return what each door changes that asks who acts."""
    app = create_app(
        Settings(database_url=f"sqlite:///{tmp_path}/none.db", lookup_key_file=tmp_path / "key")
    )
    doors = [c for c in iter_route_contexts(app.routes) if getattr(c, "dependant", None)]
    return {
        (f"{method} {door.path}", permissions.needed(method, resource_of(door)))
        for door in doors
        for method in UNSAFE & (door.methods or set())
        if asks_who(door.dependant)
    }


def test_what_every_door_changes_some_role_may_change(tmp_path):
    known = {permissions.READ, *(f"{name}:write" for name in permissions.RESOURCES)}

    doors = changed(tmp_path)

    assert len(doors) > 15
    assert sorted(door for door, needed in doors if needed not in known) == []


def test_whoever_may_not_look_into_the_books_of_others_is_refused_at_each_door_of_theirs(tmp_path):
    """A route within a router within another would lose its tag, and with it what it needs."""
    app = create_app(
        Settings(database_url=f"sqlite:///{tmp_path}/none.db", lookup_key_file=tmp_path / "key")
    )

    needs = {
        str(door.path): permissions.needed("GET", resource_of(door.original_route))
        for door in iter_route_contexts(app.routes)
        if "regulated-books" in str(door.path)
    }

    assert len(needs) > 6
    assert set(needs.values()) == {"regulated-books:read"}
    readers = {role for role in permissions.ROLES
               if "regulated-books:read" in permissions.of_role(role)}  # fmt: skip
    assert readers == {"inspector", "supervisor"}


def test_there_are_eight_roles_and_nobody_may_nothing_but_read():
    assert len(permissions.ROLES) == 8
    for role in permissions.ROLES:
        assert permissions.READ in permissions.of_role(role)
    assert permissions.of_role("of nobody") == {permissions.READ}


def test_only_the_administrator_lets_people_in():
    letting = {role for role, changes in permissions.ROLES.items() if "people" in changes}

    assert letting == {"administrator"}


def test_every_resource_and_role_has_a_word_on_the_page_of_roles():
    assert [name for name in permissions.RESOURCES if name not in WORDS["resource"]] == []
    assert [name for name in permissions.ROLES if name not in WORDS["role"]] == []
