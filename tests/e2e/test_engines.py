"""A hunt on a real cluster finds what it finds here, also when a run ends a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import data

PROGRAM = """
import os, random

async def fails():
    assert random.randrange(20), "drew a zero"

async def dies():
    if random.randrange(40) == 0:
        os._exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("distributed")
    (tmp_path / "hunted_app.py").write_text(PROGRAM)
    return tmp_path


def hunted(folder: Path, function: str, *words: str) -> Any:
    return data("hunt", f"hunted_app.py:{function}", *words, cwd=folder, code=1)


def test_a_cluster_finds_what_is_found_here(folder: Path) -> None:
    ways = (["--engine", "here"], ["--engine", "dask", "-j", "2"])
    here, there = (hunted(folder, "fails", "--seeds", "3000", *way) for way in ways)
    assert {**there, "engine": "", "seconds": 0} == {**here, "engine": "", "seconds": 0}


def test_a_run_that_ends_a_worker_of_a_cluster_is_found_as_in_a_pool(folder: Path) -> None:
    ways = (["--engine", "process", "-j", "2"], ["--engine", "dask", "-j", "2"])
    pool, cluster = (hunted(folder, "dies", "--seeds", "60", *way) for way in ways)
    assert pool["groups"] == cluster["groups"]
    assert pool["groups"][0]["signature"]["kind"] == "WorkerDied"
    assert "a worker died" in cluster["notes"][0]
