"""What a study is, and how its steps are given their settings.

A study has one section of settings. A step is given those that it uses and no others,
so a change of one makes again exactly what depends on it. No JAX is imported here: the
Snakefile reads it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from worldmodels.experiment.config_file import described, written
from worldmodels.experiment.overlays import laid_over
from worldmodels.experiment.section import Section, facts, read, setting
from worldmodels.experiment.stage_settings import nested, parsed
from worldmodels.experiment.values import Folder
from worldmodels.runtime.errors import UserError

RESULTS = "results/studies/{study}/{variant}"


class StudySettings(Section):
    """What the settings of every study have."""

    variant: Folder = "laptop"  # the folder below the study's that holds its stores
    dtype: Literal["float32", "float64"] = setting(
        "float32",
        "type of the numbers that learn; float64 is for debugging",
        before="float32",
    )
    debug: bool = setting(
        False, "store the gradient norm of every parameter", before=False
    )


class Step(NamedTuple):
    """One command of a study: its module in the study's package has a `run`.

    Attributes:
        summary: what it does, for the help of the command line.
        version: of its result, raised by hand with its code.
        uses: the settings that may change its result.
        arguments: its options beside the settings, --out and --log, as in
            `worldmodels.arguments.FILES`.
    """

    summary: str
    version: int
    uses: tuple[str, ...]
    arguments: Mapping[str, Mapping[str, Any]] = {}


class Study(NamedTuple):
    """One study.

    Attributes:
        name: of its package, its rules' file, its page and its folder of results.
        summary: its question.
        settings: the class of its settings.
        steps: by the names of their modules.
    """

    name: str
    summary: str
    settings: type[StudySettings]
    steps: Mapping[str, Step]

    def kind(self, step: str) -> str:
        """Return the kind of the stores that a step makes."""
        return f"{self.name}_{step}"

    def load(self, values: Mapping[str, Any]) -> StudySettings:
        """Return the settings of a configuration's `studies: {name: values}`.

        Raises:
            UserError: for an unknown key, a wrong type or an impossible value.
        """
        return read(self.settings, values, f"studies.{self.name}.")

    def results(self, settings: StudySettings) -> str:
        """Return the folder of all that the study makes with these settings."""
        return RESULTS.format(study=self.name, variant=settings.variant)

    def used(self, step: str, settings: StudySettings) -> dict[str, Any]:
        """Return the settings that a step uses, JSON values by name.

        One that is as it was before there was this setting is left out, so that stores
        of that time are still of these settings.
        """
        values = settings.model_dump(mode="json")
        return {
            name: values[name]
            for name in self.steps[step].uses
            if values[name] != facts(self.settings.model_fields[name]).get("before")
        }

    def as_json(self, step: str, settings: StudySettings) -> str:
        """Return the settings that a step uses, as a rule passes them."""
        return json.dumps(self.used(step, settings))

    def from_words(
        self, step: str, given: str | None, entries: Iterable[str]
    ) -> StudySettings:
        """Return the settings of a step, of --settings JSON and of --set KEY=VALUE.

        Raises:
            UserError: when one is not used by the step, of the wrong type or
                impossible.
        """
        values = {} if given is None else parsed(given)
        for entry in entries:
            values = laid_over(values, nested(entry))
        uses = self.steps[step].uses
        for name, value in values.items():
            if name not in uses:
                raise UserError(
                    f"{name} (here {value!r}) is not a setting that {self.name} {step} "
                    f"uses; those are {', '.join(uses) or 'none'}"
                )
        return read(self.settings, values)

    def listed(self, step: str) -> str:
        """Return the settings of a step with their defaults, one a line."""
        fields = {
            name: self.settings.model_fields[name] for name in self.steps[step].uses
        }
        return "\n".join(
            f"  {name}={written(field.get_default(call_default_factory=True))}"
            f"  {described(field)}"
            for name, field in fields.items()
        )
