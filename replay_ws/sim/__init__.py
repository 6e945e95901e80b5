"""Where a program runs on virtual time: the event loop, its tasks, and what it reports.

``loop`` is the event loop, ``runner`` runs one program on it from start to clean-up,
``deadlock`` says who waits for what, ``escapes`` lists what the loop refuses to touch.
"""
