"""Backends by name: found through the entry-point group ``hqdist.backends``."""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from hqdist.errors import ConfigurationError, MissingDependencyError, UnknownBackendError
from hqdist.execution.backend import Backend

#: Entry-point group in which packages announce their backends.
GROUP = "hqdist.backends"

BackendLike = Backend | str | Mapping[str, object]


@lru_cache(maxsize=1)
def available_backends() -> dict[str, EntryPoint]:
    """The backends that installed packages announce, by name; loading one may need an optional package."""
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def backend(spec: BackendLike, /, **options: object) -> Backend:
    """Make a backend: one constructor for all.

    Args:
        spec: A name (``"exact"``), a URI (``"grpc://host:port"``), a table with the key ``name`` and options
            (as in a configuration file), or a backend, which is returned as it is.
        **options: What the backend's own constructor takes.

    Raises:
        UnknownBackendError: If no installed package announces this name.
        ConfigurationError: If an option is unknown or not valid.
        MissingDependencyError: If the backend needs a package that is not installed.
    """
    if isinstance(spec, Backend):
        if options:
            raise ConfigurationError(f"options {sorted(options)} cannot be added to a backend that exists already")
        return spec
    if isinstance(spec, Mapping):
        table = {**spec, **options}
        name = table.pop("name", None)
        if not isinstance(name, str):
            raise ConfigurationError("a table that describes a backend has the key 'name', such as name = \"exact\"")
        if not all(isinstance(key, str) for key in table):
            raise ConfigurationError(f"the options of a backend have names, got {list(table)}")
        return backend(name, **table)
    if not isinstance(spec, str):
        raise ConfigurationError(f"a backend is a name, a URI, a table or a Backend, not {type(spec).__name__}")
    scheme, separator, _ = spec.partition("://")
    kind = backend_class(scheme)
    make: Callable[..., Backend] = kind.from_uri if separator else kind
    arguments = (spec,) if separator else ()
    signature = inspect.signature(make)
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "none"
        raise ConfigurationError(f"backend {spec!r}: {error}; its options: {known}") from error
    return make(*arguments, **options)


def backend_class(name: str) -> type[Backend]:
    """Load the class that is announced under a name.

    Raises:
        UnknownBackendError: If there is none.
        MissingDependencyError: If it needs a package that is not installed.
        ConfigurationError: If its module fails otherwise, or holds no such class.
    """
    points = available_backends()
    if name not in points:
        known = ", ".join(points) or "none"
        raise UnknownBackendError(f"no backend is called {name!r}; installed: {known}")
    try:
        loaded = points[name].load()
    except ImportError as error:
        raise MissingDependencyError(
            f"backend {name!r} needs a package that is not installed: {error}{_how_to_install(points[name])}"
        ) from error
    except Exception as error:  # whatever somebody else's module does when it is imported
        raise ConfigurationError(
            f"the entry point {name!r} in {GROUP} ({points[name].value}) cannot be loaded: "
            f"{type(error).__name__}: {error}; mend or uninstall the package that announces it"
        ) from error
    if not (inspect.isclass(loaded) and issubclass(loaded, Backend)):
        raise ConfigurationError(f"the entry point {name!r} in {GROUP} is no Backend class: {loaded!r}")
    return loaded


_default: ContextVar[Backend | None] = ContextVar("hqdist_default_backend", default=None)


def current_backend() -> Backend:
    """The backend for layers that name none.

    That of the innermost `default_backend`, else ``$HQDIST_BACKEND``, a name or a URI, else ``"exact"``.
    """
    return _default.get() or _standard(os.environ.get("HQDIST_BACKEND") or "exact")


@contextmanager
def default_backend(spec: BackendLike, /, **options: object) -> Iterator[Backend]:
    """Within this context, layers that name no backend use this one.

    The choice belongs to the current thread or asyncio task, as context variables do.
    """
    chosen = backend(spec, **options)
    token = _default.set(chosen)
    try:
        yield chosen
    finally:
        _default.reset(token)


@lru_cache(maxsize=8)
def _standard(name: str) -> Backend:
    return backend(name)


def _how_to_install(point: EntryPoint) -> str:
    """By the extras that an entry point names, if it names any."""
    if not point.extras or point.dist is None:
        return ""
    return f'; pip install "{point.dist.name}[{",".join(point.extras)}]"'
