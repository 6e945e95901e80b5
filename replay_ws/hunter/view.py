"""What a hunt found, and repros, for a reader and for a program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import Any

from replay_ws.faults.modes import MockBehaviorMode
from replay_ws.hunter.failure import Failure, Signature
from replay_ws.hunter.hunt import Group, Hunt
from replay_ws.hunter.repro import Repro, State, Verdict
from replay_ws.hunter.statistics import percent
from replay_ws.report.annotations import Case, page_text
from replay_ws.report.blocks import Block, Line, Tone, command, plural
from replay_ws.report.plans import decision_dict
from replay_ws.text import clean, cut

GROUPS_MAX = 20
"""Groups that are shown; --json has all of them."""

_WIDTH = 110
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MODE_IN_ID = re.compile(r"\[mode=[^\]-]+-?")

_ENDED = {
    "done": "",
    "first": "ended at the first failure",
    "count": "ended when a group had so many",
    "saturation": "ended when hardly any run did something new",
    "budget": "ended when its time was over",
    "interrupted": "interrupted",
}


@dataclass(frozen=True, slots=True)
class Hunted:
    """A hunt, ready to be shown, and what its groups were shrunk to, if they were.

    ``options`` are those of the command line under which the program ran besides.
    """

    hunt: Hunt
    repros: Mapping[Signature, Shrinking] = field(default_factory=dict)
    options: Sequence[str] = ()

    def blocks(self) -> Iterator[Block]:
        """The verdict, what was tried, and a paragraph for each group."""
        hunt = self.hunt
        yield Line(f"{hunt.target}: {self._verdict()}", Tone.BAD if hunt.groups else Tone.GOOD)
        yield Line(f"  {self._tried()}", Tone.QUIET)
        for number, group in enumerate(hunt.groups[:GROUPS_MAX]):
            letter = LETTERS[number]
            yield Line(
                f"{letter}  {group.count:,}x  {clean(_headline(group))}", Tone.HEAD, cut=True
            )
            yield Line(f"   {_rate_text(group, hunt)}")
            if len(hunt.trials.modes) > 1:
                yield Line(f"   {_modes_text(group, hunt)}")
            shrunk = self.repros.get(group.signature)
            if shrunk is not None:
                yield from (Line(f" {line.text}") for line in shrunk.told())
            if shrunk is None or not shrunk.output:
                yield Line(f"   again: {self._again(group)}")
        if len(hunt.groups) > GROUPS_MAX:
            more = plural(len(hunt.groups) - GROUPS_MAX, "more group")
            yield Line(f"   … and {more}; --json has all", Tone.QUIET)
        for note in hunt.notes:
            yield Line(f"note: {note}", Tone.QUIET)

    def cases(self) -> list[Case]:
        """The same for JUnit: a test for each group, or one that passed."""
        page = page_text(self)
        groups = self.hunt.groups
        if not groups:
            return [Case(self.hunt.target, page)]
        return [
            Case(
                f"{self.hunt.target} ({letter})" if len(groups) > 1 else self.hunt.target,
                page,
                group.signature.kind,
                f"{group.count:,}x {group.signature}; {self._again(group)}",
            )
            for letter, group in zip(LETTERS, groups, strict=False)
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, with every group."""
        hunt = self.hunt
        seeds = hunt.trials.seeds
        return {
            "target": hunt.target,
            "seeds": [seeds.start, seeds.stop],
            "modes": [mode_text(mode) for mode in hunt.trials.modes],
            "schedule": str(hunt.trials.schedule or ""),
            "runs": hunt.runs,
            "failures": hunt.failed,
            "ended": hunt.ended,
            "interval": list(hunt.interval),
            "behaviours": hunt.behaviours,
            "chance_of_new": hunt.novelty,
            "groups": [
                _group_dict(group) | _shrunk_dict(self.repros.get(group.signature))
                for group in hunt.groups
            ],
            "engine": hunt.engine,
            "seconds": round(hunt.host_s, 3),
            "notes": list(hunt.notes),
        }

    def _again(self, group: Group) -> str:
        return again(self.hunt, group.first, self.options)

    def _verdict(self) -> str:
        hunt = self.hunt
        if not hunt.groups:
            bound = percent(hunt.interval.high)
            return f"no failure in {plural(hunt.runs, 'run')}, so fewer than {bound} fail (95 %)"
        groups = plural(len(hunt.groups), "group")
        return f"{hunt.failed:,} of {plural(hunt.runs, 'run')} failed, in {groups}"

    def _tried(self) -> str:
        hunt = self.hunt
        seeds, modes = hunt.trials.seeds, hunt.trials.modes
        words = [
            f"seeds {seeds.start}..{seeds.stop}",
            _modes_tried(modes),
            f"schedule {hunt.trials.schedule}" if hunt.trials.schedule else "",
            plural(hunt.behaviours, "behaviour"),
            f"{percent(hunt.novelty)} chance that one more run does something new",
            _ENDED[hunt.ended],
        ]
        return " · ".join(word for word in words if word)


