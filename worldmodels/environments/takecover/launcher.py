"""Becomes the engine, in a process that ends with its parent.

Run as a file of its own, by a Python without packages. Linux's signal at the death of
the parent has to be asked for by the child, and the engine does not: without it, a
parent that is killed leaves an engine that waits for ever. On other systems engines end
when their parent closes them, or with its process group.
"""

import ctypes
import os
import sys

INSTANCE = "instance"  # the file that tells the name of the engine's shared memory
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the engine; arguments: its file, its folder, parent, signal; its own."""
    engine, folder, parent, signal, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal))
    if os.getppid() != int(parent):  # it died before it was asked for
        os._exit(1)
    os.chdir(folder)
    with open(INSTANCE, "w") as file:
        file.write(arguments[arguments.index("+viz_instance_id") + 1])
    os.execv(engine, [engine, *arguments])


if __name__ == "__main__":
    main()
