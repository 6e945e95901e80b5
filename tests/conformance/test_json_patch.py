"""JSON Patch as a profile applies it, beside an implementation of others."""

from __future__ import annotations

import random
from typing import Any

from ag_ui_validate.protocol.jsonpatch import PatchOk, apply_patch

from replay_ws.compliance.patches import PatchError, operations_in, patched

KEYS = ("a", "b", "0", "1", "2", "-", "~")


def document(rng: random.Random, depth: int = 3) -> Any:
    kind = rng.randrange(3 if depth else 1)
    if kind == 0:
        return rng.choice([None, True, 0, 1, 1.0, "a", ""])
    size = rng.randrange(4)
    if kind == 1:
        return [document(rng, depth - 1) for _ in range(size)]
    return {rng.choice(KEYS): document(rng, depth - 1) for _ in range(size)}


def place(rng: random.Random, whole: Any) -> str:
    """A pointer that mostly leads to something."""
    steps: list[str] = []
    while rng.random() < 0.75:
        known = list(whole) if isinstance(whole, dict) else []
        known += [*map(str, range(len(whole))), "-"] if isinstance(whole, list) else []
        step = rng.choice([*known * 5, rng.choice(KEYS)])
        steps.append(step.replace("~", "~0"))
        if isinstance(whole, list):
            whole = whole[int(step)] if step.isdecimal() and int(step) < len(whole) else None
        else:
            whole = whole.get(step) if isinstance(whole, dict) else None
    return "".join(f"/{step}" for step in steps)


def operation(rng: random.Random, whole: Any) -> Any:
    name = rng.choice(["add", "remove", "replace", "move", "copy", "test"])
    made = {"op": name, "path": place(rng, whole), "from": place(rng, whole)}
    made["value"] = document(rng, 1)
    if rng.random() < 0.1:
        key = rng.choice([*made])
        made[key] = rng.choice(["a", 5, None])
    return made if rng.random() < 0.99 else 5


def theirs_of(whole: Any, patch: list[Any]) -> Any:
    done = apply_patch(whole, patch)
    return repr(done.result) if isinstance(done, PatchOk) else None


def ours_of(whole: Any, patch: list[Any]) -> Any:
    try:
        return repr(patched(whole, operations_in(patch)))
    except PatchError:
        return None


def test_patches_do_what_they_do_elsewhere() -> None:
    rng, applied = random.Random(1), 0
    for _ in range(5_000):
        whole = {key: document(rng) for key in KEYS[: rng.randrange(6)]}
        patch = [operation(rng, whole) for _ in range(rng.choice([1, 1, 2, 3]))]
        ours = ours_of(whole, patch)
        assert ours == theirs_of(whole, patch), (whole, patch)
        applied += ours is not None
    assert 500 < applied < 4_000
