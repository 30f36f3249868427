"""The code in the toolbox's guides runs as it stands there, from top to bottom."""

import re
import warnings
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("guide", ["toolbox.md", "analysis.md", "design.md"])
def test_its_code_runs(guide):
    torch.manual_seed(0)
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / guide).read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 4
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what analyses warn of depends on what they find
        for block in blocks:
            exec(compile(block, guide, "exec"), names)
