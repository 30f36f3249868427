"""Backends by name, URI and table; and the backend for those who name none."""

import asyncio
import sys
import threading
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from hqdist_exact import ExactBackend

from hqdist import (
    Backend,
    Capabilities,
    ConfigurationError,
    Experiment,
    MissingDependencyError,
    Provenance,
    QuantumLayer,
    Request,
    Result,
    UnknownBackendError,
    available_backends,
    backend,
    default_backend,
)
from hqdist.execution import current_backend

THIRD_PARTY = '''
from dataclasses import dataclass
from typing import ClassVar
import torch
from hqdist import Backend, Capabilities, Probabilities, Provenance, Result

@dataclass(frozen=True)
class Uniform(Backend):
    """Every state is as likely as any other."""

    name: ClassVar[str] = "uniform"
    host: str = "nowhere"

    @property
    def capabilities(self):
        return Capabilities(exact=True, sampled=False, adjoint=False, readouts=(Probabilities,))

    def evaluate(self, request):
        self.check(request)
        values = torch.full((request.batch, request.program.outputs), 1 / request.program.outputs)
        return Result(values=values, provenance=Provenance(backend=self.name, worker=self.host))

    @classmethod
    def from_uri(cls, uri, **options):
        return cls(host=uri.partition("://")[2], **options)

NoBackend = dict
'''

BROKEN = {"syntax": "def (:", "runtime": "raise RuntimeError('no device here')"}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """An installed package that announces backends by entry points, as any package does."""
    (tmp_path / "third_party.py").write_text(THIRD_PARTY)
    for name, source in BROKEN.items():
        (tmp_path / f"third_party_{name}.py").write_text(source)
    metadata = tmp_path / "third_party-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[hqdist.backends]\n"
        "uniform = third_party:Uniform\n"
        "wrong = third_party:NoBackend\n"
        "incomplete = third_party_extra:Missing\n"
        "absent = third_party:Absent\n"
        "syntax = third_party_syntax:Backend\n"
        "runtime = third_party_runtime:Backend\n"
        "garbage = !!\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    available_backends.cache_clear()
    yield
    available_backends.cache_clear()
    sys.modules.pop("third_party", None)


@dataclass(frozen=True)
class Named(Backend):
    """A backend that is only a label."""

    name: ClassVar[str] = "named"
    label: str = ""

    @property
    def capabilities(self):
        return Capabilities(exact=True, sampled=False, adjoint=False)

    def evaluate(self, request):
        return Result(values=torch.empty(0), provenance=Provenance(backend=self.label))


class TestNames:
    def test_exact_is_always_there(self):
        assert "exact" in available_backends()
        assert backend("exact") == ExactBackend()

    def test_options(self):
        assert backend("exact", memory_limit=5) == ExactBackend(memory_limit=5)

    def test_a_table(self):
        assert backend({"name": "exact", "memory_limit": 5}) == ExactBackend(memory_limit=5)
        assert backend({"name": "exact", "memory_limit": 5}, memory_limit=6) == ExactBackend(memory_limit=6)

    def test_a_backend_is_returned_as_it_is(self):
        made = ExactBackend()
        assert backend(made) is made

    @pytest.mark.parametrize(
        ("spec", "options", "message"),
        [
            ("exact", {"memory": 1}, "backend 'exact'.*memory.*its options: noise, memory_limit"),
            ("exact", {"memory_limit": -1}, "above zero"),
            ("exact://here", {}, "'exact' takes no URI, got 'exact://here'"),
            (ExactBackend(), {"memory_limit": 1}, "exists already"),
            ({"memory_limit": 1}, {}, "has the key 'name'"),
            ({"name": 3}, {}, "has the key 'name'"),
            ({"name": "exact", "spec": 1}, {}, "spec.*its options: noise, memory_limit"),
            ({"name": "exact", 3: 1}, {}, "options of a backend have names"),
            (None, {}, "not NoneType"),
            (ExactBackend, {}, "a backend is a name, a URI, a table or a Backend"),
        ],
    )
    def test_what_cannot_be_understood(self, spec, options, message):
        with pytest.raises(ConfigurationError, match=message):
            backend(spec, **options)

    @pytest.mark.parametrize("name", ["exakt", "", "exakt://host"])
    def test_an_unknown_name(self, name):
        with pytest.raises(UnknownBackendError, match=r"no backend is called '.*'; installed: .*exact"):
            backend(name)


