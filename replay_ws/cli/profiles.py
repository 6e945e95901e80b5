"""Profiles as the commands name them: a built-in one, or a file."""

from __future__ import annotations

from pathlib import Path

from replay_ws.compliance import Profile, load_profile, parse_profile
from replay_ws.errors import ConfigError


def profile_named(name: str) -> Profile:
    """The profile in the file ``name``, or the built-in one of that name.

    A name that ends in ``.toml`` or holds a slash is a file's. Raises ConfigError.
    """
    path = Path(name)
    if path.suffix != ".toml" and path.name == name:
        return load_profile(name)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        mend = "name a TOML file or a built-in profile; replay-ws profile list"
        raise ConfigError(f"this cannot be read: {what}", where=name, mend=mend) from error
    return parse_profile(text, where=name)


def profile_text(name: str) -> str:
    """The file of a built-in profile, as it is."""
    load_profile(name)  # raises ConfigError for an unknown one
    from importlib.resources import files

    profiles = files("replay_ws.compliance").joinpath("profiles")
    return profiles.joinpath(f"{name}.toml").read_text("utf-8")
