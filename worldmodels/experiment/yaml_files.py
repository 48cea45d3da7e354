"""Strict reading of YAML: each refusal is one sentence.

A key that is given twice is refused, where YAML readers silently take the last value.
Files that are no configuration are refused too: a pipe, a large file, aliases that
multiply each other. Anchors, aliases and merge keys (`<<`) work as usual. No JAX is
imported here: the Snakefile reads it.
"""

import stat
from pathlib import Path
from typing import Any

import yaml

from worldmodels.runtime.errors import UserError

# The most of a file; a configuration has 6 kB, 100 values and three levels.
_BYTES = 2**18
_VALUES = 20_000
_LEVELS = 30


def read(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        UserError: naming the file, when it cannot be read or holds no mapping.
    """
    found = parse(_text(path), str(path))
    if not isinstance(found, dict):
        raise UserError(
            f"{path} holds no settings; give a YAML file of keys and values, as "
            "config.yaml is one"
        )
    return found


def parse(text: str, where: str) -> Any:
    """Return the value of a YAML text.

    Args:
        where: the name of the text in messages.

    Raises:
        UserError: naming the place, when the text is no YAML or too large, or when a
            key is given twice.
    """
    try:
        loader = _Loader(text)
        loader.where = where
        return loader.get_single_data()
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise UserError(
            f"{where} holds the character U+{ord(text[error.position]):04X} in line "
            f"{line}, which YAML does not allow; remove it, or save it as plain text"
        ) from None
    except yaml.MarkedYAMLError as error:
        raise UserError(_sentence(error, where)) from None


class _Loader(yaml.SafeLoader):
    """Builds plain values only, after the whole document was inspected."""

    where = ""

    def get_single_data(self) -> Any:
        node = self.get_single_node()
        if node is None:
            return None
        _Inspection(self.where).weigh(node, "")
        return self.construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
            str(value)  # fails for numbers of thousands of hexadecimal digits
            return value
        except (UserError, yaml.YAMLError):
            raise
        except Exception:  # its kind depends on the value, such as 2024-13-45
            raise UserError(
                f"{self.where}, line {_line(node.start_mark)}: "
                f"{str(node.value)[:40]!r} cannot be read as a value; put it in quotes "
                "if it is text"
            ) from None

    def compose_node(self, parent: yaml.Node, index: Any) -> yaml.Node:
        self._depth = getattr(self, "_depth", 0) + 1
        if self._depth > _LEVELS:
            raise UserError(_too_deep(self.where, self.peek_event().start_mark))
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _Inspection:
    """Counts the values and levels of a document with its aliases written out."""

    def __init__(self, where: str):
        self._where = where
        self._known: dict[int, tuple[int, int] | None] = {}  # values, levels by node

    def weigh(self, node: yaml.Node, name: str) -> tuple[int, int]:
        """Return the numbers of values and of levels below the node called `name`.

        Raises:
            UserError: when a key is given twice, or when the numbers are too large.
        """
        if id(node) not in self._known:
            self._known[id(node)] = None  # until all that it contains is counted
            self._known[id(node)] = self._weigh(node, name)
        known = self._known[id(node)]
        if known is None:
            raise UserError(
                f"{self._where}, line {_line(node.start_mark)}: an anchor holds an "
                "alias of itself; write its values out"
            )
        return known

    def _weigh(self, node: yaml.Node, name: str) -> tuple[int, int]:
        values, levels = 1, 0
        for label, child in self._children(node, name):
            more, deeper = self.weigh(child, label)
            values, levels = values + more, max(levels, deeper + 1)
        if levels > _LEVELS:
            raise UserError(_too_deep(self._where, node.start_mark))
        if values > _VALUES:
            raise UserError(
                f"{self._where}, line {_line(node.start_mark)}: its aliases make more "
                f"than {_VALUES} values; a configuration has some hundred"
            )
        return values, levels

    def _children(self, node: yaml.Node, name: str) -> list[tuple[str, yaml.Node]]:
        if isinstance(node, yaml.SequenceNode):
            return [(f"{name}[{n}]", child) for n, child in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return []
        self._refuse_twins(node, name)
        return [
            (f"{name}.{key.value}".removeprefix("."), value)
            for key, value in node.value
        ]

    def _refuse_twins(self, node: yaml.MappingNode, name: str) -> None:
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(
                    f"{self._where}, line {_line(key.start_mark)}: a key must be a "
                    "word, not a list or a mapping"
                )
            line, word = _line(key.start_mark), (key.tag, key.value)
            if word in lines:
                whole = f"{name}.{key.value}".removeprefix(".")
                places = f"in line {lines[word]} and in line {line}"
                if lines[word] == line:
                    places = f"in line {line}"
                raise UserError(
                    f"{self._where}: {whole} is given twice, {places}; keep one of them"
                )
            lines[word] = line


def _line(mark: yaml.Mark) -> int:
    return mark.line + 1


def _too_deep(where: str, mark: yaml.Mark) -> str:
    return (
        f"{where}, line {_line(mark)}: more than {_LEVELS} levels lie in one another; "
        "a configuration has three"
    )


def _sentence(error: yaml.MarkedYAMLError, where: str) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {_line(mark)}, column {mark.column + 1}: " if mark else ""
    problem = " ".join((error.problem or str(error)).split())
    hint = "indent with spaces, not with tabs" if "'\\t'" in problem else "mend it"
    return f"{where} is no valid YAML ({place}{problem}); {hint}"


def _text(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"{path} is a folder; give a YAML file")
        if not stat.S_ISREG(mode):
            # Snakemake reads it, this module does, and each job of a cluster does.
            raise UserError(
                f"{path} is no plain file, which can be read more than once; write the "
                "settings into one"
            )
        with path.open("rb") as file:
            content = file.read(_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"{path} cannot be read ({reason})") from None
    except ValueError:  # a NUL in its name
        raise UserError(f"{str(path)!r} is no file's name") from None
    if len(content) > _BYTES:
        raise UserError(
            f"{path} has more than {_BYTES} bytes; a configuration has some thousand"
        )
    return _decoded(content, path)


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path} is not UTF-8: byte 0x{content[error.start]:02x} in line {line}; "
            "save it as UTF-8"
        ) from None
