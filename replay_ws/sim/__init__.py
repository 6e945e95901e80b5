"""Where a program runs on virtual time: one seed, one story.

``loop`` is the event loop (with its ``timers``, ``handles``, ``tasks``, ``jobs``, ``generators``
and ``outsiders``), ``runner`` runs one program on it from start to clean-up, ``deadlock`` says who
waits for what, ``places`` where. ``schedule`` has the policies that say who goes next, ``lanes``
the queue that asks them, ``scheduling`` the way from a schedule or a plan to a loop,
``interruptions`` the injected cancellations and failures; ``trace`` writes down every step.

``threads`` makes threads part of the schedule, ``network`` connects tasks in memory, ``world`` is
what else of the process is another during a run, ``races`` finds accesses that nothing orders.
"""
