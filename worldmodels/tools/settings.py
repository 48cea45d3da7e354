"""Tool settings: print config.yaml or its JSON schema, anew from the settings."""

from worldmodels.experiment import config_file


def run(*, schema: bool = False) -> None:
    """Print config.yaml, or its JSON schema, as the repository holds them."""
    print(config_file.schema() if schema else config_file.text(), end="")
