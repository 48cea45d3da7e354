"""The stages: one module a rule, each reads artifacts, computes and publishes one.

Only `worldmodels.cli` imports them. A stage's version is raised by hand when its result
changes with its code; the rule passes it on, so that the artifacts are built again.
"""

VERSIONS = {
    "rollouts": 3,
    "vision": 1,
    "latents": 1,
    "memory": 3,
    "controller": 3,
    "evaluation": 3,
    "report": 4,
    "ablations": 1,
    "temperatures": 1,
    "export": 1,
}
