"""CarRacing: the racing task of Section 3 of the paper.

An action is float32 [3]: steering in [-1, 1] (left to right), gas and brake in [0, 1].
"""

import numpy as np

ACTION_LOW = np.array([-1, 0, 0], np.float32)
ACTION_HIGH = np.array([1, 1, 1], np.float32)
