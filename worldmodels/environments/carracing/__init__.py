"""CarRacing: the racing task of Section 3 of the paper.

An action is float32 [3]: steering in [-1, 1] (left to right), gas and brake in [0, 1].
"""

import numpy as np

from worldmodels.environments.games import CARRACING

ACTION_LOW = np.array([action.low for action in CARRACING.actions], np.float32)
ACTION_HIGH = np.array([action.high for action in CARRACING.actions], np.float32)
