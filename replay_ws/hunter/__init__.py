"""The hunt: run a program under many seeds, group what fails, shrink it, explain it, keep it.

Data flows one way: trials -> slices (in workers) -> groups -> a failure -> its plan, shrunk -> a
repro, which is a file.
"""
