"""Writing the verdicts into the source: classes go, imports come, all else stays to the byte."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from replay_ws.errors import ConfigError
from replay_ws.legacy.migration.renames import calls_of
from replay_ws.legacy.migration.soundness import FRONT_DOOR, bindings, require_sound
from replay_ws.legacy.migration.verdicts import Verdict

if TYPE_CHECKING:
    import libcst as cst

WIDTH = 88


def cst_module() -> Any:
    """libcst, or the ConfigError that says how to get it."""
    try:
        import libcst
    except ImportError:
        raise ConfigError(
            "libcst is not installed",
            where="replay-ws migrate",
            mend="pip install 'replay-ws[migrate]'",
        ) from None
    return libcst


def rewrite(source: str, verdicts: Sequence[Verdict], moved: Mapping[int, Collection[str]]) -> str:
    """The source with its replaced classes and moved imports.

    ``moved`` holds, by the line of an import statement, the names that come from our package
    instead. Raises Refusal when the result would not be sound.
    """
    replaced = [v for v in verdicts if v.replacement is not None]
    if not replaced and not moved:
        return source
    tree = cst_module().parse_module(source)
    new = _Rewriting(tree, source, replaced, moved).result()
    require_sound(source, new)
    return new


class _Rewriting:
    """One file's changes."""

    def __init__(
        self,
        tree: cst.Module,
        source: str,
        replaced: Sequence[Verdict],
        moved: Mapping[int, Collection[str]],
    ) -> None:
        self.cst = cst_module()
        self.tree = tree
        self.source = source
        self.moved = moved
        self.by_line = {v.candidate.node.lineno: v for v in replaced}
        self.wanted: dict[str, str] = {}  # bound name -> public name of ours
        self.calls: dict[tuple[int, str, str], str] = dict(_renamed_calls(source, replaced))

    def result(self) -> str:
        from libcst.metadata import MetadataWrapper, PositionProvider

        wrapper = MetadataWrapper(self.tree, unsafe_skip_copy=True)
        positions = wrapper.resolve(PositionProvider)
        lines = {node: place.start.line for node, place in positions.items()}
        tree = wrapper.module
        body: list[Any] = []
        carried: list[Any] = []
        for statement in tree.body:
            kept = self._top_level(statement, lines)
            if kept is None:
                carried += _own_comments(statement)
                continue
            if carried:
                kept = kept.with_changes(leading_lines=[*carried, *kept.leading_lines])
                carried = []
            body.append(kept)
        tree = tree.with_changes(body=body, footer=[*carried, *tree.footer])
        code = tree.code
        body = [s for s in body if not self._is_left_over(s, code)]
        body = [self._without_left_overs(s, code) for s in body]
        return str(tree.with_changes(body=self._with_import(tree, body)).code)

    # --- classes ------------------------------------------------------------------------

    def _top_level(self, statement: Any, lines: Mapping[Any, int]) -> Any:
        """What stands for a statement of the file; None when nothing does."""
        cst = self.cst
        if isinstance(statement, cst.ClassDef):
            verdict = self.by_line.get(_line_of_class(statement, lines))
            if verdict and not self._constructor(verdict) and self._is_bound_once(statement):
                self._want(verdict, verdict.candidate.name)
                return None
        if isinstance(statement, cst.SimpleStatementLine) and lines[statement] in self.moved:
            return self._from_ours(statement, self.moved[lines[statement]])
        return statement.visit(_Classes.made(self, lines))

    def _is_bound_once(self, node: Any) -> bool:
        """Whether an import at the top can stand for a class: no other line binds its name."""
        name = node.name.value
        return len([n for n in bindings(ast.parse(self.source)) if n == name]) == 1

    def _want(self, verdict: Verdict, bound: str) -> None:
        assert verdict.replacement is not None
        self.wanted[bound] = verdict.replacement.target.__name__

    def replaced(self, node: Any, verdict: Verdict) -> Any:
        """The statement that stands for a class: ours under its name, with what it takes."""
        assert verdict.replacement is not None
        target = verdict.replacement.target.__name__
        self._want(verdict, target)
        constructor = self._constructor(verdict)
        if constructor:
            bases = node.bases[:0]
            base = self.cst.Arg(self.cst.Name(target))
            body = self.cst.parse_module(
                f"class _(object):\n{constructor}", config=self.tree.config_for_parsing
            ).body[0]
            docstring = [s for s in node.body.body[:1] if _is_docstring(s)]
            statements = list(body.body.body)
            if docstring:
                blank = self.cst.EmptyLine(indent=False)
                statements = [*docstring, statements[0].with_changes(leading_lines=[blank])]
            return node.with_changes(
                bases=[*bases, base],
                lpar=self.cst.LeftParen(),
                rpar=self.cst.RightParen(),
                body=node.body.with_changes(body=statements, footer=[]),
            )
        line = self.cst.parse_statement(
            f"{node.name.value} = {target}", config=self.tree.config_for_parsing
        )
        return line.with_changes(leading_lines=node.leading_lines)

    def _constructor(self, verdict: Verdict) -> str:
        """The ``__init__`` that a class of options needs; empty where ours is made as it is."""
        replacement = verdict.replacement
        assert replacement is not None
        if not replacement.options and not replacement.passed:
            return ""
        init = verdict.candidate.methods.get("__init__")
        arguments = "self" if init is None else ast.unparse(init.args)
        if init is None and replacement.passed:
            arguments = ", ".join(["self", *(f"{name}=None" for name in replacement.passed)])
        given = [f"{name}={spelt(value)}" for name, value in replacement.options.items()]
        given += [f"{name}={name}" for name in replacement.passed]
        returns = " -> None" if init is not None and init.returns is not None else ""
        tab = self.tree.default_indent
        text = ", ".join(given).replace("'", '"')
        return f"{tab}def __init__({arguments}){returns}:\n{tab}{tab}super().__init__({text})\n"

    # --- imports ------------------------------------------------------------------------

    def _from_ours(self, statement: Any, names: Collection[str]) -> Any:
        """An import from our package; what we do not have stays where it was."""
        bound = self._bound(statement)
        if set(bound) <= set(names):
            module = statement.body[0].with_changes(module=self.cst.Name(FRONT_DOOR))
            return statement.with_changes(body=[module])
        self.wanted |= {bound[name]: name for name in names}
        return self._without_names(statement, names)

    def _without_names(self, statement: Any, names: Collection[str]) -> Any:
        """An import statement without some of its names; None without any left."""
        if len(statement.body) != 1:
            return statement
        node = statement.body[0]
        left = [alias for alias in node.names if _name_of(alias) not in names]
        if not left:
            return None
        if len(left) == len(node.names):
            return statement
        if node.names[-1] is not left[-1] and not getattr(node, "lpar", None):
            left[-1] = left[-1].with_changes(comma=self.cst.MaybeSentinel.DEFAULT)
        return statement.with_changes(body=[node.with_changes(names=left)])

    def _is_left_over(self, statement: Any, code: str) -> bool:
        return self._left_overs(statement, code) == self._bound(statement) != {}

    def _without_left_overs(self, statement: Any, code: str) -> Any:
        names = self._left_overs(statement, code)
        return self._without_names(statement, set(names)) if names else statement

    def _left_overs(self, statement: Any, code: str) -> dict[str, str]:
        """Names of an import that only a class that is gone has used."""
        bound = self._bound(statement)
        if not bound or "#" in self.tree.code_for_node(statement).splitlines()[-1]:
            return {}
        text = self.tree.code_for_node(statement).strip()  # a file may end without a newline
        rest = code.replace(text, "", 1)
        gone = "\n".join(self._gone())
        return {
            name: as_name
            for name, as_name in bound.items()
            if not _has_word(as_name, rest) and _has_word(as_name, gone)
        }

    def _gone(self) -> Iterable[str]:
        lines = self.source.splitlines()
        for verdict in self.by_line.values():
            span = verdict.candidate.lines
            yield from lines[span.start - 1 : span.stop - 1]

    def _bound(self, statement: Any) -> dict[str, str]:
        """Names of an import at the file's top level, and what each is called here."""
        cst = self.cst
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            return {}
        node = statement.body[0]
        if not isinstance(node, cst.Import | cst.ImportFrom):
            return {}
        if isinstance(node.names, cst.ImportStar):
            return {}
        module = getattr(node, "module", None)
        if module is not None and getattr(module, "value", "") == "__future__":
            return {}
        return {_name_of(alias): _bound_as(alias) for alias in node.names}

    def _with_import(self, tree: Any, body: Sequence[Any]) -> list[Any]:
        """The body with an import of what is wanted, behind the imports it begins with."""
        wanted = {b: n for b, n in self.wanted.items() if not self._has_already(b, n, body)}
        if not wanted:
            return list(body)
        at = _end_of_imports(self.cst, body, wanted)
        line = self.cst.parse_statement(
            _import_line(wanted, tree.default_indent), config=tree.config_for_parsing
        )
        blank = [self.cst.EmptyLine(indent=False)]
        before, after = list(body[:at]), list(body[at:])
        if not before or not _is_import(self.cst, before[-1]):
            line = line.with_changes(leading_lines=blank if before else [])
            if after and not after[0].leading_lines:
                after[0] = after[0].with_changes(leading_lines=blank)
        elif _is_of_python(before[-1]):
            line = line.with_changes(leading_lines=blank)
        return [*before, line, *after]

    def _has_already(self, bound: str, name: str, body: Sequence[Any]) -> bool:
        return any(
            getattr(getattr(s.body[0], "module", None), "value", "") == FRONT_DOOR
            and self._bound(s).get(name) == bound
            for s in body
            if self._bound(s)
        )


