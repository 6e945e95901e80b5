"""What of the world is another during a run, and put back afterwards.

``patches`` is how, ``aliases`` finds the names that programs bound, ``imports`` keeps modules that
are first imported in a run out of it. ``entropy`` and ``wallclock`` stand in for chance and time;
``ordered`` and ``garbage`` take the heap's history out of asyncio's sets and of collections.
``escapes`` lists what leaves a run, ``boundary`` refuses it, ``foreign`` and ``workers`` are the
threads that may, ``members`` the threads that belong to a run, ``watchdog`` names what blocks it.
"""
