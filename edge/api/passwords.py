"""Passwords as argon2id hashes; hashing costs 64 MiB and tens of milliseconds, so it never runs in the event loop."""

import asyncio
import functools

import argon2

HASHING_COUNT_MAX = 2
"""At once: memory is bounded however many people sign in."""

_hasher = argon2.PasswordHasher()


class Passwords:
    """Makes and checks hashes in threads, few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(HASHING_COUNT_MAX)

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(_hasher.hash, password)

    async def check(self, password: str, password_hash: str | None) -> bool:
        """Tell whether it fits. Without a hash (no such user) it takes as long and is False: names cannot be probed."""
        async with self._slots:
            return await asyncio.to_thread(_check, password, password_hash)


def _check(password: str, password_hash: str | None) -> bool:
    try:
        _hasher.verify(password_hash or _nobody(), password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return password_hash is not None


@functools.cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