def _modes_tried(modes: Sequence[Any]) -> str:
    if len(modes) > 3:
        return f"{len(modes)} modes"
    return f"modes {', '.join(map(mode_text, modes))}" if modes else ""


def mode_text(mode: Any) -> str:
    """``a+b`` for two modes at once."""
    return mode if isinstance(mode, str) else "+".join(mode)


def again(hunt: Hunt, failure: Failure, options: Sequence[str] = ()) -> str:
    """The command that runs a failure once more; ``options`` are those of a program besides."""
    mode = failure.mode if hunt.trials.modes or failure.mode != "normal" else ""
    schedule = str(failure.conditions.schedule.resolved(failure.seed).policy)
    if "::" in hunt.target:
        given = {"seed": failure.seed, "mode": mode, "schedule": schedule}
        # A test is run in one mode under the name that it has without any.
        name = _MODE_IN_ID.sub("[", hunt.target).removesuffix("[]") if mode else hunt.target
        words = [f"--ws-{option}={value}" for option, value in given.items() if value != ""]
        return shlex.join(["pytest", name, *words])
    modes = (word for each in mode.split("+") if each for word in ("--mode", each))
    words = ["--seed", str(failure.seed), "--schedule", schedule, *modes, *options]
    return command("record", hunt.target, *words, "-o", "failed.rws")


def _headline(group: Group) -> str:
    first = group.first
    mode = "" if first.mode == "normal" else f", mode {first.mode}"
    return cut(str(group.signature), _WIDTH) + f"  (first: seed {first.seed}{mode})"


def _rate_text(group: Group, hunt: Hunt) -> str:
    if group.rate is None:
        return f"the hunt ended with it, which says no more of its rate than {group.interval}"
    fix = ""
    if isfinite(group.clean_runs):
        needed = round(group.clean_runs)
        fix = f"; {plural(needed, 'clean run')} {'proves' if needed == 1 else 'prove'} a fix"
    return f"{percent(group.rate)} of the runs fail so, {group.interval} with 95 % confidence{fix}"


def _modes_text(group: Group, hunt: Hunt) -> str:
    if len(group.by_mode) == len(hunt.trials.modes):
        return "in every mode"
    most = sorted(group.by_mode.items(), key=lambda item: -item[1])
    return f"only in {', '.join(f'{mode} ({count:,}x)' for mode, count in most)}"


def _group_dict(group: Group) -> dict[str, Any]:
    first = group.first
    return {
        "signature": group.signature._asdict(),
        "count": group.count,
        "first_seed": first.seed,
        "first_mode": first.mode,
        "first_run": first.number,
        "message": first.message,
        "by_mode": group.by_mode,
        "seeds": [failure.seed for failure in group.failures],
        "rate": group.rate,
        "interval": list(group.interval),
        "clean_runs": group.clean_runs if isfinite(group.clean_runs) else None,
    }


def _shrunk_dict(shrunk: Shrinking | None) -> dict[str, Any]:
    if shrunk is None:
        return {}
    facts = shrunk.repro.facts
    decisions = [decision_dict(decision) for decision in shrunk.repro.decisions]
    return {
        "shrunk": {"decisions": decisions, "runs": facts["runs"], "output": shrunk.output},
        "cause": facts["cause"],
        "steps": facts["steps"],
    }


# --- repros --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shrinking:
    """A repro that was made of a failure, and saved as ``output``."""

    repro: Repro
    output: str

    def blocks(self) -> Iterator[Block]:
        """How it fails, what it takes, and how to run it again."""
        repro = self.repro
        yield Line(cut(f"{repro.target}: {clean(str(repro.signature))}", _WIDTH), Tone.BAD)
        yield from self.told()
        if repro.facts.get("curve"):
            yield Line()
            yield Line(
                "  steps that are kept of the run, and how many fail that draw the rest anew"
            )
            yield from (Line(f"  {text}") for text in chart(repro.facts["curve"]))

    def told(self) -> Iterator[Line]:
        """What it takes, when it was decided, and how to run it again."""
        repro, facts = self.repro, self.repro.facts
        before, runs = facts["decisions_before"], facts["runs"]
        count = plural(len(repro.decisions), "decision")
        more = "" if facts["is_minimal"] else "; the runs did not suffice, there may be fewer"
        yield Line(f"  shrunk: {before:,} -> {count} in {plural(runs, 'run')}{more}")
        yield Line(f"  cause: {_cause_text(facts)}")
        for number, step in enumerate(facts["steps"][:_STEPS_MAX], 1):
            yield Line(f"  {number}. {clean(step)}")
        if len(facts["steps"]) > _STEPS_MAX:
            yield Line(f"  … and {len(facts['steps']) - _STEPS_MAX} more", Tone.QUIET)
        if facts.get("decided"):
            yield Line(f"  {clean(facts['decided'])}")
        if self.output:
            yield Line(f"  again: {command('repro', self.output)}")

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        repro = self.repro
        return {
            "target": repro.target,
            "output": self.output,
            "signature": repro.signature._asdict(),
            "seed": repro.conditions.seed,
            "decisions": [decision_dict(decision) for decision in repro.decisions],
            **repro.facts,
        }


