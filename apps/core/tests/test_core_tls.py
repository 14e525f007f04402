"""Certificates: what a client checks, when they are made anew, and who may read the keys."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from dillinger_core.tls import RENEW_BEFORE, SERVER_LIFETIME, Identity, ensure_certificates, this_machine

NOW = datetime.now(UTC)
HERE = Identity(
    frozenset({"localhost", "box", "box.local"}),
    frozenset({ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"), ipaddress.ip_address("192.168.1.5")}),
)


def server_certificate(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "server.pem").read_bytes())


def handshake(directory: Path, ca: Path, name: str) -> None:
    files = ensure_certificates(directory, HERE, now=NOW)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            files.context().wrap_socket(theirs, server_side=True).close()
        except ssl.SSLError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=str(ca))
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        client.wrap_socket(ours, server_hostname=name).close()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "box.local", "127.0.0.1", "::1", "192.168.1.5"])
def test_client_that_trusts_the_root_is_content(tmp_path: Path, name: str) -> None:
    files = ensure_certificates(tmp_path, HERE, now=NOW)
    handshake(tmp_path, files.ca, name)


def test_other_names_and_other_roots_are_refused(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path / "a", HERE, now=NOW)
    other = ensure_certificates(tmp_path / "b", HERE, now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path / "a", files.ca, "example.com")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path / "a", other.ca, "localhost")


def test_root_signs_servers_only_and_no_further_authority(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, HERE, now=NOW)
    root = x509.load_pem_x509_certificate(files.ca.read_bytes())
    constraints = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    usage = root.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    server = server_certificate(tmp_path)
    assert server.not_valid_after_utc - server.not_valid_before_utc <= SERVER_LIFETIME


def test_made_anew_when_near_its_end_or_when_the_machine_moved(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path, HERE, now=NOW)
    root, first = files.ca.read_bytes(), server_certificate(tmp_path)
    ensure_certificates(tmp_path, HERE, now=NOW + timedelta(days=300))
    assert server_certificate(tmp_path) == first
    ensure_certificates(tmp_path, HERE, now=first.not_valid_after_utc - RENEW_BEFORE + timedelta(hours=1))
    second = server_certificate(tmp_path)
    assert second != first
    moved = Identity(HERE.names, HERE.addresses | {ipaddress.ip_address("10.0.0.9")})
    ensure_certificates(tmp_path, moved, now=NOW)
    names = server_certificate(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("10.0.0.9") in names.get_values_for_type(x509.IPAddress)
    assert files.ca.read_bytes() == root, "what users trust stays"


def test_half_written_pair_is_mended(tmp_path: Path) -> None:
    """As a kill between writing the key and the certificate leaves it."""
    files = ensure_certificates(tmp_path / "a", HERE, now=NOW)
    other = ensure_certificates(tmp_path / "b", HERE, now=NOW)
    files.server_key.write_bytes(other.server_key.read_bytes())
    ensure_certificates(tmp_path / "a", HERE, now=NOW).context()


def test_keys_are_for_this_user_only(tmp_path: Path) -> None:
    ensure_certificates(tmp_path / "tls", HERE, now=NOW)
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    for name in ("ca.key", "server.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600


def test_this_machine_has_a_name_and_loopback() -> None:
    machine = this_machine(["games.example", "10.9.8.7"])
    assert {"localhost", "games.example"} <= machine.names
    assert {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("10.9.8.7")} <= machine.addresses
