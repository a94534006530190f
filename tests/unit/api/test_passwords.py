"""Passwords as hashes."""

from edge.api.passwords import Passwords


async def test_only_the_right_password_fits_and_it_is_not_in_the_hash() -> None:
    passwords = Passwords()
    made = await passwords.hash("correct horse")
    assert made.startswith("$argon2id$")
    assert "correct" not in made
    assert await passwords.check("correct horse", made)
    assert not await passwords.check("Correct horse", made)


async def test_nobody_has_no_password() -> None:
    assert not await Passwords().check("nobody has this password", None)


async def test_a_damaged_hash_fits_nothing() -> None:
    assert not await Passwords().check("x", "$argon2id$broken")