@dataclass(frozen=True, slots=True)
class Repeated:
    """Repros that were run: the file of each, and what became of it."""

    results: Sequence[tuple[str, Repro, Verdict]]

    def blocks(self) -> Iterator[Block]:
        """A line for each, and what a stale one misses."""
        for path, repro, verdict in self.results:
            tone = _TONES[verdict.state]
            yield Line(f"{path}: {_STATES[verdict.state]}", tone)
            yield Line(f"  {repro.target}: {clean(str(repro.signature))}", Tone.QUIET, cut=True)
            if verdict.state is State.OTHER:
                yield Line(f"  now: {clean(str(verdict.signature))}", cut=True)
            for text in verdict.missing:
                yield Line(f"  finds nothing to strike: {clean(text)}")
            if verdict.state is State.FIXED and repro.facts.get("hunt"):
                yield Line(f"  prove it: {proof(repro)}")

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"repros": [_repeated_dict(*result) for result in self.results]}


_BAR_SIZE = 40
_STEPS_MAX = 12
_STATES = {
    State.FAILS: "still fails",
    State.FIXED: "fixed",
    State.STALE: "stale: it passes, but not all that made it fail happened",
    State.OTHER: "fails in another way",
}
_TONES = {
    State.FAILS: Tone.BAD,
    State.FIXED: Tone.GOOD,
    State.STALE: Tone.BAD,
    State.OTHER: Tone.BAD,
}


def chart(curve: Sequence[tuple[int, float]]) -> list[str]:
    """Shares by a number of steps, as lines with bars."""
    width = len(str(max(steps for steps, _ in curve)))
    return [
        f"{steps:>{width}}  {percent(share):>6}  {'█' * round(share * _BAR_SIZE)}".rstrip()
        for steps, share in curve
    ]


def _cause_text(facts: Mapping[str, Any]) -> str:
    cause, needs = facts["cause"], [need for need in facts["needs"] if need != facts["cause"]]
    words = f"{cause} ({' and '.join(needs)})" if needs else str(cause)
    return f"{words}; a stock loop can show it" if facts["is_legal"] and "time" in words else words


def found_by(hunt: Hunt, group: Group) -> dict[str, Any]:
    """What a repro keeps of the hunt that found it: what it takes to prove a fix."""
    if not isfinite(group.clean_runs):
        return {}
    trials = hunt.trials
    return {
        "runs": hunt.runs,
        "failures": group.count,
        "clean_runs": ceil(group.clean_runs),
        "next_seed": trials.seeds.stop,
        "modes": [mode_text(mode) for mode in trials.modes],
        "schedule": str(trials.schedule or ""),
    }


def proof(repro: Repro) -> str:
    """The hunt that, if nothing fails in it, shows with 95 % confidence that a fix is one."""
    facts = repro.facts["hunt"]
    modes, first = facts["modes"], facts["next_seed"]
    last = first + ceil(facts["clean_runs"] / max(len(modes), 1))
    words = ["--seeds", f"{first}..{last}"]
    if facts["schedule"] != "portfolio":  # which is what a hunt takes by itself
        words += ["--schedule", facts["schedule"] or "fifo"]
    shown = ["all"] if len(modes) == len(MockBehaviorMode) else modes
    words += [word for mode in shown for word in ("--mode", mode)]
    hunted = command("hunt", repro.target, *words)
    return f"{hunted}   (it was {facts['failures']:,} of {plural(facts['runs'], 'run')})"


def _repeated_dict(path: str, repro: Repro, verdict: Verdict) -> dict[str, Any]:
    now = verdict.signature
    return {
        "file": path,
        "target": repro.target,
        "state": verdict.state.value,
        "signature": repro.signature._asdict(),
        "now": now._asdict() if now else None,
        "missing": list(verdict.missing),
        "same_bytes": verdict.is_same,
    }
