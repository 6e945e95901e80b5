"""What the codemod did, or would do: a diff, and a line for each class with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from replay_ws.report.blocks import Block, Line, Tone, command, plural
from replay_ws.text import clean, escaped

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")
"""What a terminal acts on in a line of source; a tab stays a tab."""


class Kind(StrEnum):
    """How a mock class relates to ours."""

    MECHANICAL = "mechanical"  # ours does the same as it stands
    SMALL_MAPPING = "small mapping"  # ours does the same with options
    FACADE = "facade"  # our bridge or socket does the same
    NOT_MECHANICAL = "not mechanical"  # it does something of its own
    IMPORT = "import"  # of a fixture module whose place we take


@dataclass(frozen=True, slots=True)
class Finding:
    """One class or import of a file. ``done`` is empty when it stays; then ``reason`` says why."""

    name: str
    line: int
    kind: Kind
    done: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "line": self.line,
            "kind": str(self.kind),
            "done": self.done,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class MigratedFile:
    """One file: what was found in it, how it changes, or why it could not be looked at."""

    path: str
    findings: tuple[Finding, ...] = ()
    diff: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def changed(self) -> bool:
        return bool(self.diff)

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "changed": self.changed,
            "trouble": self.trouble,
            "diff": "\n".join(self.diff),
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Migration:
    """Every file that holds something; ``seen`` counts all that were looked at."""

    paths: tuple[str, ...]
    files: tuple[MigratedFile, ...]
    seen: int
    written: bool

    @property
    def changed(self) -> list[MigratedFile]:
        return [file for file in self.files if file.changed]

    @property
    def troubled(self) -> list[MigratedFile]:
        return [file for file in self.files if file.trouble]

    def blocks(self) -> Iterator[Block]:
        yield self._answer()
        for file in self.troubled:
            yield Line(f"  left alone: {clean(file.path)}: {clean(file.trouble)}", Tone.BAD)
        for file in self.changed if not self.written else ():
            yield Line()
            yield from map(_diff_line, file.diff)
        if any(file.findings for file in self.files):
            yield from self._list()
            yield Line()
        if self.changed and not self.written:
            yield Line(f"next: {command('migrate', '--write', *self.paths)}")

    def _answer(self) -> Line:
        seen = f"{plural(self.seen, 'file')} seen"
        if not self.changed:
            tone = Tone.BAD if self.troubled else Tone.GOOD
            return Line(f"nothing to change: {seen}{self._stay()}", tone)
        verb = "changed" if self.written else "would change"
        replaced = sum(bool(finding.done) for file in self.files for finding in file.findings)
        what = f"{verb} {plural(len(self.changed), 'file')}: {replaced} replaced{self._stay()}"
        return Line(f"{what}; {seen}", Tone.HEAD)

    def _stay(self) -> str:
        stay = sum(not finding.done for file in self.files for finding in file.findings)
        return f", {stay} stay" if stay else ""

    def _list(self) -> Iterator[Line]:
        """Each file, and a line for each thing in it; reasons are long, so no cell cuts them."""
        found = [finding for file in self.files for finding in file.findings]
        name_width = max(len(finding.name) for finding in found)
        kind_width = max(len(finding.kind) for finding in found)
        for file in self.files:
            if file.findings:
                yield Line()
                yield Line(clean(file.path), Tone.HEAD)
            for item in file.findings:
                head = f"  {item.line:>4}  {item.name:{name_width}}  {item.kind:{kind_width}}"
                told = item.done or f"stays: {item.reason}"
                yield Line(clean(f"{head}  {told}"), Tone.GOOD if item.done else Tone.PLAIN)

    def to_dict(self) -> dict[str, Any]:
        kinds = Counter(str(found.kind) for file in self.files for found in file.findings)
        done = Counter(
            str(found.kind) for file in self.files for found in file.findings if found.done
        )
        return {
            "written": self.written,
            "seen": self.seen,
            "changed": len(self.changed),
            "kinds": {kind: {"found": n, "replaced": done[kind]} for kind, n in kinds.items()},
            "files": [file.to_dict() for file in self.files],
        }


def _diff_line(text: str) -> Line:
    tones = {"+": Tone.GOOD, "-": Tone.BAD, "@": Tone.QUIET}
    tone = Tone.HEAD if text.startswith(("+++", "---")) else tones.get(text[:1], Tone.PLAIN)
    return Line(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", escaped(text)), tone)
