"""Accesses that nothing orders: happens-before by vector clocks, never by a difference in time.

``watching`` is the light front, ``causality`` the theory and the clocks, ``detector`` says what
is a race, ``objects`` and ``containers`` tell their accesses. ``edges``, ``thread_edges`` and
``anyio_edges`` list what orders steps without a wake-up.
"""
