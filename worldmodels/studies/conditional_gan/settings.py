"""The settings of the study. No JAX is imported here: the Snakefile reads it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from worldmodels.experiment.bounds import BATCH, MAX_WIDTH, PASSES, RATE, WIDTH
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number, Seeds, list_of
from worldmodels.studies.conditional_gan.data_settings import Data, Judge
from worldmodels.studies.study import StudySettings

MAIN = "main"  # the model of the settings as they are
# The other models by name: what each changes of them.
ABLATIONS: dict[str, dict[str, Any]] = {
    "concat": {"labels": "concat"},
    "projection": {"labels": "projection"},
    "unnormalised": {"spectral": False},
}
MODELS = (MAIN, *ABLATIONS)

_Channels = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
_SHARE = {"low": 0.0, "high": 0.95}


class Network(Section):
    """The generator and the discriminator."""

    labels: Literal["projection", "concat"] = setting(
        "projection",
        "how labels enter: D's score has a term yEf of its features f and G's batch "
        "norms follow y, or y is appended to what both are given",
    )
    spectral: bool = setting(
        True, "whether D's weights are divided by their largest singular value"
    )
    latent_size: int = setting(128, "of z", unit="numbers", **WIDTH)
    generator: list_of(_Channels) = setting(
        (12, 24, 48, 96), "of G at full size, at half of it and so on", unit="channels"
    )
    discriminator: list_of(_Channels) = setting(
        (24, 48, 96), "of D at half of the size, at a quarter and so on",
        unit="channels",
    )  # fmt: skip
    full_size: int = setting(
        0, "of D's layer of 3x3 at full size; 0: there is none", unit="channels",
        low=0, high=MAX_WIDTH,
    )  # fmt: skip
    upsampling: Literal["smooth", "free"] = setting(
        "smooth", "G's kernels that enlarge: 3x3 on doubled pixels; free: 4x4"
    )
    batch_spread: bool = setting(
        True, "whether D's last layer is given how much the pictures of a batch differ"
    )
    layers_3x3: bool = setting(
        False, "whether D has a 3x3 layer after each that halves the size"
    )
    norm_per_unit: bool = setting(
        False, "whether G's first batch norm has a gain for each unit, not each channel"
    )
    input_noise: Number = setting(
        0.0, "standard deviation of the noise on D's pictures", low=0.0, high=10.0
    )
    dropout: Number = setting(0.0, "of D's last features", unit="share", **_SHARE)

    @model_validator(mode="after")
    def _as_deep(self) -> "Network":
        halvings = len(self.discriminator)
        if halvings < 1 or len(self.generator) != halvings + 1:
            raise ValueError(
                "its generator must list one size more than its discriminator, which "
                "halves pictures as often as the generator doubles them, at least once"
            )
        return self


class Learning(Section):
    """How the two networks learn."""

    loss: Literal["hinge", "cross_entropy"] = setting("hinge", "of both networks")
    lowest_target: Number = setting(
        1.0, "of real pictures in the cross-entropy; drawn from there to 1",
        low=0.5, high=1.0,
    )  # fmt: skip
    updates: int = setting(
        12_000, "of each network", unit="updates", **PASSES | {"low": 1}
    )
    batch_size: int = setting(32, "real, and as many drawn", unit="pictures", **BATCH)
    generator_rate: Number = setting(2e-4, "of G's Adam", **RATE)
    discriminator_rate: Number = setting(4e-4, "of D's Adam", **RATE)
    momentum: Number = setting(
        0.5, "of the gradient, in Adam", unit="share", low=0.0, high=0.999
    )
    average: Number = setting(
        0.999, "that G's average keeps at an update", unit="share", low=0.0, high=1.0
    )


class ConditionalGAN(StudySettings):
    """Of the whole study."""

    seed: int = setting(0, "of the pictures and the judge", low=0, high=2**16 - 1)
    seeds: Seeds = setting((0,), "of the trainings of each model", unit="seeds")
    ablations: Literal["", "concat unnormalised", "projection unnormalised"] = setting(
        "",
        "models that learn, too, in as many updates: each with one thing of the "
        "network changed",
    )
    data: Data = group(Data)
    judge: Judge = group(Judge)
    network: Network = group(Network)
    learning: Learning = group(Learning)

    @model_validator(mode="after")
    def _changing(self) -> "ConditionalGAN":
        for name in self.ablations.split():
            if network_of(self.network, name) == self.network:
                raise ValueError(
                    f"its ablation {name} changes nothing of its network; give other "
                    "ablations, or none"
                )
        return self


def models(settings: ConditionalGAN) -> list[str]:
    """Return the names of the models that learn."""
    return [MAIN, *settings.ablations.split()]


def network_of(network: Network, model: str) -> Network:
    """Return the network of a model: an ablation changes one thing of it."""
    return network.changed(**ABLATIONS.get(model, {}))


def of_training(values: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return the settings of a model's training, of all by name, as JSON values."""
    network = network_of(Network(**values["network"]), model)
    return {**values, "network": network.model_dump(mode="json"), "model": model}
