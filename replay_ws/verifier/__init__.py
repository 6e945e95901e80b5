"""The determinism check: does a program do the same again when nothing that matters has changed?"""

from replay_ws.verifier.check import execute_verified as execute_verified
