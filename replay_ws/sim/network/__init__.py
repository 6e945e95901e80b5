"""The network of a run, in memory: tasks of one run connect to each other, and to nobody else.

``memory`` has the methods of the event loop, ``hosts`` who listens where, ``wires`` the transports.
"""
