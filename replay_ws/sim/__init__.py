"""Where a program runs on virtual time: the event loop, its tasks, and what it reports.

``loop`` is the event loop, ``runner`` runs one program on it from start to clean-up,
``deadlock`` says who waits for what, ``escapes`` lists what the loop refuses to touch.

``watching`` starts what finds races: ``causality`` has the theory of what comes before what, and
``races`` that of what is a race; ``objects`` and ``containers`` tell the accesses, the modules
called ``edges`` the order.
"""
