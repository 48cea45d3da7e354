"""PixelCopter: a copter between a roof and a floor, with blocks in its way.

An action is 0 (nothing) or 1 (up). Source: `ple/games/pixelcopter.py` of the PyGame
Learning Environment (MIT), at 48 x 48 pixels and 30 frames a second.
"""
