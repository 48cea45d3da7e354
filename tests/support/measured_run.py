"""The settings of the runs whose cost was measured: the defaults at those times."""

RECIPE = {
    "rounds": 1,
    "environment": {"max_steps": 1000, "slots": 16},
    "rollouts": {"episodes": 64, "episodes_per_shard": 64, "steps": 300},
    "vision": {
        "latent_size": 32, "channels": [8, 16, 32, 64],
        "decoder_channels": [64, 32, 16], "batch_size": 100, "epochs": 3,
    },
    "memory": {
        "hidden_size": 64, "mixtures": 5, "batch_size": 16, "epochs": 60, "window": 0,
        "held_out": 0.0, "death_head": False, "reward_head": False,
    },
    "controller": {
        "inputs": "z_h", "population": 64, "rollouts": 4, "generations": 30,
        "generations_per_block": 10, "initial_steps": 200, "step_increment": 50,
        "select_every": 5, "selection_episodes": 32, "common_tracks": True,
        "strategy": "cma_es", "hidden_size": 0, "bias": True,
    },
    "evaluation": {"episodes": 32},
}  # fmt: skip

# The first default of two rounds.
TWO_ROUNDS = RECIPE | {
    "rollouts": RECIPE["rollouts"] | {"steps": 600},
    "vision": RECIPE["vision"] | {"epochs": 2},
    "controller": RECIPE["controller"]
    | {"initial_steps": 600, "selection_episodes": 64},
    "rounds": [
        {
            "rollouts": {"steps": 300, "start": "anywhere"},
            "vision": {"epochs": 3},
            "controller": {"generations": 10, "initial_steps": 200},
            "evaluation": {"episodes": 0},
        },
        {name: {"warm_start": True} for name in ("vision", "memory", "controller")},
    ],
}
