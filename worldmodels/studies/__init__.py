"""Studies: systems beside World Models that share its parts, and answer one question.

`study` says what one is and `registry` names them. Each is a package: its settings, its
science in pure modules, and a module for each step that its rules run.
"""