class _Classes:
    """The visitor that replaces what stands inside of something: classes, names in calls."""

    @staticmethod
    def made(rewriting: _Rewriting, lines: Mapping[Any, int]) -> Any:
        cst = rewriting.cst

        class Visitor(cst.CSTTransformer):  # type: ignore[misc,name-defined]
            def leave_ClassDef(self, original_node: Any, updated_node: Any) -> Any:
                verdict = rewriting.by_line.get(_line_of_class(original_node, lines))
                if verdict is None:
                    return updated_node
                return rewriting.replaced(updated_node, verdict)

            def leave_Attribute(self, original_node: Any, updated_node: Any) -> Any:
                receiver = rewriting.tree.code_for_node(original_node.value)
                place = (lines[original_node], receiver, original_node.attr.value)
                if place not in rewriting.calls:
                    return updated_node
                return updated_node.with_changes(attr=cst.Name(rewriting.calls[place]))

        return Visitor()


def _renamed_calls(
    source: str, replaced: Sequence[Verdict]
) -> Iterator[tuple[tuple[int, str, str], str]]:
    """Line, receiver and name of each call that ours has under another name, with that name."""
    tree = ast.parse(source)
    classes = {n.lineno: n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
    for verdict in replaced:
        cls = classes[verdict.candidate.node.lineno]
        for name, theirs in verdict.replacement.renamed.items() if verdict.replacement else ():
            for line, receiver in calls_of(tree, name, cls.name, cls):
                yield (line, receiver, name), theirs


def _line_of_class(node: Any, lines: Mapping[Any, int]) -> int:
    """Where the word ``class`` stands; a decorated class is never replaced."""
    return lines[node]


def _own_comments(statement: Any) -> list[Any]:
    """Comments above a statement that are not its own: a blank line stands between."""
    above = list(statement.leading_lines)
    while above and above[-1].comment is not None:
        above.pop()
    while above and above[-1].comment is None:
        above.pop()
    return above


def spelt(value: Any) -> str:
    """An option's value as source."""
    return value.__name__ if isinstance(value, type) else repr(value)


def _is_docstring(statement: Any) -> bool:
    if type(statement).__name__ != "SimpleStatementLine":
        return False
    value = getattr(statement.body[0], "value", None)
    return type(value).__name__ in ("SimpleString", "ConcatenatedString")


def _name_of(alias: Any) -> str:
    parts = []
    node = alias.name
    while hasattr(node, "attr"):
        parts.append(node.attr.value)
        node = node.value
    return ".".join([node.value, *reversed(parts)])


def _bound_as(alias: Any) -> str:
    return alias.asname.name.value if alias.asname else _name_of(alias)


def _has_word(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", text) is not None


def _import_line(wanted: Mapping[str, str], tab: str) -> str:
    names = sorted(n if b == n else f"{n} as {b}" for b, n in wanted.items())
    line = f"from {FRONT_DOOR} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return f"from {FRONT_DOOR} import (\n" + "".join(f"{tab}{name},\n" for name in names) + ")"


def _is_import(cst: Any, statement: Any) -> bool:
    """Whether a statement imports, or tries to."""
    if isinstance(statement, cst.SimpleStatementLine):
        return all(isinstance(item, cst.Import | cst.ImportFrom) for item in statement.body)
    is_block = isinstance(statement, cst.Try | cst.If)
    return is_block and _is_import(cst, getattr(statement.body, "body", [None])[0])


def _is_of_python(statement: Any) -> bool:
    """Whether an import is of the standard library, which stands apart from others."""
    node = statement.body[0] if isinstance(statement.body, Sequence) else None
    module = getattr(node, "module", None) or getattr(node, "names", [None])[0]
    return module is not None and _root_of(module) in sys.stdlib_module_names


def _root_of(node: Any) -> str:
    while not isinstance(node, str):
        node = node.value if hasattr(node, "value") else node.name
    return node


def _end_of_imports(cst: Any, body: Sequence[Any], wanted: Collection[str]) -> int:
    """Where the imports end that a file begins with, or where a name is used that is ``wanted``;
    behind the docstring if there are none."""
    end = 1 if body and _is_docstring(body[0]) else 0
    for statement in body[end:]:
        is_block = not isinstance(statement, cst.SimpleStatementLine)
        code = cst.Module([statement]).code if is_block else ""
        if not _is_import(cst, statement) or any(_has_word(name, code) for name in wanted):
            break
        end += 1
    return end
