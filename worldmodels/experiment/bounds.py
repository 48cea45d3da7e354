"""The bounds of settings, by their meaning.

No JAX is imported here: the Snakefile reads it.
"""

from worldmodels.runtime.randomness import MAX_EPISODES

# Far above any use, and below what overflows a size or a counter of 32 bits. Whether a
# machine's memory holds what is asked for is another question.
MAX_STEPS = 100_000  # an episode's frames are one chunk of 12 kB a step
MAX_WIDTH = 4096  # units, channels, latents
MAX_BATCH = 65_536
MAX_PASSES = 1_000_000
MAX_TRACKS = 100_000
MAX_RATE = 1000.0  # of what multiplies or divides
MAX_WEIGHT = 1e9

# The bounds of one field each.
STEPS = {"low": 0, "high": MAX_STEPS}
WIDTH = {"low": 1, "high": MAX_WIDTH}
BATCH = {"low": 1, "high": MAX_BATCH}
RATE = {"above": 0.0, "high": MAX_RATE}
FACTOR = {"low": 0.0, "high": MAX_RATE}
WEIGHT = {"above": 0.0, "high": MAX_WEIGHT}
PASSES = {"low": 0, "high": MAX_PASSES}
GENERATIONS = {"low": 1, "high": MAX_PASSES}
EPISODES = {"low": 1, "high": MAX_EPISODES}
TRACKS = {"low": 1, "high": MAX_TRACKS}
