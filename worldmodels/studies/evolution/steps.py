"""The study and its steps. No JAX is imported here: the Snakefile reads it."""

from worldmodels.arguments import MANY, ONE
from worldmodels.studies.evolution.settings import Evolution
from worldmodels.studies.study import Step, Study

FILMS = ("found", "missed", "fault_found", "fault_missed")
_SHARED = ("seed", "dtype", "population")

STUDY = Study(
    name="evolution",
    summary="how often does CMA-ES find the optimum, and what do others find?",
    settings=Evolution,
    steps={
        "rates": Step(
            summary="search Schaffer's function by first step, parents and start",
            version=1,
            uses=(*_SHARED, "searches", "generations", "sigmas", "parents"),
        ),
        "beside": Step(
            summary="search four functions with CMA-ES, a (1, lambda)-ES and others",
            version=1,
            uses=(*_SHARED, "searches", "generations_beside", "strategies"),
        ),
        "restarted": Step(
            summary="search Schaffer's function again and again, by three schedules",
            version=1,
            uses=(
                *(*_SHARED, "generations"),
                *("restart_sigmas", "restart_searches", "budget"),
            ),
        ),
        "trace": Step(
            summary="follow four searches, one generation after another",
            version=1,
            uses=(*_SHARED, "generations"),
        ),
        "film": Step(
            summary="draw the film of one search that was followed, as a GIF",
            version=1,
            uses=(),
            arguments={
                "trace": {"help": "store of the step trace", "required": True, **ONE},
                "case": {"help": "which search", "choices": FILMS, "required": True},
            },
        ),
        "compare": Step(
            summary="the page and the tables of all of it",
            version=1,
            uses=(),
            arguments={
                "rates": {"help": "store of the step rates", "required": True, **ONE},
                "beside": {"help": "store of the step beside", "required": True, **ONE},
                "restarted": {
                    "help": "store of the step restarted",
                    "required": True,
                    **ONE,
                },
                "films": {"help": "GIFs of the step film", "required": True, **MANY},
            },
        ),
    },
)
