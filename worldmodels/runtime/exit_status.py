"""How a child process ended, in words."""

import signal

_USUAL_CAUSES = {
    "SIGBUS": " (is /dev/shm full?)",
    "SIGKILL": " (was there too little memory?)",
    "SIGXFSZ": " (is the file size limit reached? see ulimit -f)",
}


def how_it_ended(status: int) -> str:
    """Return what a process died of, from its status as subprocess gives it."""
    if status >= 0:
        return f"died with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal has none
        return f"died of signal {-status}"
    return f"died of signal {name}{_USUAL_CAUSES.get(name, '')}"
