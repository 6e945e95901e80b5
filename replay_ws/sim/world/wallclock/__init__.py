"""The clocks of ``time`` and ``datetime`` inside a run, which show virtual time.

``clock`` puts them in place, ``functions`` and ``dates`` are what stands there, ``guests`` are
other libraries that replace clocks.
"""

from replay_ws.sim.world.wallclock.clock import Clock, virtual_clock

__all__ = ["Clock", "virtual_clock"]
