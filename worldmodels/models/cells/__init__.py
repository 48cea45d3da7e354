"""Recurrent cells of M: `registry` names them, `cell` says what each must offer."""
