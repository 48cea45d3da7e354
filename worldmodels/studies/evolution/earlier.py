"""Shares that were measured before this study, by other programs, to compare with."""

from worldmodels.studies.evolution.settings import (
    FORMS,
    MIRRORED,
    NEAR,
    SCALAR,
    Case,
)

CLOSE = 0.06  # what a rate of 512 searches may differ by
POPULATION, GENERATIONS = 64, 63
SEARCHES, BESIDE_SEARCHES = 256, 128  # of Schaffer's function, and of the others

_BY_SIGMA = {
    16: {0.3: 0.32, 1.0: 0.73, 3.0: 0.97, 10.0: 0.996},
    0: {0.3: 0.06, 1.0: 0.31, 3.0: 0.78, 5.0: 0.90, 10.0: 0.95, 20.0: 0.98},
    32: {0.3: 0.05},
}
RATES = {
    Case(FORMS[0], NEAR, parents, sigma): rate
    for parents, rates in _BY_SIGMA.items()
    for sigma, rate in rates.items()
} | {
    Case(FORMS[0], NEAR, 16, 0.3, optimum=MIRRORED): 0.29,
    Case(FORMS[0], NEAR, 16, 0.3, SCALAR): 0.74,
    Case(FORMS[0], NEAR, 16, 0.3, SCALAR, MIRRORED): 0.14,
}

# By function: within 16 and within 60 generations, of the first six columns.
BESIDE = {
    "sphere": ((1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)),
    "Rastrigin": (
        *((0, 0.08), (0.04, 0.15), (0.01, 0.03)),
        *((0.42, 0.91), (0.29, 0.82), (0.36, 0.87)),
    ),
    "Schwefel": (
        *((0.03, 0.05), (0.02, 0.08), (0, 0.01)),
        *((0.05, 0.05), (0.16, 0.27), (0.09, 0.46)),
    ),
    "H1": (
        *((0, 0), (0, 0.01), (0, 0)),
        *((0.55, 0.87), (1, 1), (1, 1)),
    ),
}
EARLY, LATE = 16, 60  # generations
