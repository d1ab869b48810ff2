"""The setups that the conformance suite is tried on, from where they are."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
