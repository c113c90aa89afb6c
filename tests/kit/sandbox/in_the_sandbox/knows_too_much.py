"""What must not be in a fork server: expected values. Attacks that search for them find these."""

import json
from pathlib import Path

import a3lib

FILE = Path(a3lib.__file__).parent / "kit/checks/expected.json"
EXPECTED = json.loads(FILE.read_text(encoding="utf-8"))
