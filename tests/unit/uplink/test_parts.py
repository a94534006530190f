"""Objects in parts over a way made by hand: what breaks costs a part, a refusal is said, what is small goes whole."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from edge.core.delivery import Outcome
from edge.errors import UnreachableError
from edge.net.parcel import Answer, Parcel
from edge.store import parts
from edge.store.database import Database
from edge.store.parts import PartState
from edge.uplink import parts as uplink_parts
from edge.uplink.parts import BARREN_COUNT_MAX, Cut, Parts, PartsCarrier

ACCEPTED = Answer(outcome=Outcome.ACCEPTED)
BROKEN = Answer(outcome=Outcome.FAILED, reason="the connection broke", is_link_fault=True)
LARGE_BYTES, PART_BYTES = 1000, 300


class FakeCut:
    """Cuts a file into pieces of its bytes."""

    def __init__(self, path: Path, part_bytes_max: int) -> None:
        self._data, self._size = path.read_bytes(), part_bytes_max
        count = -(-len(self._data) // part_bytes_max)
        self.uids = [f"{path.name}.{number}" for number in range(1, count + 1)]
        self.firsts = list(range(count))

    def write(self, number: int, target: Path) -> None:
        target.write_bytes(self._data[(number - 1) * self._size : number * self._size])


class FakeCarrier:
    """A destination and its way; `answers` are given one after the other, then everything is accepted."""

    def __init__(self, answers: Sequence[Answer | Exception] = ()) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, bytes]] = []
        self.open_count = 0
        self.is_open = True
        self.is_batched = False
        self.on_send: Callable[[], None] = lambda: None

    def check(self) -> None:
        """It is there."""

    def abort(self) -> None:
        """Nothing is under way."""

    def open(self, parcels: Sequence[Parcel]) -> Any:
        self.open_count += 1
        if self.answers and isinstance(self.answers[0], Exception):
            raise self.answers.pop(0)  # type: ignore[misc]
        self.is_open = True
        return nullcontext(self)

    def fits(self, parcel: Parcel) -> bool:
        return True

    def send_each(self, parcels: Sequence[Parcel]) -> Iterator[Answer]:
        for parcel in parcels:
            self.on_send()
            answer = self.answers.pop(0) if self.answers else ACCEPTED
            assert isinstance(answer, Answer)
            self.is_open = not answer.is_link_fault
            if answer.outcome is Outcome.ACCEPTED:
                self.got.append((parcel.sop_instance_uid, parcel.path.read_bytes()))
            yield answer


class Scene:
    """A carrier for parts around a fake one, with a real index."""

    def __init__(
        self, folder: Path, *answers: Answer | Exception, cutter: Callable[[Path, int], Cut | None] = FakeCut
    ) -> None:
        self.folder = folder
        self.database = Database(folder / "edge.db")
        self.inner = FakeCarrier(answers)
        temps = iter(folder / f"temp{number}" for number in range(1000))
        self.carrier = PartsCarrier(
            self.inner, Parts(self.database, "vna", cutter, PART_BYTES, lambda: next(temps))
        )  # fmt: skip

    def parcel(self, uid: str, size_bytes: int = LARGE_BYTES) -> Parcel:
        path = self.folder / uid
        path.write_bytes(bytes(number % 251 for number in range(size_bytes)))
        return Parcel(path=path, sop_class_uid="1.2", sop_instance_uid=uid, transfer_syntax_uid="1.2.840.10008.1.2.1")

    def send(self, *parcels: Parcel) -> list[Answer]:
        with self.carrier.open(parcels) as way:
            return list(way.send_each(parcels))

    def states(self, uid: str) -> list[str]:
        return [row.state.value for row in parts.of_object(self.database, "vna", uid)]

    def joined(self) -> bytes:
        return b"".join(data for _, data in self.inner.got)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_large_object_goes_in_parts_and_no_file_of_one_is_left(scene: Scene) -> None:
    parcel = scene.parcel("1.2.3")
    (answer,) = scene.send(parcel)
    assert (answer.outcome, answer.sent_bytes) == (Outcome.ACCEPTED, LARGE_BYTES)
    assert [uid for uid, _ in scene.inner.got] == ["1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4"]
    assert scene.joined() == parcel.path.read_bytes()
    assert scene.states("1.2.3") == ["sent"] * 4
    assert list(scene.folder.glob("temp*")) == []


def test_small_and_large_keep_their_order(scene: Scene) -> None:
    sent = scene.send(scene.parcel("1.1", 10), scene.parcel("1.2"), scene.parcel("1.3", 10))
    assert [answer.outcome for answer in sent] == [Outcome.ACCEPTED] * 3
    assert [uid for uid, _ in scene.inner.got] == ["1.1", "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.3"]


def test_what_cannot_be_cut_goes_whole(tmp_path: Path) -> None:
    scene = Scene(tmp_path, cutter=lambda path, part_bytes_max: None)
    scene.send(scene.parcel("1.2.3"))
    assert [uid for uid, _ in scene.inner.got] == ["1.2.3"]


def test_a_connection_that_breaks_costs_its_part_and_is_opened_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ACCEPTED, BROKEN, ACCEPTED, BROKEN, BROKEN)
    parcel = scene.parcel("1.2.3")
    (answer,) = scene.send(parcel)
    assert answer.outcome is Outcome.ACCEPTED
    assert scene.inner.open_count == 1 + 3
    assert scene.joined() == parcel.path.read_bytes()


def test_a_link_over_which_nothing_comes_is_down_and_what_came_is_not_sent_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ACCEPTED, *[BROKEN] * BARREN_COUNT_MAX)
    parcel = scene.parcel("1.2.3")
    (answer,) = scene.send(parcel)
    assert (answer.outcome, answer.is_link_fault) == (Outcome.FAILED, True)
    assert answer.reason == "part 2 of 4: the connection broke"
    scene.send(parcel)
    assert [uid for uid, _ in scene.inner.got] == ["1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4"]


def test_a_destination_that_has_gone_meanwhile_is_a_link_that_is_down(tmp_path: Path) -> None:
    gone = UnreachableError("vna does not answer.")
    scene = Scene(tmp_path, ACCEPTED, BROKEN, gone, gone)
    (answer,) = scene.send(scene.parcel("1.2.3"))
    assert (answer.is_link_fault, answer.reason) == (True, "part 2 of 4: vna does not answer")


def test_a_refused_part_is_for_a_person(tmp_path: Path) -> None:
    refused = Answer(outcome=Outcome.REFUSED, reason="refused with status 0xA900")
    scene = Scene(tmp_path, ACCEPTED, refused)
    (answer,) = scene.send(scene.parcel("1.2.3"))
    assert (answer.outcome, answer.reason) == (Outcome.REFUSED, "part 2 of 4: refused with status 0xA900")
    assert scene.states("1.2.3") == ["sent", "waiting", "waiting", "waiting"]


def test_a_turn_that_is_over_leaves_the_rest_for_the_next(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(uplink_parts, "mono_s", lambda: now_s[0])
    scene.inner.on_send = lambda: now_s.__setitem__(0, now_s[0] + 0.6 * uplink_parts.TURN_S)
    parcel = scene.parcel("1.2.3")
    (answer,) = scene.send(parcel)
    assert (answer.is_unfinished, answer.reason, answer.sent_bytes) == (True, "2 of 4 parts are there", 2 * PART_BYTES)
    (answer,) = scene.send(parcel)
    assert (answer.outcome, answer.is_unfinished) == (Outcome.ACCEPTED, False)
    assert scene.joined() == parcel.path.read_bytes()


def test_an_abort_ends_after_the_part_in_hand(scene: Scene) -> None:
    scene.inner.on_send = scene.carrier.abort
    (answer,) = scene.send(scene.parcel("1.2.3"))
    assert (answer.is_unfinished, answer.reason) == (True, "1 of 4 parts are there")


def test_an_object_that_has_begun_keeps_its_cut(scene: Scene) -> None:
    parcel = scene.parcel("1.2.3")
    scene.inner.on_send = scene.carrier.abort
    scene.send(parcel)
    scene.inner.on_send = lambda: None
    scene.carrier.parts = Parts(scene.database, "vna", FakeCut, 50, lambda: scene.folder / "temp")
    scene.send(parcel)
    assert scene.joined() == parcel.path.read_bytes()
    assert len(scene.states("1.2.3")) == 4


def test_what_was_proven_goes_again_when_somebody_wants_it_sent(scene: Scene) -> None:
    parcel = scene.parcel("1.2.3")
    scene.send(parcel)
    for number in range(1, 5):
        parts.move(scene.database, "vna", "1.2.3", number, PartState.SAFE)
    scene.send(parcel)
    assert len(scene.inner.got) == 8


def test_the_largest_objects_have_larger_parts_not_more_than_allowed(scene: Scene) -> None:
    size = 2 * PART_BYTES * uplink_parts.PART_COUNT_MAX
    scene.send(scene.parcel("1.2.3", size))
    assert len(scene.states("1.2.3")) == uplink_parts.PART_COUNT_MAX
