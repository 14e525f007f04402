"""A certificate authority of this machine's own, and the server certificate that it signs.

Browsers give gamepads, WebCodecs and shared memory to secure pages only, so https has to work without anybody's help.
The authority is made once (its root is what a user trusts) and is constrained to signing server certificates; the
server's is short-lived, and made anew when it nears its end or when the machine's names or addresses changed. The
clock is an argument.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .private_files import private_directory, write_private

CA_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=397)
"""The longest that browsers accept of a certificate (CA/Browser Forum, ballot SC31)."""
RENEW_BEFORE = timedelta(days=30)
_BACKDATED = timedelta(days=1)
"""Clocks of other machines may be behind."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Identity:
    """The names and addresses that this machine is called by."""

    names: frozenset[str]
    addresses: frozenset[Address]


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where the certificates are."""

    ca: Path
    server: Path
    server_key: Path

    def context(self) -> ssl.SSLContext:
        """A server's TLS context with these certificates, TLS 1.2 and later."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.server, self.server_key)
        return context


def this_machine(extra: Iterable[str] = ()) -> Identity:
    """What this machine is called now, `extra` names or addresses included."""
    hostname = socket.gethostname().split(".")[0].lower() or "localhost"
    names = {"localhost", hostname, f"{hostname}.local", socket.getfqdn().lower()}
    addresses: set[Address] = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    for interface in psutil.net_if_addrs().values():
        for entry in interface:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                addresses.add(ipaddress.ip_address(entry.address.split("%")[0]))
    for text in extra:
        try:
            addresses.add(ipaddress.ip_address(text))
        except ValueError:
            names.add(text.lower())
    return Identity(frozenset(name for name in names if _is_dns_name(name)), frozenset(addresses))


def ensure_certificates(directory: Path, identity: Identity, *, now: datetime) -> CertificateFiles:
    """Certificates in `directory` that hold at `now` for `identity`; what is missing or stale is made."""
    private_directory(directory)
    files = CertificateFiles(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    ca_key_file = directory / "ca.key"
    if not (files.ca.exists() and ca_key_file.exists()):
        key, certificate = _make_authority(now)
        write_private(ca_key_file, _pem_key(key))
        write_private(files.ca, certificate.public_bytes(serialization.Encoding.PEM))
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    if not _holds(files, authority, identity, now):
        ca_key = serialization.load_pem_private_key(ca_key_file.read_bytes(), password=None)
        if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{ca_key_file} is no elliptic-curve key: remove it and {files.ca}, and new ones are made")
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = _sign_server(ca_key, authority, server_key, identity, now)
        write_private(files.server_key, _pem_key(server_key))
        write_private(files.server, server.public_bytes(serialization.Encoding.PEM))
    return files


def _holds(files: CertificateFiles, authority: x509.Certificate, identity: Identity, now: datetime) -> bool:
    if not (files.server.exists() and files.server_key.exists()):
        return False
    server = x509.load_pem_x509_certificate(files.server.read_bytes())
    if server.not_valid_after_utc - now < RENEW_BEFORE or server.issuer != authority.subject:
        return False
    key = serialization.load_pem_private_key(files.server_key.read_bytes(), password=None)
    if key.public_key() != server.public_key():
        return False
    held = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return identity.names <= set(held.get_values_for_type(x509.DNSName)) and identity.addresses <= set(
        held.get_values_for_type(x509.IPAddress)
    )


def _make_authority(now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Dillinger"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Dillinger on {socket.gethostname()}"[:64]),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _sign_server(
    ca_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    identity: Identity,
    now: datetime,
) -> x509.Certificate:
    holders: list[x509.GeneralName] = [x509.DNSName(name) for name in sorted(identity.names)]
    holders += [x509.IPAddress(address) for address in sorted(identity.addresses, key=lambda a: (a.version, int(a)))]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Dillinger")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(min(now - _BACKDATED + SERVER_LIFETIME, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(holders), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _is_dns_name(name: str) -> bool:
    labels = name.split(".")
    return len(name) <= 253 and all(
        label and len(label) <= 63 and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )
