"""The console command, run in an empty directory."""

import sys

import pytest

from hqdist.cli import main


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs the console command in an empty directory: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hqdist", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return run
