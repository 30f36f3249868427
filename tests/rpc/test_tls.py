"""Workers that show certificates, and ask for them."""

import numpy as np
import pytest
import torch
import trustme

import hqdist as hq
from hqdist.rpc import BackgroundWorker, Security, WorkerSettings
from hqdist.testing.circuits import random_request

EXACT = hq.backend("exact")
REQUEST = random_request(np.random.default_rng(0), hq.Experiment(n_modes=4, n_photons=2).program(2), 2, torch.float64)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of PEM files by name: the authority, another one, and certificates with keys that they signed."""
    folder = tmp_path_factory.mktemp("certificates")

    def write(name, *parts):
        (folder / name).write_bytes(b"".join(part.bytes() for part in parts))
        return str(folder / name)

    found = {}
    for authority in ("ours", "other"):
        made = trustme.CA()
        found[authority] = write(f"{authority}.pem", made.cert_pem)
        for who, names in (("worker", ("127.0.0.1", "localhost")), ("caller", ("caller@example.org",))):
            signed = made.issue_cert(*names)
            found[f"{authority} {who}"] = {
                "certificate": write(f"{authority}-{who}.pem", *signed.cert_chain_pems),
                "key": write(f"{authority}-{who}.key", signed.private_key_pem),
            }
    return found


@pytest.fixture
def tls(files):
    with BackgroundWorker(EXACT, WorkerSettings(security=Security(**files["ours worker"]))) as worker:
        yield worker


@pytest.fixture
def mutual(files):
    security = Security(**files["ours worker"], client_authority=files["ours"])
    with BackgroundWorker(EXACT, WorkerSettings(security=security)) as worker:
        yield worker


def ask(worker, **transport):
    return hq.backend(worker.uri, transport=transport).evaluate(REQUEST).values


def test_a_worker_with_a_certificate_is_believed_if_the_authority_is(files, tls):
    assert torch.equal(ask(tls, authority=files["ours"]), EXACT.evaluate(REQUEST).values)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"authority": "other"}, "not signed by whom the transport's authority names"),
        (
            {"authority": "ours", "server_name": "elsewhere.example"},
            "for another name; see the transport's server_name",
        ),
        ({"tls": True}, "not signed by whom the transport's authority names"),
        ({"tls": False}, "may want TLS"),
        ({}, "may want TLS"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(files, tls, options, words):
    transport = {key: files.get(value, value) if key == "authority" else value for key, value in options.items()}
    with pytest.raises(hq.WorkerUnavailableError, match=words):
        ask(tls, **transport)


def test_tls_at_a_worker_without_is_named(files):
    with BackgroundWorker(EXACT) as plain, pytest.raises(hq.WorkerUnavailableError, match="does not speak TLS"):
        ask(plain, authority=files["ours"])


def test_a_worker_that_asks_for_certificates_takes_those_of_its_authority(files, mutual):
    assert torch.equal(ask(mutual, authority=files["ours"], **files["ours caller"]), EXACT.evaluate(REQUEST).values)


@pytest.mark.parametrize("certificate", [None, "other caller"])
def test_and_no_others(files, mutual, certificate):
    with pytest.raises(hq.WorkerUnavailableError, match="certificate of its callers"):
        ask(mutual, authority=files["ours"], **files.get(certificate, {}))


def test_a_file_that_is_missing_is_named(tls):
    with pytest.raises(hq.ConfigurationError, match=r"authority cannot be read.*nowhere\.pem"):
        ask(tls, authority="nowhere.pem")


def test_a_file_of_something_else_is_named(files, tls):
    with pytest.raises(hq.WorkerUnavailableError, match="no certificate, or no key, in PEM"):
        ask(tls, authority=files["ours worker"]["key"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"certificate": "a.pem"}, "both a certificate and its key"),
        ({"client_authority": "a.pem"}, "only looked at over TLS"),
        ({"token_file": "a", "token_variable": "B"}, "not from both"),
    ],
)
def test_security_that_contradicts_itself_is_refused(options, words):
    with pytest.raises(hq.ConfigurationError, match=words):
        Security(**options)


def test_a_worker_whose_files_are_missing_does_not_start():
    security = Security(certificate="nowhere.pem", key="nowhere.key")
    with (
        pytest.raises(hq.ConfigurationError, match="cannot be read"),
        BackgroundWorker(EXACT, WorkerSettings(security=security)),
    ):
        pass


def test_a_key_of_another_certificate_is_refused(files):
    mixed = {"certificate": files["ours worker"]["certificate"], "key": files["other worker"]["key"]}
    with (
        pytest.raises(hq.ConfigurationError, match="are no pair"),
        BackgroundWorker(EXACT, WorkerSettings(security=Security(**mixed))),
    ):
        raise AssertionError("it serves")
