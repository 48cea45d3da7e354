"""YAML that is refused: one sentence with the file, the place and what to do."""

import os

import pytest

from worldmodels.experiment.yaml_files import parse, read
from worldmodels.runtime.errors import UserError


def refusal(action, *arguments) -> str:
    with pytest.raises(UserError) as raised:
        action(*arguments)
    sentence = str(raised.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("seed: 1\ndebug: true\nseed: 2\n", ["seed is given", "line 1", "line 3"]),
        ("vision:\n  epochs: 1\nvision:\n  batch_size: 2\n", ["vision", "line 3"]),
        ("vision:\n  epochs: 1\n  'epochs': 1\n", ["vision.epochs", "line 2", "3"]),
        (
            "vision: {epochs: 1, epochs: 2}",
            ["vision.epochs is given twice, in line 1; keep"],
        ),
        ("rounds:\n- {}\n- memory:\n    a: 1\n    a: 2", ["rounds[1].memory.a", "5"]),
        ("a: &x {b: 1, b: 2}\nc: *x", ["a.b is given twice"]),
    ],
)
def test_a_key_given_twice_is_named_with_both_lines(text, parts):
    sentence = refusal(parse, text, "mine.yaml")
    for part in ["mine.yaml", *parts]:
        assert part in sentence


def test_anchors_and_merge_keys_work_as_ever():
    text = "a: &a {x: 1, y: [1, on]}\nb: {<<: *a, x: 2}\nc: *a\n"
    a = {"x": 1, "y": [1, True]}
    assert parse(text, "mine.yaml") == {"a": a, "b": {"x": 2, "y": [1, True]}, "c": a}


ALIASES = "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))
MERGES = "\n".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 28))
CHAIN = "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))
GIANTS = {
    "aliases": (f"a0: &a0 [1]\n{ALIASES}", "aliases make more than"),
    "merge keys": (f"a0: &a0 {{x: 1}}\n{MERGES}", "aliases make more than"),
    "a chain": (f"a0: &a0 [1]\n{CHAIN}", "levels"),
    "depth": ("a: " + "[" * 5000, "levels"),
    "itself": ("a: &a [*a]", "alias of itself"),
    "a long number": ("a: 0x" + "f" * 9000, "cannot be read"),
}


@pytest.mark.parametrize("name", GIANTS)
def test_what_grows_without_bounds_is_refused(name):
    """Written out, the first would not end: they have up to 2^60 values."""
    text, part = GIANTS[name]
    sentence = refusal(parse, text, "mine.yaml")
    assert part in sentence
    assert "mine.yaml" in sentence
    assert len(sentence) < 250


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"vision:\n\tepochs: 1\n", ["line 2", "spaces, not with tabs"]),
        ("größe: 1".encode("latin-1"), ["not UTF-8", "0xf6 in line 1", "save it"]),
        ("seed: 1".encode("utf-16"), ["not UTF-8"]),
        (b"seed: 1\nx: a\0b\n", ["U+0000 in line 2"]),
        (b"seed: [1\n", ["no valid YAML", "line 2"]),
        (b"when: 2024-13-45\n", ["line 1", "'2024-13-45'", "in quotes"]),
        (b"x: !!python/object/apply:os.system [ls]", ["no valid YAML", "python"]),
        (b"[1]: 2\n", ["a key must be a word"]),
        (b"# nothing\n", ["holds no settings"]),
        (b"- 1\n", ["holds no settings"]),
        (b"#" * 300_000, ["more than 262144 bytes"]),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, parts):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    sentence = refusal(read, path)
    for part in [str(path), *parts]:
        assert part in sentence


def test_what_is_no_file_is_named(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert f"{tmp_path} is a folder" in refusal(read, tmp_path)
    assert f"{pipe} is no plain file" in refusal(read, pipe)
    missing = tmp_path / "missing.yaml"
    assert f"{missing} cannot be read (no such file" in refusal(read, missing)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes("seed: 1\n".encode("utf-8-sig"))
    assert read(path) == {"seed": 1}
