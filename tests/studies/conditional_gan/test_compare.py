"""The page and the tables, of stores with made-up numbers."""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.studies.conditional_gan import (
    compare,
    faces,
    filming,
    findings,
    networks,
    scored,
    table,
)
from worldmodels.studies.conditional_gan.data_settings import Data
from worldmodels.studies.conditional_gan.findings import Found, Judged
from worldmodels.studies.conditional_gan.metrics import Told
from worldmodels.studies.conditional_gan.scored import Beside, Copies, Scored, Sliced
from worldmodels.studies.conditional_gan.settings import Network, network_of
from worldmodels.studies.conditional_gan.source import Pictures

JUDGED = Judged(np.full(5, 0.99), 0.94)
NETWORK = Network(latent_size=3, generator=[2, 3], discriminator=[3])


def scores(all_five: float = 0.8, frechet: float = 20.0) -> Scored:
    """Measures of a G: each label is right in 0.96, all five are in `all_five`."""
    told = Told(np.full(5, 0.96), all_five, np.full(5, 0.5), 0.04)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 3, 16, 16, 3), dtype=np.uint8)
    return Scored(
        told, told, Beside(frechet, 3.0), Beside(0.95, 1.0), Beside(1.8, 2.0),
        Sliced(np.array([16]), np.array([0.05]), np.array([0.01])),
        Copies(Beside(20.0, 21.0), *pictures),
    )  # fmt: skip


def found_of(score: Scored) -> Found:
    """One training of the study's faces with these measures."""
    return Found(
        "main", "projection", "hinge", True, (0,), (), (score,), faces.NAMES, 6, 4,
        {"generator": 1, "discriminator": 1}, 0.9, 1.0,
    )  # fmt: skip


class Stores:
    """Stores of all steps below a folder."""

    def __init__(self, folder: Path, pictures: Path):
        self.folder, self.pictures = folder, Pictures(pictures)

    def training(
        self, model: str, seed: int, shown: bool = False, **changes
    ) -> Artifact:
        """A training of six updates; `changes` of its learning.

        Args:
            shown: whether the store has what the page alone shows.
        """
        shapes = networks.Shapes(network_of(NETWORK, model), 16, 16, 5)
        rng = np.random.default_rng(seed)
        params = networks.initial(shapes, rng)
        config = {
            "network": shapes.network.model_dump(mode="json"), "model": model,
            "learning": {"loss": "hinge", "updates": 6, "batch_size": 4, **changes},
            "seed": seed, "names": list(self.pictures.names), "height": 16, "width": 16,
        }  # fmt: skip
        path = self.folder / f"{model}-{seed}.zarr"
        with publication.create(
            path, "conditional_gan_train", config=config, stage_version=1,
            inputs={"pictures": self.pictures.store},
        ) as store:  # fmt: skip
            for number, (name, layer) in enumerate(params["discriminator"].items()):
                store.tree(f"params/discriminator/{name}", layer)
                store.write(f"norm/{name}", np.float32(2))
                store.write(f"estimate/{name}", np.float32(1.9 - 0.1 * (number == 1)))
            if shown:
                self._fill(store, params, rng)
        return open_artifact(path)

    def _fill(self, store, params, rng) -> None:
        store.tree("average", params["generator"])
        for name, layer in params["generator"].items():
            if name.endswith("norm"):
                size = layer["gain"].shape
                store.write(f"statistics/{name}/mean", np.zeros(size, np.float32))
                store.write(f"statistics/{name}/variance", np.ones(size, np.float32))
        layers = [f"sigma.{name}" for name in params["discriminator"]]
        metrics = "loss", "generator_loss", "score_real", "score_drawn", "grad_norm"
        for name in (*metrics, *layers):
            store.write(f"history/{name}", rng.random(6).astype(np.float32) + 0.1)
        film = rng.integers(0, 256, (6, 2, 8, 16, 16, 3), dtype=np.uint8)
        store.write("film/pictures", film)
        store.write("film/labels", self.pictures.labels(np.arange(2)))
        store.write("film/update", filming.times(6, 1))

    def score(self, training: Artifact, found: Scored, drawn: int = 64) -> Artifact:
        config = {"seed": 0, "judge": {"drawn": drawn}}
        path = training.path.with_name(f"score-{training.path.name}")
        with publication.create(
            path, "conditional_gan_score", config=config, stage_version=1,
            inputs={"training": training, "judge": self.judge},
        ) as store:  # fmt: skip
            scored.write(store, found)
        return open_artifact(path)

    @cached_property
    def judge(self) -> Artifact:
        return self.judge_of(0)

    def judge_of(self, seed: int) -> Artifact:
        path = self.folder / f"judge-{seed}.zarr"
        with publication.create(
            path, "conditional_gan_judge", config={"seed": seed}, stage_version=1,
            inputs={"pictures": self.pictures.store},
        ) as store:  # fmt: skip
            store.write("held_out/accuracy", JUDGED.each)
            store.write("held_out/all", np.float64(JUDGED.all))
        return open_artifact(path)


