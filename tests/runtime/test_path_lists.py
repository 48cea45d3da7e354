"""Lists of paths in files: what is read, what is written and what is refused."""

import os
import shlex
from pathlib import Path

import pytest

from worldmodels.commands import parser
from worldmodels.runtime import path_lists
from worldmodels.runtime.errors import UserError

MANY = [f"results/long/round-0/latents/shard-{n:03d}.zarr" for n in range(4000)]


@pytest.fixture
def listed(tmp_path) -> str:
    file = tmp_path / "paths.txt"
    file.write_text("b one.zarr\n\n@c.zarr\n")
    return f"@{file}"


# Every option and argument that takes several stores.
SEVERAL = {
    "rollouts --controller": "controller",
    "vision --checkpoint=c --rollouts": "rollouts",
    "memory --checkpoint=c --latents": "latents",
    "controller --vision=v --memory=m --checkpoint=c --latents": "latents",
    "controller --vision=v --memory=m --checkpoint=c --start": "start",
    "evaluation --vision=v --memory=m --controller": "controller",
    "evaluation --vision=v --memory=m --controller=x --latents": "latents",
    "report": "stores",
    "report s --temperatures": "temperatures",
    "report s --beside": "beside",
    "temperatures": "stores",
    "compare --out=o": "runs",
    "forecast --memory=m --latents": "latents",
    "export --controller": "controller",
    "export --controller=x --latents": "latents",
    "drive --controller": "controller",
    "dream --memory=m --latents": "latents",
    "dream --memory=m --controller": "controller",
    "play --controller": "controller",
    "play --controller=x --latents": "latents",
}


@pytest.mark.parametrize("command", SEVERAL)
def test_every_list_of_stores_may_be_a_file(command, listed):
    words = [*command.split(), "a.zarr", listed, "./@d.zarr", "--out=o"]
    found = getattr(parser().parse_args(words), SEVERAL[command])
    paths = ["a.zarr", "b one.zarr", "@c.zarr", "@d.zarr"]
    assert found == [Path(path) for path in paths]


def test_no_list_of_stores_is_left_out():
    """What takes several words is in the table above, or begins with a name."""
    actions = {}
    (commands,) = parser()._subparsers._group_actions
    for name, command in commands.choices.items():
        for action in command._actions:
            # Others are numbers, or KEY=VALUE.
            if action.nargs == "+" and action.type is None and action.dest != "config":
                actions[name, action.dest] = action
    table = {(command.split()[0], dest) for command, dest in SEVERAL.items()}
    named = {("ablations", "ablation"), ("seeds", "seed"), ("cells", "cell")}
    assert actions.keys() == table | named


def test_an_ablations_evaluations_may_be_a_file(listed):
    words = ["ablations", "--ablation", "@name", listed]
    words += ["--ablation", "z", "e.zarr", "--out=o"]
    found = parser().parse_args(words).ablation
    assert found == [["@name", "b one.zarr", "@c.zarr"], ["z", "e.zarr"]]


def test_a_seeds_stores_may_be_a_file(listed):
    words = ["seeds", "--seed", "3", listed, "--seed", "0", "e.zarr", "--out=o"]
    found = parser().parse_args(words).seed
    assert found == [["3", "b one.zarr", "@c.zarr"], ["0", "e.zarr"]]


def bad(folder: Path, kind: str) -> Path:
    path = folder / kind
    contents = {"binary": b"a\0b", "another-encoding": "é".encode("latin-1")}
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind != "missing":
        path.write_bytes(contents.get(kind, b"\n\n"))
    return path


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("missing", "does not exist"),
        ("folder", "is no file"),
        ("fifo", "is no file"),
        ("empty", "lists no path"),
        ("binary", "is no text"),
        ("another-encoding", "is no text in UTF-8"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, kind, problem):
    file = bad(tmp_path, kind)
    with pytest.raises(UserError) as refusal:
        parser().parse_args(["report", f"@{file}", "--out=o"])
    sentence = str(refusal.value)
    assert f"{file} {problem}" in sentence
    assert "\n" not in sentence


def test_a_name_that_is_none_is_refused():
    for name in ("@", "@a\0b", "@" + "n" * 5000):
        with pytest.raises(UserError, match="after @ give a file"):
            path_lists.expanded([name])


def test_few_paths_are_words(tmp_path):
    assert path_lists.words(["a b", "c"], tmp_path, keep=True) == "'a b' c"
    assert not list(tmp_path.iterdir())


def test_many_paths_are_a_file_that_reads_as_they_were(tmp_path):
    folder = tmp_path / "with a space"
    (word,) = shlex.split(path_lists.words(MANY, folder, keep=True))
    assert path_lists.expanded([word]) == MANY
    (file,) = folder.iterdir()  # and nothing half written beside it
    before = file.stat()
    assert path_lists.words(MANY, folder, keep=True) == shlex.quote(word)
    assert file.stat() == before


def test_another_list_is_another_file_and_words_alone_are_none(tmp_path):
    some = {
        path_lists.words(paths, tmp_path, keep=False) for paths in (MANY, MANY[:-1])
    }
    assert len(some) == 2
    assert not list(tmp_path.iterdir())
    assert all(len(word) < 200 for word in some)
