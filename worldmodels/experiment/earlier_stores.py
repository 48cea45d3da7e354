"""What stores of earlier versions record otherwise, or do not record."""

from collections.abc import Mapping
from typing import Any

# Settings that they do not record, and what was done then. A setting is listed here
# when it is added without a change of what its default does.
EARLIER: Mapping[str, Any] = {"death": "drawn"}

# Rollouts and evaluations before version 3 of their stages call the policy
# `held_uniform` "held". Since then "held" is the released code's.
_RENAMED = {"held": "held_uniform"}


def rollouts_policy(config: Mapping[str, Any]) -> str:
    """Return the random policy that drove rollouts of these settings, by its name now.

    The settings alone tell: rollouts of stage version 3 record `min_steps` too.
    """
    policy = config["policy"]
    return policy if "min_steps" in config else _RENAMED.get(policy, policy)


def evaluation_policy(attributes: Mapping[str, Any]) -> str:
    """Return the random policy of an evaluation store, by its name now.

    Args:
        attributes: of the store.
    """
    policy = attributes["config"]["random_policy"]
    return policy if attributes["stage_version"] >= 3 else _RENAMED.get(policy, policy)
