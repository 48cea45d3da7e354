"""CarRacing: the racing task of Section 3 of the paper.

An action is float32 [3]: steering in [-1, 1] (left to right), gas and brake in [0, 1].
"""

from worldmodels.environments.games import CARRACING

ACTION_LOW = CARRACING.low
ACTION_HIGH = CARRACING.high
