"""Wilson's interval of a share beside scipy's."""

import numpy as np
import pytest
import scipy.stats

from worldmodels.scores.shares import share


@pytest.mark.parametrize(("hits", "count"), [(0, 8), (8, 8), (3, 10), (151, 512)])
def test_the_interval_is_that_of_scipy(hits, count):
    found = share(np.arange(count) < hits)
    expected = scipy.stats.binomtest(hits, count).proportion_ci(0.95, "wilson")
    assert found.share == hits / count
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
