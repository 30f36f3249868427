"""An environment with what hqdist needs and nothing else: no Perceval, no Ray, although the tests' own has them."""

import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def make(folder: Path) -> Path:
    """Make a virtual environment whose packages are links to those of this one; its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = Path(sysconfig.get_path("purelib"))
    target = folder / packages.relative_to(sys.prefix)
    for needed in _needed("hqdist", {}).values():
        for file in needed.files or ():
            source, link = packages / file, target / file
            if ".." not in file.parts and "__pycache__" not in file.parts and source.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.symlink_to(source)
    return folder / "bin" / "python"


def _needed(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """A distribution and what it needs without extras, and so on."""
    key = name.lower().replace("_", "-").replace(".", "-")
    if key not in found:
        found[key] = distribution(name)
        for line in found[key].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                _needed(requirement.name, found)
    return found
