"""Threads as lanes of the same schedule as the tasks.

``baton`` tells how one thread runs at a time, ``actors`` are those that take turns, ``hub`` has the
threads of a run, ``primitives`` are the locks that they wait for, ``preemption`` makes lines sync
points, ``patches`` and ``pools`` list what is replaced, and ``managed`` puts it all together.
"""
