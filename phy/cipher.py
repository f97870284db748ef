"""AES in counter and in Galois/counter mode over payloads of any number of bits.

CTR keeps the length and turns one flipped ciphertext bit into one flipped plaintext bit. GCM works on whole
bytes, appends a 128-bit tag and gives out nothing whose tag does not agree. The initial counter block of both
is a 96-bit nonce and a 32-bit block counter.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as RawCipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray
from pydantic import Field

from phy.bits import pack, unpack

TAG_BITS = 128
TEST_KEY = bytes(range(32))
"""The marked test key, 00 01 02 ... 1f: public, for scenarios that are shown and tested."""


@dataclass(frozen=True, kw_only=True)
class KeySource:
    """Where the key lies: exactly one of the public test key, a file, or an environment variable.

    A file holds the raw bytes or their hexadecimal text; a variable holds hexadecimal text. The key itself is
    never a field, so that neither a scenario nor a manifest can carry it.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    test: bool = False
    file: str | None = None
    env: str | None = None
    bits: Literal[128, 256] = 128

    def __post_init__(self) -> None:
        if sum([self.test, self.file is not None, self.env is not None]) != 1:
            raise ValueError("key: must name exactly one of test, file, env; write {env: NAME}")
        self.read()

    def read(self) -> bytes:
        """The key, bits/8 bytes; ValueError where it cannot be had or has another length."""
        if self.test:
            return TEST_KEY[: self.bits // 8]
        where, raw = self._raw()
        text = _from_hex(raw)  # so that 32 digits are never taken for 32 bytes, half a key
        key = raw if text is None and self.env is None else text
        if key is None or len(key) != self.bits // 8:
            rule = f"must hold {self.bits // 8} bytes, raw or as {self.bits // 4} hexadecimal digits"
            raise ValueError(f"key: {where} {rule}, got {len(raw)} bytes; write another key, or set bits")
        return key

    def mistaken(self) -> bytes:
        """A wrong key as near as one can be: the last bit is another."""
        key = self.read()
        return key[:-1] + bytes([key[-1] ^ 1])

    @property
    def check(self) -> str:
        """8 hex digits that tell two keys apart, and nobody the key: SHA-256, cut short."""
        return sha256(b"linksim key check " + self.read()).hexdigest()[:8]

    def _raw(self) -> tuple[str, bytes]:
        if self.env is not None:
            if self.env not in os.environ:
                raise ValueError(
                    f"key.env: must be set in the environment, got no {self.env!r}; export {self.env}=<hex>"
                )
            return f"environment variable {self.env!r}", os.environ[self.env].encode()
        try:
            return f"file {self.file!r}", Path(self.file).expanduser().read_bytes()
        except OSError as error:
            raise ValueError(
                f"key.file: must be readable, got {self.file!r} ({error.strerror}); check the path"
            ) from None


def _from_hex(raw: bytes) -> bytes | None:
    try:
        return bytes.fromhex(raw.decode("ascii"))
    except ValueError:
        return None


def ctr(key: bytes, nonce: bytes, data: bytes, first_block: int = 0) -> bytes:
    """data xor AES-CTR's key stream from counter block nonce || first_block (32 bits)."""
    return RawCipher(AES(key), CTR(nonce + first_block.to_bytes(4, "big"))).encryptor().update(data)


@dataclass(frozen=True, kw_only=True)
class AesCtr:
    """AES-CTR (NIST SP 800-38A): as many bits out as in, no authentication."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["aes-ctr"] = "aes-ctr"
    key: KeySource

    granule: ClassVar[int] = 1
    tag_bits: ClassVar[int] = 0

    def encrypt(self, payload: NDArray[np.uint8], nonce: bytes, header: bytes) -> NDArray[np.uint8]:
        """Ciphertext of uint8 [n] bits, uint8 [n]; the header is not bound."""
        return unpack(ctr(self.key.read(), nonce, pack(payload)), payload.size)

    def decrypt(
        self, body: NDArray[np.uint8], n_bits: int, nonce: bytes, header: bytes, wrong_key: bool = False
    ) -> NDArray[np.uint8] | None:
        """The payload of uint8 [n_bits] ciphertext bits; under a wrong key, bits that look random."""
        key = self.key.mistaken() if wrong_key else self.key.read()
        return unpack(ctr(key, nonce, pack(body)), body.size)


@dataclass(frozen=True, kw_only=True)
class AesGcm:
    """AES-GCM (NIST SP 800-38D) with a 128-bit tag over ciphertext and header; payloads fill whole bytes."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["aes-gcm"] = "aes-gcm"
    key: KeySource

    granule: ClassVar[int] = 8
    tag_bits: ClassVar[int] = TAG_BITS

    def encrypt(self, payload: NDArray[np.uint8], nonce: bytes, header: bytes) -> NDArray[np.uint8]:
        """Ciphertext and tag of uint8 [n] bits: uint8 [8 ceil(n/8) + 128]."""
        return unpack(AESGCM(self.key.read()).encrypt(nonce, pack(payload), header))

    def decrypt(
        self, body: NDArray[np.uint8], n_bits: int, nonce: bytes, header: bytes, wrong_key: bool = False
    ) -> NDArray[np.uint8] | None:
        """The payload, uint8 [n_bits], or None where the tag does not agree, as under a wrong key."""
        key = self.key.mistaken() if wrong_key else self.key.read()
        try:
            return unpack(AESGCM(key).decrypt(nonce, pack(body), header), n_bits)
        except InvalidTag:
            return None


Cipher = Annotated[AesCtr | AesGcm, Field(discriminator="kind")]
