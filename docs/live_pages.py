"""The live examples of docs/play.md: a page to play in of each shipped agent."""

from importlib.util import find_spec
from pathlib import Path

import worldmodels
from worldmodels.environments.games import GAMES
from worldmodels.stages import play

AGENTS = Path(__file__).parents[1] / "pretrained"


def make(folder: Path) -> None:
    """Write the pages into `folder`; those that are newer than their parts stay."""
    folder.mkdir(parents=True, exist_ok=True)
    for agent in sorted(AGENTS.glob("*.zarr")):
        out = folder / f"{agent.stem}.html"
        if out.exists() and out.stat().st_mtime > _newest(agent):
            continue
        package = GAMES[agent.stem].package
        recorded = not package or find_spec(package) is not None
        play.run(pretrained=agent, record=0 if recorded else None, out=out)


def _newest(agent: Path) -> float:
    """Return when a part of a page was last changed."""
    code = Path(worldmodels.__file__).parent
    web = code / "play" / "web"
    parts = [*code.rglob("*.py"), *web.iterdir(), *agent.rglob("*")]
    return max(path.stat().st_mtime for path in parts if path.is_file())
