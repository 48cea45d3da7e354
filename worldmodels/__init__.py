"""World Models (Ha & Schmidhuber 2018) as a pipeline of inspectable artifacts.

Importing the package is cheap on purpose: environment workers and the Snakefile
import it and must not pay for JAX.
"""

__version__ = "0.1.0"
