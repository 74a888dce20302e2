"""The certificate that results are signed with: the user's own, or a self-signed one that is made once.

What C2PA asks of a certificate (specification 2.1, 14.5.1): X.509 v3, issued by an authority, for signatures, with an
extended key usage. A self-made one therefore has a self-made authority, whose key is thrown away.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synclips.errors import ConfigError
from synclips.files import atomic_path, config_folder, reason

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

ORGANIZATION: Final = "self-made certificate"
YEARS: Final = 10
_CERTIFICATE: Final = "certificate.pem"
_KEY: Final = "private-key.pem"


@dataclass(frozen=True)
class Credentials:
    """What signs: the certificate with its issuers, the private key (both PEM), and the algorithm's name in C2PA."""

    chain: bytes
    key: bytes
    algorithm: str


def read_credentials(certificate: Path, key: Path) -> Credentials:
    """The user's own certificate (with its issuers) and private key, both PEM, the key without a password.

    Raises:
        ConfigError: they cannot be read, do not belong together, or are of a kind that C2PA does not take.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    chain, secret = _read(certificate), _read(key)
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise ConfigError(f"{certificate} is not a certificate in PEM") from error
    try:
        private = load_pem_private_key(secret, None)
    except TypeError as error:
        raise ConfigError(f"{key} has a password; give the key without one") from error
    except ValueError as error:
        raise ConfigError(f"{key} is not a private key in PEM") from error
    if private.public_key() != leaf.public_key():
        raise ConfigError(f"{key} is not the key of {certificate}")
    if leaf.not_valid_after_utc < datetime.now(UTC):
        raise ConfigError(f"{certificate} expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    return Credentials(chain, secret, _algorithm(private, key))


def read_certificates(path: Path) -> bytes:
    """Certificates whose signatures are to be trusted, PEM.

    Raises:
        ConfigError: they cannot be read.
    """
    content = _read(path)
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigError(f"{path} is not a certificate in PEM")
    return content


def own_credentials(folder: Path | None = None) -> Credentials:
    """The self-made certificate in `folder` (default: the user's configuration folder); made at the first call.

    Raises:
        ConfigError: what is there cannot be used.
        OSError, OutputError: the folder cannot be written.
    """
    folder = folder or default_folder()
    certificate, key = folder / _CERTIFICATE, folder / _KEY
    if not (certificate.is_file() and key.is_file()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        chain, secret = _make()
        _write_secret(key, secret)
        with atomic_path(certificate) as temporary:
            temporary.write_bytes(chain)
    return read_credentials(certificate, key)


def known_certificate(folder: Path | None = None) -> bytes:
    """The self-made certificate, PEM, to check signatures with; empty where none was made yet."""
    path = (folder or default_folder()) / _CERTIFICATE
    return path.read_bytes() if path.is_file() else b""


def default_folder() -> Path:
    """Where the self-made certificate lies."""
    return config_folder() / "signing"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({reason(error)})") from error


def _write_secret(path: Path, content: bytes) -> None:
    """Readable by the user alone, from the first byte on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb"
    ) as file:
        file.write(content)
    temporary.replace(path)


def _algorithm(key: object, path: Path) -> str:
    """The name of the signature algorithm (C2PA 13.2) that goes with a private key."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    match key:
        case ec.EllipticCurvePrivateKey(key_size=256 | 384 | 521 as size):
            return {256: "es256", 384: "es384", 521: "es512"}[size]
        case ed25519.Ed25519PrivateKey():
            return "ed25519"
        case rsa.RSAPrivateKey(key_size=size) if size >= 2048:
            return "ps256"
    raise ConfigError(f"{path} is of a kind that C2PA does not take; use ECDSA, Ed25519, or RSA of 2048 bits and more")


def _make() -> tuple[bytes, bytes]:
    """A certificate with its authority, and its private key, both PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    owner = f"SyncLips user {secrets.token_hex(4)}"
    issued = _issue("SyncLips authority", authority, authority), _issue(owner, key, authority)
    chain = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in reversed(issued))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return chain, secret


def _issue(name: str, key: "EllipticCurvePrivateKey", authority: "EllipticCurvePrivateKey") -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    is_authority = key is authority
    start = datetime.now(UTC) - timedelta(days=1)
    usage = x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("SyncLips authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(usage, critical=True)
    )
    if not is_authority:
        protection = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(protection, critical=False)
    return builder.sign(authority, hashes.SHA256())


def _name(common: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    words = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, ORGANIZATION))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in words])
