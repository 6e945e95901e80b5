"""Documents that events tell whole, and then in patches."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws.compliance.patches import PatchError, patched
from tests.unit.compliance.test_scopes import judged, told

STATE = """
name = "p"
[[patches]]
name = "state"
whole = ["state"]
whole_at = "/is"
patch = ["change"]
patch_at = "/by"
by = "/id"
"""


def state(document: Any, id: str = "a") -> dict[str, Any]:
    return {"type": "state", "id": id, "is": document}


def change(*operations: Any, id: str = "a") -> dict[str, Any]:
    return {"type": "change", "id": id, "by": list(operations)}


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **more}


def test_patches_apply_to_what_was_told_and_changed_before() -> None:
    add, replace = op("add", "/b", value=[]), op("replace", "/b/0", value=5)
    assert judged(STATE, state({}), change(add), change(op("add", "/b/-", value=1), replace)).ok
    report = judged(STATE, state({}), change(add), change(replace))
    assert told(report) == [(2, "state", 'change "a": there is no "/b/0"')]
    assert [(check.ok, check.total) for check in report.checks] == [(1, 2)]


def test_documents_are_told_apart_by_name() -> None:
    report = judged(STATE, state({"x": 1}), state({}, id="b"), change(op("remove", "/x"), id="b"))
    assert told(report) == [(2, "state", 'change "b": there is no "/x"')]


def test_a_patch_applies_as_a_whole_or_not_at_all() -> None:
    wrong = change(op("add", "/b", value=1), op("remove", "/c"))
    assert told(judged(STATE, state({}), wrong, change(op("test", "/b", value=1)))) == [
        (1, "state", 'change "a": there is no "/c"'),
        (2, "state", 'change "a": there is no "/b"'),
    ]


def test_of_a_document_that_was_never_told_only_the_patches_are_judged() -> None:
    report = judged(STATE, change(op("remove", "/a")), change(op("delete", "/a")))
    assert told(report) == [(1, "state", 'change "a": a patch has no operation "delete"')]


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        (5, 'a patch has no operation "None"'),
        ({"op": ["add"]}, "a patch has no operation \"['add']\""),
        (op("add", "/a"), "add has no value"),
        (op("remove", "a"), "remove has no JSON pointer where one belongs"),
        (op("move", "/a"), "move has no JSON pointer where one belongs"),
    ],
)
def test_what_is_no_operation_is_told(operation: Any, fault: str) -> None:
    assert told(judged(STATE, change(operation))) == [(0, "state", f'change "a": {fault}')]


DOCUMENT = {"a": [1, 2], "b": {"c": True}, "~/": 0}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        (op("add", "", value=7), 7),
        (op("add", "/a/1", value=7), {**DOCUMENT, "a": [1, 7, 2]}),
        (op("add", "/a/-", value=7), {**DOCUMENT, "a": [1, 2, 7]}),
        (op("remove", "/~0~1"), {"a": [1, 2], "b": {"c": True}}),
        (op("replace", "/b", value=None), {**DOCUMENT, "b": None}),
        (op("move", "/b/d", **{"from": "/a/0"}), {**DOCUMENT, "a": [2], "b": {"c": True, "d": 1}}),
        (op("copy", "/a/0", **{"from": "/b"}), {**DOCUMENT, "a": [{"c": True}, 1, 2]}),
        (op("test", "/a", value=[1.0, 2]), DOCUMENT),
    ],
)
def test_operations_are_those_of_the_rfc(operation: dict[str, Any], result: Any) -> None:
    report = judged(STATE, state(DOCUMENT), change(operation, op("test", "", value=result)))
    assert report.ok, told(report)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        (op("remove", ""), "the whole document cannot be removed"),
        (op("add", "/a/3", value=7), 'there is no "/a/3"'),
        (op("replace", "/a/-", value=7), 'there is no "/a/-"'),
        (op("remove", "/a/01"), 'there is no "/a/01"'),
        (op("add", "/b/c/d", value=7), 'there is no "/b/c/d"'),
        (op("move", "/b/d", **{"from": "/b"}), '"/b" cannot move into itself'),
        (op("test", "/b/c", value=1), '"/b/c" is not what it is tested to be'),
    ],
)
def test_what_does_not_apply_is_told(operation: dict[str, Any], fault: str) -> None:
    report = judged(STATE, state(DOCUMENT), change(operation))
    assert told(report) == [(1, "state", f'change "a": {fault}')]


def test_a_document_is_never_changed() -> None:
    before = {"a": [1, {"b": 2}]}
    after = patched(before, [{"op": "replace", "path": ["a", "1", "b"], "value": 3}])
    assert before == {"a": [1, {"b": 2}]}
    assert after == {"a": [1, {"b": 3}]}
    with pytest.raises(PatchError):
        patched(before, [{"op": "remove", "path": ["b"]}])
