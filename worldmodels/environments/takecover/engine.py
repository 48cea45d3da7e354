"""ViZDoom's engine as TakeCover needs it: its settings, and how its process is started.

The settings are those of the original (OpenAI Gym's DoomTakeCover: the status bar is
drawn; weapon, crosshair, decals and particles are not), with three differences:

- Skill 4 and RGB: the published score was reached with these.
- Episodes begin in the first tic, not in the 14th.
- 160x120 pixels in view v3, where the original drew 640x480, as view v0 does. V sees
  the same part of the view, the five sixths above the status bar. The 64x64 frames
  differ by 3 grey levels on average, because the engine samples textures by the nearest
  pixel (2.6 at 320x240, in twice the time; 1.4 at 400x300, in over three times the
  time).

The red flash of a hit is drawn, as it was in the original's engine.
"""

import os
import shlex
import sys
import tempfile
from pathlib import Path
from signal import SIGKILL

import vizdoom

from worldmodels.environments.games import V0, V3
from worldmodels.environments.takecover import launcher
from worldmodels.runtime.errors import UserError

# Of a picture by the view, in pixels, RGB.
SHAPES = {V3: (120, 160, 3), V0: (480, 640, 3)}
_RESOLUTIONS = {
    V3: vizdoom.ScreenResolution.RES_160X120,
    V0: vizdoom.ScreenResolution.RES_640X480,
}
_LAST_SIGNAL = int(SIGKILL)  # the engine gets it when its parent dies


def start(view: str = V3) -> vizdoom.DoomGame:
    """Return a game whose engine runs; `new_episode` starts its first episode.

    The engine leaves nothing behind, however it ends. It needs a folder to write to, so
    it has one until it runs. The names of its shared memory are removed at once, and
    the memory itself is freed when the two processes that use it have ended.

    Args:
        view: what is seen, one of `games.VIEWS`.

    Raises:
        UserError: when no program may be started from the folder for temporary files.
    """
    game = _settings(view)
    with tempfile.TemporaryDirectory(prefix="takecover-") as name:
        folder = Path(name)
        game.set_vizdoom_path(str(_launcher_in(folder)))
        game.init()
        instance = (folder / launcher.INSTANCE).read_text()
        for memory in Path("/dev/shm").glob(f"ViZDoom*{instance}"):
            memory.unlink()
    return game


def _settings(view: str) -> vizdoom.DoomGame:
    game = vizdoom.DoomGame()
    game.set_doom_scenario_path(str(Path(vizdoom.scenarios_path, "take_cover.wad")))
    game.set_doom_map("map01")
    game.set_doom_skill(4)
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_episode_start_time(1)
    game.set_episode_timeout(0)  # a wrapper has the time limit, which is no death
    game.set_living_reward(1)
    game.set_available_buttons([vizdoom.Button.MOVE_LEFT, vizdoom.Button.MOVE_RIGHT])
    game.set_screen_resolution(_RESOLUTIONS[view])
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_render_hud(True)
    game.set_render_weapon(False)
    game.set_render_crosshair(False)
    game.set_render_decals(False)
    game.set_render_particles(False)
    game.set_render_screen_flashes(True)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    game.set_doom_config_path("/dev/null")  # it saves its defaults there when it ends
    return game


def _launcher_in(folder: Path) -> Path:
    """Write the file that vizdoom executes, which adds our arguments to vizdoom's."""
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
