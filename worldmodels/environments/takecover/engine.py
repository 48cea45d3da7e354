"""ViZDoom's engine as TakeCover needs it: its settings, and how its process is started.

The settings are those that the original played with (OpenAI Gym's DoomTakeCover: the
status bar drawn; weapon, crosshair, decals and particles not), with three differences:

- Skill 4 and RGB, the settings that the published score belongs to.
- Episodes begin in the first tic, not in the 14th.
- 160x120 pixels where the original drew 640x480. V sees the same part of the view, the
  five sixths above the status bar, so the same field; the engine's nearest-neighbour
  textures make 3 grey levels of difference in the mean of the 64x64 frames (2.6 at
  320x240, for twice the time; 1.4 at 400x300, for over three times).

The red flash of a hit is drawn, as it always was in the engine of those days.
"""

import os
import shlex
import sys
import tempfile
from pathlib import Path
from signal import SIGKILL

import vizdoom

from worldmodels.environments.takecover import launcher
from worldmodels.runtime.errors import UserError

SHAPE = (120, 160, 3)
_LAST_SIGNAL = int(SIGKILL)  # what the engine gets when its parent dies


def start() -> vizdoom.DoomGame:
    """Return a game whose engine runs and whose first episode is still to be begun.

    The engine leaves nothing behind, however it ends. It wants a folder to write to, so
    it has one until it is up. Its shared memory loses its names at once: it lasts as
    long as the two processes that use it.

    Raises:
        UserError: when no program may be started from the folder for temporary files.
    """
    game = _settings()
    with tempfile.TemporaryDirectory(prefix="takecover-") as name:
        folder = Path(name)
        game.set_vizdoom_path(str(_launcher_in(folder)))
        game.init()
        instance = (folder / launcher.INSTANCE).read_text()
        for memory in Path("/dev/shm").glob(f"ViZDoom*{instance}"):
            memory.unlink()
    return game


def _settings() -> vizdoom.DoomGame:
    game = vizdoom.DoomGame()
    game.set_doom_scenario_path(str(Path(vizdoom.scenarios_path, "take_cover.wad")))
    game.set_doom_map("map01")
    game.set_doom_skill(4)
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_episode_start_time(1)
    game.set_episode_timeout(0)  # the time limit is no death: a wrapper keeps it
    game.set_living_reward(1)
    game.set_available_buttons([vizdoom.Button.MOVE_LEFT, vizdoom.Button.MOVE_RIGHT])
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_render_hud(True)
    game.set_render_weapon(False)
    game.set_render_crosshair(False)
    game.set_render_decals(False)
    game.set_render_particles(False)
    game.set_render_screen_flashes(True)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    game.set_doom_config_path("/dev/null")  # it saves its defaults there in the end
    return game


def _launcher_in(folder: Path) -> Path:
    """Write the file that vizdoom executes: it can pass no arguments of ours itself."""
    engine = Path(vizdoom.__file__).with_name("vizdoom")
    ours = [engine, folder, os.getpid(), _LAST_SIGNAL]
    words = [sys.executable, "-IS", launcher.__file__, *map(str, ours)]
    file = folder / "launch"
    file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    file.chmod(0o700)
    if not os.access(file, os.X_OK):
        # vizdoom would end this process with SIGSEGV.
        raise UserError(
            f"{folder.parent} may not hold programs (it is mounted noexec) and the "
            "game's engine starts from there; set TMPDIR to another folder"
        )
    return file
