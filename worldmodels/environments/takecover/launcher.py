"""Becomes the engine, in a process that ends with its parent.

It is run as a file of its own, by a Python without packages. On Linux a child gets a
signal when its parent dies if the child has asked for it. The engine does not ask, so
this file asks first: otherwise a killed parent leaves an engine that waits for ever. On
other systems engines end when their parent closes them, or with its process group.
"""

import ctypes
import os
import sys

INSTANCE = "instance"  # the file with the name of the engine's shared memory
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the engine.

    The arguments are the engine's file and folder, the parent's process number, the
    number of the signal, then the engine's own arguments.
    """
    engine, folder, parent, signal, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal))
    if os.getppid() != int(parent):  # it died before the signal was asked for
        os._exit(1)
    os.chdir(folder)
    with open(INSTANCE, "w") as file:
        file.write(arguments[arguments.index("+viz_instance_id") + 1])
    os.execv(engine, [engine, *arguments])


if __name__ == "__main__":
    main()
