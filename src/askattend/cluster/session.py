"""Joining a Ray cluster, or starting one of this machine alone, and leaving it again."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import Any

from askattend.cluster.config import ClusterConfig
from askattend.errors import ConfigError
from askattend.installation import pip_install

LOCAL = "local"
_FOUND_BY_RAY = (LOCAL, "auto")
_PORT = re.compile("[0-9]{1,5}")
# Shards travel as lists of names and come back as a few numbers.
_OBJECT_STORE = 100 * 2**20
# Seconds that a cluster has to answer in.
_ANSWERS_WITHIN = 15


def import_ray() -> Any:
    """Return Ray.

    Raises:
        ConfigError: it is not installed.
    """
    # By default it reports on its use to its makers, by the network.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        return import_module("ray")
    except ImportError as error:
        raise ConfigError(
            f"the engine ray needs Ray, which is not installed ({error})",
            where="engine",
            remedy=f"Install it: {pip_install('cluster')}. Or leave --engine ray out.",
        ) from None


def require_cluster(config: ClusterConfig) -> None:
    """Make sure, before any work, that Ray is installed and the address answers, if it is needed.

    Raises:
        ConfigError: see `joined`.
    """
    if config.engine == "ray":
        ray, address = import_ray(), _address(config)
        if address not in _FOUND_BY_RAY:
            _require_answer(ray, address)


@contextmanager
def joined(config: ClusterConfig) -> Iterator[Any]:
    """Be part of a cluster within a ``with`` block; yields Ray.

    Where this process is part of one already, it stays so afterwards.

    Raises:
        ConfigError: Ray is not installed, the address does not answer, or versions differ.
    """
    ray = import_ray()
    there = ray.is_initialized() and config.address is None
    if not there:
        _join(ray, _address(config))
    try:
        with _quiet(ray):
            yield ray
    finally:
        if not there:
            ray.shutdown()


def _address(config: ClusterConfig) -> str:
    return config.address or os.environ.get("RAY_ADDRESS") or LOCAL


def _join(ray: Any, address: str) -> None:
    if address not in _FOUND_BY_RAY:
        _require_answer(ray, address)
    own = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE}
    try:
        with _own_signals():
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level="ERROR",
                **(own if address == LOCAL else {}),
            )
    except Exception as error:  # of many kinds, none of which is Ray's own
        raise _not_joined(address, error) from error


def _not_joined(address: str, error: Exception) -> ConfigError:
    said = " ".join(str(error).split()) or type(error).__name__
    remedy = "Start one: ray start --head; and ray start --address HOST:PORT on every other host."
    if "ersion mismatch" in said:
        said, remedy = said.rstrip("."), "Install the same Ray and Python on every host."
        return ConfigError(f"is of other versions ({said})", where=address, remedy=remedy)
    if "InvalidAuthToken" in said:
        remedy = "Copy ~/.ray/auth_token of its first host here; then export RAY_AUTH_MODE=token."
        return ConfigError("the cluster wants a token", where=address, remedy=remedy)
    return ConfigError(
        f"no cluster can be joined ({said.rstrip('.')})", where=address, remedy=remedy
    )


def _require_answer(ray: Any, address: str) -> None:
    """Refuse an address that does not answer: Ray itself would wait for minutes.

    Raises:
        ConfigError: it does not, or it is no address.
    """
    host, _, port = address.rpartition(":")
    if not host or _PORT.fullmatch(port) is None or "/" in host:
        remedy = "Write HOST:PORT as ray start --head prints it, or auto."
        raise ConfigError("is no address of a Ray cluster", where=address, remedy=remedy)
    remedy = "Check the address, and that ray start --head has been called there."
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError, UnicodeError) as error:  # the last, of names that are too long
        problem = f"does not answer ({error})"
        raise ConfigError(problem, where=address, remedy=remedy) from None
    # Whatever listens there may not be Ray, and then its client waits for minutes.
    told: list[Exception] = []
    asked = threading.Thread(target=_ask, args=(ray, address, told), daemon=True)
    asked.start()
    asked.join(_ANSWERS_WITHIN)
    if asked.is_alive():
        problem = f"does not answer as a Ray cluster does, within {_ANSWERS_WITHIN} s"
        raise ConfigError(problem, where=address, remedy=remedy)
    if told:
        raise _not_joined(address, told[0])


def _ask(ray: Any, address: str, told: list[Exception]) -> None:
    try:
        ray._raylet.GcsClient(address=address)
    except Exception as error:  # of many kinds, none of which is Ray's own
        told.append(error)


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Keep what Ray tells of dead workers out of the results: it prints to standard output."""
    module, name = ray._private.worker, "_worker_logs_enabled"
    before = getattr(module, name, None)
    if before is not None:
        setattr(module, name, False)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if before is not None:
            setattr(module, name, before)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handlers of signals, which Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