class TestThirdParty:
    def test_it_is_found_by_name(self, plugin):
        assert {"exact", "uniform"} <= set(available_backends())
        assert backend("uniform", host="a").host == "a"

    def test_it_is_made_from_a_uri(self, plugin):
        assert backend("uniform://worker:7").host == "worker:7"

    def test_it_evaluates_a_layer(self, plugin):
        program = Experiment(n_modes=3, n_photons=1).program(2)
        layer = QuantumLayer(program=program, backend="uniform")
        with torch.no_grad():
            torch.testing.assert_close(layer(torch.rand(4, 2)), torch.full((4, 3), 1 / 3))

    def test_what_is_announced_and_is_no_backend(self, plugin):
        with pytest.raises(ConfigurationError, match=r"'wrong' in hqdist\.backends is no Backend class"):
            backend("wrong")

    @pytest.mark.parametrize(
        ("name", "cause"),
        [
            ("absent", "third_party:Absent.*AttributeError"),
            ("syntax", "third_party_syntax:Backend.*SyntaxError"),
            ("runtime", "third_party_runtime:Backend.*RuntimeError: no device here"),
            ("garbage", "!!"),
        ],
    )
    def test_what_cannot_be_loaded(self, plugin, name, cause):
        with pytest.raises(ConfigurationError, match=rf"entry point '{name}' in hqdist\.backends .*{cause}"):
            backend(name)

    def test_options_with_a_uri_that_its_backend_does_not_take(self, plugin):
        with pytest.raises(ConfigurationError, match="'uri'"):
            backend("uniform://worker:7", uri="uniform://other")

    def test_what_needs_a_package_that_is_missing(self, plugin):
        with pytest.raises(MissingDependencyError, match=r"'incomplete' needs a package .*third_party_extra"):
            backend("incomplete")


class TestDefault:
    def test_exact_unless_said_otherwise(self):
        assert current_backend() == ExactBackend()

    def test_the_innermost_counts(self):
        with default_backend(Named("outer")) as outer:
            assert current_backend() is outer
            with default_backend(Named("inner")):
                assert current_backend() == Named("inner")
            assert current_backend() is outer
        assert current_backend() == ExactBackend()

    def test_the_environment_may_say_otherwise(self, monkeypatch):
        monkeypatch.setenv("HQDIST_BACKEND", "sampling")
        assert current_backend().name == "sampling"
        with default_backend(Named("inner")):
            assert current_backend() == Named("inner")

    def test_names_and_options(self):
        with default_backend("exact", memory_limit=9):
            assert current_backend() == ExactBackend(memory_limit=9)

    def test_an_error_ends_it(self):
        with pytest.raises(ZeroDivisionError), default_backend(Named()):
            raise ZeroDivisionError
        assert current_backend() == ExactBackend()

    def test_other_threads_are_not_concerned(self):
        seen = []
        with default_backend(Named("mine")):
            thread = threading.Thread(target=lambda: seen.append(current_backend()))
            thread.start()
            thread.join()
        assert seen == [ExactBackend()]

    def test_tasks_have_their_own(self):
        async def task(label, started, other):
            with default_backend(Named(label)):
                started.set()
                await other.wait()
                return current_backend().label

        async def both():
            one, two = asyncio.Event(), asyncio.Event()
            return await asyncio.gather(task("one", one, two), task("two", two, one))

        assert asyncio.run(both()) == ["one", "two"]


def test_a_request_names_its_violations_together():
    program = Experiment(n_modes=2, n_photons=1).program(1)
    request = Request(program=program, weights=torch.zeros(len(program.weights)), inputs=torch.zeros(3, 1), shots=5)

    class Small(Named):
        @property
        def capabilities(self):
            return Capabilities(exact=True, sampled=False, adjoint=False, max_modes=1, max_batch=2, spaces=())

    assert len(Small().violations(request)) == 4