@pytest.fixture
def stores(tmp_path, packed):
    return Stores(tmp_path, packed)


def test_models_are_read_in_the_order_of_the_settings(stores):
    trainings = [stores.training(model, 0) for model in ("concat", "main")]
    given = [
        stores.score(store, scores(all_five))
        for store, all_five in zip(trainings, (0.3, 0.7), strict=True)
    ]
    main, concat = findings.read(trainings, given)
    assert (main.model, main.seeds, concat.labels) == ("main", (0,), "concat")
    assert main.each("gan_test")[-1].mean == pytest.approx(0.7)
    assert main.sigma == pytest.approx(0.9)
    with pytest.raises(UserError, match=r"no score of .*main-0\.zarr is given"):
        findings.read(trainings, given[:1])


@pytest.mark.slow
def test_models_are_read_with_the_means_of_their_seeds(stores):
    trainings = [
        stores.training(model, seed) for model in ("concat", "main") for seed in (1, 0)
    ]
    values = iter([0.3, 0.5, 0.7, 0.9])
    given = [stores.score(store, scores(next(values))) for store in trainings]
    main, concat = findings.read(trainings, given)
    assert main.seeds == (0, 1)
    assert main.each("gan_test")[-1].mean == pytest.approx(0.8)
    assert concat.each("gan_test")[-1].mean == pytest.approx(0.4)
    with pytest.raises(UserError, match=r"main has the seeds \[0, 1\] and concat"):
        findings.read(trainings[1:], given[1:])
    longer = stores.training("main", 2, updates=7)
    with pytest.raises(UserError, match="learning"):
        findings.read([*trainings, longer], [*given, stores.score(longer, scores())])
    fewer = stores.score(trainings[0], scores(), drawn=65)
    with pytest.raises(UserError, match=r"judge {'drawn': 65} and .* the same judge"):
        findings.read(trainings, [fewer, *given[1:]])


def test_scores_of_another_judge_are_refused(stores, packed, tmp_path):
    training = stores.training("main", 0)
    with pytest.raises(UserError, match=r"score-main-0\.zarr .*judge-1\.zarr"):
        compare.run(
            settings=compare.STUDY.load({}), pictures=packed,
            judge=stores.judge_of(1).path, trainings=[training.path],
            scores=[stores.score(training, scores()).path],
            out=tmp_path / "index.html", log=None,
        )  # fmt: skip
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(
    ("all_five", "frechet", "missed"),
    [
        (0.8, 20.0, {"Black_Hair", "Blond_Hair"}),
        (0.7, 40.0, {"Black_Hair", "Blond_Hair", "all labels at once",
                     "Frechet distance"}),
    ],
)  # fmt: skip
def test_floors_stand_beside_what_is_measured(all_five, frechet, missed):
    bars = findings.bars(found_of(scores(all_five, frechet)), JUDGED)
    assert {bar.name for bar in bars if not bar.reached(bar.floor)} == missed
    rows = {row[0]: row[1:] for row in table.floors(bars)}
    assert rows["Smiling"] == ("0.960", "at least 0.85", "met", "at least 0.95", "met")
    assert rows["diversity, pixels"][0] == "0.900"
    word = "met" if frechet < 35 else "missed"
    assert rows["Frechet distance"][1:3] == ("at most 35", word)


def test_floors_are_of_the_studys_own_faces_alone():
    found = found_of(scores())
    assert findings.has_bars(Data(), found)
    assert not findings.has_bars(Data(folder="celeba"), found)
    assert not findings.has_bars(Data(size=[64, 64]), found)


@pytest.mark.slow
def test_the_page_has_all_pictures_and_tables(stores, tmp_path, capsys, packed):
    trainings = [
        stores.training(model, 0, shown=True) for model in ("main", "unnormalised")
    ]
    given = [stores.score(store, scores()) for store in trainings]
    out = tmp_path / "page" / "index.html"
    compare.run(
        settings=compare.STUDY.load({}), pictures=packed, judge=stores.judge.path,
        trainings=[store.path for store in trainings],
        scores=[store.path for store in given], out=out, log=None,
    )  # fmt: skip
    page, text = out.read_text(), out.with_name("table.txt").read_text()
    assert page.count("<figure>") == 8
    assert page.count("data:image/gif") == 1
    assert "Missed floors: Black_Hair, Blond_Hair." in page
    assert capsys.readouterr().out == text
    assert "projection, hinge, not normalised" in text
    data = json.loads(out.with_name("table.json").read_text())
    assert [one["model"] for one in data["models"]] == ["main", "unnormalised"]
    assert data["models"][0]["trainings"][0]["frechet"] == {"drawn": 20.0, "real": 3.0}
