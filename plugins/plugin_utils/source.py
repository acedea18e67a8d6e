# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A YAML file as a person wrote it: its data, and the line of every part of it.

Why not `yaml.safe_load`: it guesses types from YAML 1.1 (`no` is False, `22:30` is 1350, `1.10` is 1.1, `0800` is text
but `0700` is 448), keeps the last of two equal keys and forgets the lines. Here a plain scalar that could be more than
text stays a `Plain` until the schema says what it is; libyaml does the parsing, so it is also several times faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, Severity
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import AMBIGUOUS, Plain, Vaulted, natural, texts

try:
    from yaml._yaml import CParser as _Parser
except ImportError:  # PyYAML built without libyaml: slower, the same result
    _Parser = None  # type: ignore[assignment, misc]

__all__ = ["Plain", "Source", "Vaulted", "dotted", "load", "natural", "parse", "texts"]
MAX_DEPTH = 100
MAX_SUSPECTS = 2_000  # signs that could open a level
MAX_NODES = 1_000_000  # after aliases are followed: a few lines of them can stand for billions of values
_STRUCTURE = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_TEXT_TAGS = ("tag:yaml.org,2002:str", "!unsafe")
_SUSPECT = frozenset("0123456789+-.~nNyYtTfFoO")

Path_ = tuple[str | int, ...]


class _Bad(Exception):
    """The file cannot be read as data at all."""

    def __init__(self, line: int, message: str, allowed: str = ""):
        self.problem = (line, message, allowed)
        super().__init__(message)


@dataclass
class Source:
    """One file. `tree` holds `Plain` scalars as written, `data` natural types, `problems` the faults of its YAML."""

    file: str
    tree: Any = None
    problems: list[Problem] = field(default_factory=list)
    node: yaml.Node | None = field(default=None, repr=False)

    @cached_property
    def data(self) -> Any:
        """The content in natural types (see Plain.natural); Vaulted values stay."""
        return natural(self.tree)

    def line(self, path: Path_ = ()) -> int:
        """The line (from 1) of this part, or of the nearest part around it; 0 where there is no data at all."""
        found, node = (self.node.start_mark.line + 1 if self.node else 0), self.node
        for part in path:
            step = _child(node, part)
            if step is None:
                break
            found, node = step
        return found

    def problem(
        self,
        path: Path_,
        message: str,
        found: str = "",
        allowed: str = "",
        severity: Severity = "error",
        remedy: str = "",
    ) -> Problem:
        """A problem of this part of the file, with its line."""
        return Problem(self.file, self.line(path), dotted(path), message, found, allowed, severity, remedy)


def load(path: Path | str) -> Source:
    """Read one YAML file. Never raises for what is in it: syntax errors and duplicate keys are `problems`."""
    file = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Source(file, problems=[Problem(file, 0, "", f"cannot be read: {error.strerror}")])
    except UnicodeDecodeError as error:
        return Source(
            file,
            problems=[Problem(file, error.object.count(b"\n", 0, error.start) + 1, "", "not UTF-8 text", allowed="UTF-8")],
        )
    return parse(text, file)


def parse(text: str, file: str) -> Source:
    """The same for text that has been read already; `file` is only what problems name."""
    result = Source(file)
    try:
        result.node = _compose(text)
        if result.node is not None:
            result.tree = _Builder(result).build(result.node, ())
    except _Bad as bad:
        line, message, allowed = bad.problem
        result.problems.append(Problem(file, line, "", message, allowed=allowed))
        result.tree = result.node = None
    return result


if _Parser is not None:

    class _Loader(_Parser):
        """Composes nodes in C. Untagged nodes get no tag: what a scalar is, is decided by the schema, not here."""

        def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
            return ""

        def descend_resolver(self, parent: Any, index: Any) -> None: ...

        def ascend_resolver(self) -> None: ...

else:
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Loader(Reader, Scanner, Parser, Composer):  # type: ignore[no-redef] # where libyaml is missing
        def __init__(self, stream: Any):
            for base in (Scanner, Parser, Composer):
                base.__init__(self)
            Reader.__init__(self, stream)

        def resolve(self, kind: type[yaml.Node], value: str, implicit: Any) -> str:
            return ""

        def descend_resolver(self, parent: Any, index: Any) -> None: ...

        def ascend_resolver(self) -> None: ...


