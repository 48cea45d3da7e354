"""The artifacts of the small run, as the ends of their paths."""

REPORT = {"report"}
RANDOM = {"round-0/random"}  # of both rounds
EARLIER = {f"round-1/latents/round-0-shard-00{k}" for k in (0, 1)}


def rollouts(round: int, shards=(0, 1)) -> set[str]:
    return {f"round-{round}/rollouts/shard-{k:03d}" for k in shards}


def from_evaluation(round: int) -> set[str]:
    return {f"round-{round}/evaluation"}


def from_controller(round: int, blocks=(0, 1)) -> set[str]:
    made = {f"round-{round}/controller/block-{b:04d}" for b in blocks}
    return made | from_evaluation(round)


def from_memory(round: int, blocks=(0, 1)) -> set[str]:
    return {f"round-{round}/memory"} | from_controller(round, blocks)


def from_vision(round: int, shards=(0, 1), blocks=(0, 1)) -> set[str]:
    latents = {f"round-{round}/latents/shard-{k:03d}" for k in shards}
    return {f"round-{round}/vision"} | latents | from_memory(round, blocks)


def whole_round(round: int, shards=(0, 1), blocks=(0, 1)) -> set[str]:
    return rollouts(round, shards) | from_vision(round, shards, blocks)


def artifact(job) -> str:
    if job.rule.name == "report":
        return "report"
    return job.output[0].removeprefix("results/small/").removesuffix(".zarr")
