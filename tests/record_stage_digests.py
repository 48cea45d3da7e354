"""Record the source of all stages as it is: `python tests/record_stage_digests.py`.

Before, raise the versions in worldmodels/experiment/stages.py of the stages whose
results have changed: their artifacts are then built again.
"""

from support.stage_digests import RECORD, record

from worldmodels.experiment.stages import STAGES

if __name__ == "__main__":
    record(STAGES)
    print(f"recorded in {RECORD}")
