"""Where profiles come from: those that are built in, files of a user, and what they extend."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path as File
from typing import Any

from replay_ws.compliance.positions import Path
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.tables import Reader, Source
from replay_ws.errors import ConfigError, unknown


def load_profile(name: str) -> Profile:
    """The built-in profile ``name``, or the one in the file ``name``, which ends in .toml.

    Raises ConfigError for an unknown name, for a file that cannot be read, and for what is wrong
    in it.
    """
    return _profile_of(_file(File(name))) if _is_file(name) else _built_in(name)


def is_profile(name: str) -> bool:
    """Whether ``name`` is that of a built-in profile, or of a file that is there."""
    return File(name).is_file() if _is_file(name) else name in profile_names()


def parse_profile(text: str, *, where: str = "profile") -> Profile:
    """The profile that a TOML text describes; raises ConfigError that names the line and the key.

    Files that it ``extends`` stand beside ``where``.
    """
    return _profile_of(Source(text, where))


def profile_names() -> list[str]:
    """Names of the built-in profiles."""
    return sorted(entry.name.removesuffix(".toml") for entry in _entries())


# --- texts ---------------------------------------------------------------------------------


def _is_file(name: str) -> bool:
    return name.endswith(".toml")


@cache
def _built_in(name: str) -> Profile:
    return _profile_of(_built_in_source(name))


def _built_in_source(name: str) -> Source:
    for entry in _entries():
        if entry.name == f"{name}.toml":
            return Source(entry.read_text("utf-8"), f"profile {name}")
    raise unknown("profile", name, profile_names())


@cache
def _entries() -> list[Any]:
    from importlib.resources import files  # dear to import, and most sessions ask for no profile

    folder = files("replay_ws.compliance").joinpath("profiles")
    return [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]


def _file(path: File) -> Source:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8"
        mend = f"name a TOML file, or one of: {', '.join(profile_names())}"
        raise ConfigError(f"cannot be read: {why}", where=str(path), mend=mend) from error
    return Source(text, str(path))


def _extended(base: str, source: Source) -> Source:
    return _file(File(source.where).parent / base) if _is_file(base) else _built_in_source(base)


# --- a profile and what it extends ---------------------------------------------------------


def _profile_of(source: Source) -> Profile:
    """The profile that ``source`` describes, with what it extends."""
    values, own = _whole(source, ())
    profile = own if values is source.values else Reader(source).table(Profile, values, ())
    _cross_check(profile, source)
    return profile


def _whole(source: Source, chain: tuple[str, ...]) -> tuple[dict[str, Any], Profile]:
    """The keys of a profile with those that it extends, and it alone."""
    own = Reader(source).table(Profile, source.values, ())
    base = own.extends
    if not base:
        return source.values, own
    if source.where in chain:
        mend = "leave extends out of one of the two"
        raise source.error(("extends",), f"{base} extends this profile in turn", mend)
    try:
        other = _extended(base, source)
    except ConfigError as error:
        raise source.error(("extends",), error.what, error.mend) from error
    values, _ = _whole(other, (*chain, source.where))
    return _grown(values, source.values), own


GROWING = {
    *("required", "known", "ignored", "first", "order", "terminal", "after_terminal", "restart"),
    *("at_most_once", "must", "envelopes", "chunks", "names", "patches", "fields", "before"),
    *("aliases", "required_if", "latency", "schema", "volatile", "severity", "weights"),
}
"""Lists and tables to which a profile adds; it replaces other values."""

NAMED = {"pairs", "scopes"}
"""Arrays of tables that are told apart by their names."""


def _grown(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    grown = {**base, **more}
    for key in base.keys() & more.keys():
        old, new = base[key], more[key]
        if key in NAMED:
            names = {table["name"] for table in new}
            grown[key] = [*(table for table in old if table["name"] not in names), *new]
        elif key in GROWING and isinstance(old, dict) and isinstance(new, dict):
            grown[key] = {**old, **new}
        elif key in GROWING and isinstance(old, list) and isinstance(new, list):
            grown[key] = [*old, *(each for each in new if each not in old)]
    return grown


def _cross_check(profile: Profile, source: Source) -> None:
    """What can be told only of a whole profile."""
    names = [scope.name for scope in profile.scopes]
    own = [table["name"] for table in source.values.get("scopes", ())]
    for number, name in enumerate(own):
        if name in own[:number]:
            what, mend = f"there is another scope {name}", "give each a name of its own"
            raise source.error(("scopes", number, "name"), what, mend)
    for scope in profile.scopes:
        if scope.inside and scope.inside not in names:
            error = unknown("scope", scope.inside, names)
            place: Path = ("scopes", own.index(scope.name) if scope.name in own else 0, "inside")
            raise source.error(place, error.what, error.mend)
    for number, chunk in enumerate(source.values.get("chunks", ())):
        if chunk["scope"] not in names:
            error = unknown("scope", chunk["scope"], names)
            raise source.error(("chunks", number, "scope"), error.what, error.mend)
    kinds = [rule.name for rule in profile.names]
    for number, table in enumerate(source.values.get("names", ())):
        if table.get("inside", kinds[0]) not in kinds:
            error = unknown("kind of names", table["inside"], kinds)
            raise source.error(("names", number, "inside"), error.what, error.mend)
