"""Reading a cassette: strictly, or what is whole of a damaged one."""

from __future__ import annotations

from replay_ws import collector
from replay_ws.cassette.opened import Source, open_cassette
from replay_ws.events.log import Log


@collector.at_rest()
def read(source: Source, *, partial: bool = False) -> Log:
    """The log of a cassette.

    A damaged or unfinished one raises CassetteError; with ``partial`` it gives what is whole, as
    ``salvage`` tells in detail.
    """
    if partial:
        from replay_ws.cassette.salvage import salvage  # rarely needed, and large

        return salvage(source).log
    with open_cassette(source) as cassette:
        return cassette.log()
