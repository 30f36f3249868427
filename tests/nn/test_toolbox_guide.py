"""The code in docs/toolbox.md runs as it stands there, from top to bottom."""

import re
from pathlib import Path

import torch

GUIDE = Path(__file__).parents[2] / "docs" / "toolbox.md"


def test_its_code_runs():
    torch.manual_seed(0)
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, GUIDE.name, "exec"), names)
