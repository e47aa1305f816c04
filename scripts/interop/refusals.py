"""What each engine is known not to take. `make interop` fails if one of these runs, or fails otherwise, so that the page stays true."""
from judge import Refusal

REFUSALS = []