def _refuse_depth(text: str) -> None:
    """libyaml's composer recurses on the C stack and takes the whole process with it, so look before it does."""
    if len(text) < 500_000 and sum(map(text.count, ("[", "{", "- ", "? "))) < MAX_SUSPECTS:
        return  # cannot be deep: costs nothing for an ordinary file
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):  # type: ignore[arg-type]  # parses, need not construct
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _Bad(
                text.count("\n", 0, event.start_mark.index) + 1 if event.start_mark else 1,
                "nested too deeply",
                allowed=f"{MAX_DEPTH} levels",
            )


def _said(error: yaml.MarkedYAMLError) -> str:
    if "single document" in str(error.context):
        return "only one document is allowed in a file"
    if "nesting depth" in str(error.problem):  # newer versions of libyaml count themselves
        return "nested too deeply"
    return f"not YAML: {error.problem or error.context}"


def _compose(text: str) -> yaml.Node | None:
    loader = None
    try:
        _refuse_depth(text)
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
        return node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Bad(mark.line + 1 if mark else 1, _said(error)) from None
    except yaml.YAMLError as error:  # characters YAML does not allow
        line = text.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        raise _Bad(line, f"not YAML: {getattr(error, 'reason', None) or error}") from None
    except RecursionError:
        raise _Bad(1, "nested too deeply") from None
    finally:
        if loader is not None:
            loader.dispose()


class _Builder:
    """Nodes to plain data: aliases followed, `<<` merged, keys as text."""

    def __init__(self, source: Source):
        self.source = source
        self.left = MAX_NODES
        self.open: set[int] = set()

    def build(self, node: yaml.Node, path: Path_) -> Any:
        if type(node) is yaml.ScalarNode:
            return self.scalar(node, path)
        self.left -= len(node.value) + 1
        if self.left < 0 or id(node) in self.open or len(path) > MAX_DEPTH:
            raise _Bad(node.start_mark.line + 1, "too much data or nested in itself (aliases)")
        if node.tag and node.tag not in _STRUCTURE:
            self.problem(node, path, "tag is not known here", node.tag, "!vault, !unsafe")
        self.open.add(id(node))
        value = self.mapping(node, path) if type(node) is yaml.MappingNode else [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        self.open.discard(id(node))
        return value

    def scalar(self, node: yaml.ScalarNode, path: Path_) -> str:
        value, tag = node.value, node.tag
        if tag:
            if tag in ("!vault", "!vault-encrypted"):
                return Vaulted(value)
            if tag not in _TEXT_TAGS and not (tag.startswith("tag:yaml.org,2002:") and AMBIGUOUS.fullmatch(value)):
                self.problem(node, path, "tag is not known here", tag, "!vault, !unsafe")
            return str(value) if tag in _TEXT_TAGS else Plain(value)
        if not value:
            return value if node.style else Plain(value)
        if value[0] in _SUSPECT and not node.style and AMBIGUOUS.fullmatch(value):
            return Plain(value)
        return value  # type: ignore[no-any-return] # as given

    def mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value
            if type(key) is not yaml.ScalarNode:
                self.problem(key, path, "a key must be a word, not a list or mapping")
            elif name == "<<" and not key.style:
                for base in self.merge(value, path):
                    merged = {**base, **merged}
            elif name in result:
                self.problem(key, (*path, name), "key stands twice", name, "each key once")
            else:
                result[name] = self.build(value, (*path, name))
        return {**merged, **result} if merged else result

    def merge(self, node: yaml.Node, path: Path_) -> Iterator[dict[str, Any]]:
        for item in node.value if type(node) is yaml.SequenceNode else [node]:
            if type(item) is yaml.MappingNode:
                yield self.build(item, path)
            else:
                self.problem(item, path, "only a mapping can be merged with <<")

    def problem(self, node: yaml.Node, path: Path_, message: str, found: str = "", allowed: str = "") -> None:
        self.source.problems.append(Problem(self.source.file, node.start_mark.line + 1, dotted(path), message, found, allowed))


def dotted(path: Path_) -> str:
    """`hosts[0].name`, the form every message uses."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == part:
            return key.start_mark.line + 1, value
    bases = (b for k, v in node.value if k.value == "<<" for b in (v.value if isinstance(v, yaml.SequenceNode) else [v]))
    return next((found for base in bases if (found := _child(base, part))), None)
