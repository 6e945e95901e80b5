from __future__ import annotations

import types
from collections.abc import Iterator

import pytest

from replay_ws.sim.world.patches import Patch, patched


class Base:
    def greet(self) -> str:
        return "base"

    @staticmethod
    def plain() -> str:
        return "static"

    @classmethod
    def made(cls) -> str:
        return cls.__name__


class Child(Base):
    pass


@pytest.fixture
def module() -> types.ModuleType:
    module = types.ModuleType("patient")
    module.first, module.second = 1, 2  # type: ignore[attr-defined]
    return module


def test_a_patch_holds_inside_the_block_and_not_after_it(module: types.ModuleType) -> None:
    with patched([Patch(module, "first", 10), Patch(module, "second", 20)]):
        assert (module.first, module.second) == (10, 20)
    assert (module.first, module.second) == (1, 2)


def test_a_name_that_did_not_exist_is_gone_again(module: types.ModuleType) -> None:
    before = dict(vars(module))
    with patched([Patch(module, "third", 3)]):
        assert module.third == 3
    assert vars(module) == before


def test_the_names_of_a_module_keep_their_order(module: types.ModuleType) -> None:
    before = list(vars(module))
    with patched([Patch(module, "third", 3), Patch(module, "first", 10)]):
        pass
    assert list(vars(module)) == before


def test_an_inherited_attribute_is_inherited_again() -> None:
    with patched([Patch(Child, "greet", lambda self: "patched")]):
        assert (Child().greet(), Base().greet()) == ("patched", "base")
    assert "greet" not in vars(Child)
    assert Child().greet() == "base"


def test_static_and_class_methods_stay_what_they_are() -> None:
    before = dict(vars(Base))
    with patched([Patch(Base, "plain", len), Patch(Base, "made", len)]):
        assert vars(Base)["plain"] is len
    assert dict(vars(Base)) == before
    assert (Base().plain(), Child().made()) == ("static", "Child")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_everything_is_restored_after_an_exception(
    module: types.ModuleType, error: type[BaseException]
) -> None:
    with pytest.raises(error), patched([Patch(module, "first", 10)]):
        raise error
    assert module.first == 1


def test_a_patch_that_cannot_be_set_leaves_none_of_the_others(module: types.ModuleType) -> None:
    with pytest.raises(TypeError), patched([Patch(module, "first", 10), Patch(int, "real", 0)]):
        raise AssertionError("the block must not begin")
    assert module.first == 1


def test_a_patch_that_the_block_deleted_does_not_keep_others_from_being_undone(
    module: types.ModuleType,
) -> None:
    with patched([Patch(module, "first", 10), Patch(module, "third", 3)]):
        del module.third
        del module.first
    assert module.first == 1
    assert not hasattr(module, "third")


def test_blocks_nest_also_with_the_same_table(module: types.ModuleType) -> None:
    table = [Patch(module, "first", 10), Patch(module, "third", 3)]
    with patched(table):
        with patched(table), patched([Patch(module, "first", 11)]):
            assert (module.first, module.third) == (11, 3)
        assert (module.first, module.third) == (10, 3)
    assert module.first == 1
    assert not hasattr(module, "third")


def test_a_name_that_stands_twice_in_a_table_gets_its_first_value_back(
    module: types.ModuleType,
) -> None:
    with patched([Patch(module, "first", 10), Patch(module, "first", 11)]):
        assert module.first == 11
    assert module.first == 1


def test_a_table_that_can_be_read_once_only_is_enough(module: types.ModuleType) -> None:
    def table() -> Iterator[Patch]:
        yield Patch(module, "first", 10)

    with patched(table()):
        assert module.first == 10
    assert module.first == 1
