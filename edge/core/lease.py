"""Who guides an exam: one at a time.

    free ──asked and granted, or let in while free──▶ held ──gone──▶ kept 60 s ──▶ free
                                                      held ──handed over──▶ held by another

Pure: time is handed in. A holder is known by the invitation it came by, so that a reconnect is the same person.
"""

from dataclasses import dataclass, replace

from edge.errors import ConflictError, NotFoundError

KEPT_S = 60.0
"""For a guide whose connection is gone: as long as the reconnects of a call take."""
ASKING_COUNT_MAX = 16


class NotGuidingError(ConflictError):
    """Somebody else guides."""

    code = "guide.taken"
    next_step = "Ask to guide; the bedside decides."


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may guide."""

    key: str
    """The invitation or account; the same after a reconnect."""
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """How it stands with one exam."""

    holder: Person | None = None
    gone_s: float | None = None
    """Since when the holder is away."""
    asking: tuple[Person, ...] = ()
    present: tuple[str, ...] = ()
    """Keys of the specialists who are in the call now; one entry a connection."""

    def joined(self, person: Person) -> "Lease":
        """A specialist came in: whom the bedside lets in while nobody guides, guides."""
        here = replace(self, present=(*self.present, person.key))
        if here.holder is None:
            return here.granted(person)
        if here.holder.key == person.key:
            return replace(here, holder=person, gone_s=None)
        return here

    def left(self, key: str, *, now_s: float) -> "Lease":
        """A connection ended; the holder keeps the lease for a while."""
        present = list(self.present)
        if key in present:
            present.remove(key)
        here = replace(self, present=tuple(present))
        if key in present:
            return here
        here = replace(here, asking=tuple(person for person in here.asking if person.key != key))
        return replace(here, gone_s=now_s) if here.holder is not None and here.holder.key == key else here

    def expired(self, *, now_s: float) -> "Lease":
        """Give up a lease whose holder stayed away."""
        if self.gone_s is None or now_s - self.gone_s < KEPT_S:
            return self
        return replace(self, holder=None, gone_s=None)

    def asked(self, person: Person) -> "Lease":
        """Somebody would like to guide. Asking twice is asking once; the holder need not ask."""
        if person.key in {known.key for known in (*self.asking, *([self.holder] if self.holder else []))}:
            return self
        return replace(self, asking=(*self.asking, person)[-ASKING_COUNT_MAX:])

    def granted(self, person: Person) -> "Lease":
        """Give it to this one."""
        asking = tuple(known for known in self.asking if known.key != person.key)
        gone_s = None if person.key in self.present else self.gone_s
        return replace(self, holder=person, asking=asking, gone_s=gone_s)

    def refused(self, key: str) -> "Lease":
        """Somebody who asked does not get it."""
        return replace(self, asking=tuple(person for person in self.asking if person.key != key))

    def released(self) -> "Lease":
        """Nobody guides now."""
        return replace(self, holder=None, gone_s=None)

    def require(self, key: str) -> None:
        """Let pass who guides, and anybody while nobody does.  Raises: NotGuidingError."""
        if self.holder is not None and self.holder.key != key:
            raise NotGuidingError(f"{self.holder.name or 'Somebody else'} guides this exam.")

    def who_asked(self, key: str) -> Person:
        """Raises: NotFoundError."""
        for person in self.asking:
            if person.key == key:
                return person
        raise NotFoundError("Nobody with that name asks to guide any more.")
