import { expect, test } from "vitest";
import { EMPTY_ROOM, mergeView, takeMessage, takePointer, tidy, type Room } from "../../src/lib/room";
import type { SessionView } from "../../src/lib/shapes";

const from = { peer_id: "p1", name: "Dr. A", role: "specialist" };
const ask = (room: Room, id: string) => takeMessage(room, { type: "request", request_id: id, text: "freeze", from }, 1000);

test("a request is shown once and carries its answer", () => {
  let room = ask(ask(EMPTY_ROOM, "r1"), "r1");
  expect(room.requests).toHaveLength(1);
  room = takeMessage(room, { type: "request.answer", request_id: "r1", answer: "cannot" }, 2000);
  expect(room.requests[0]).toMatchObject({ id: "r1", text: "freeze", answer: "cannot", from });
});

test("an unanswered request stays, an answered one goes after it could be read", () => {
  let room = ask(ask(EMPTY_ROOM, "r1"), "r2");
  room = takeMessage(room, { type: "request.answer", request_id: "r1", answer: "done" }, 2000);
  expect(tidy(room, 9999).requests.map((request) => request.id)).toEqual(["r1", "r2"]);
  expect(tidy(room, 10_000).requests.map((request) => request.id)).toEqual(["r2"]);
  expect(tidy(room, 1e9).requests.map((request) => request.id)).toEqual(["r2"]);
});

test("requests without words or name are not shown", () => {
  expect(takeMessage(EMPTY_ROOM, { type: "request", request_id: "x", text: "" }, 0).requests).toEqual([]);
  expect(takeMessage(EMPTY_ROOM, { type: "request", text: "freeze" }, 0).requests).toEqual([]);
});

test("a flood of requests is bounded", () => {
  let room = EMPTY_ROOM;
  for (let count = 0; count < 50; count += 1) room = ask(room, `r${count}`);
  expect(room.requests).toHaveLength(12);
  expect(room.requests.at(-1)!.id).toBe("r49");
});

test("a person has one pointer, within the picture, until it is hidden or rests", () => {
  let room = takePointer(EMPTY_ROOM, { type: "pointer", x: 0.2, y: 0.3, visible: true, from }, 0);
  room = takePointer(room, { type: "pointer", x: 7, y: -1, visible: true, from }, 100);
  expect(room.pointers).toMatchObject([{ x: 1, y: 0, name: "Dr. A" }]);
  expect(tidy(room, 6100).pointers).toEqual([]);
  expect(takePointer(room, { type: "pointer", visible: false, from }, 200).pointers).toEqual([]);
});

test("nothing to tidy leaves the very same room", () => {
  const room = ask(EMPTY_ROOM, "r1");
  expect(tidy(room, 1e6)).toBe(room);
});

test("the patient stays when a newer view keeps it back", () => {
  const patient = { name: "ZZDEMO^Amara" } as SessionView["patient"];
  const old = { session_id: "s", patient, state: "open" } as SessionView;
  expect(mergeView(old, { session_id: "s", patient: null, state: "closed" })).toMatchObject({ patient, state: "closed" });
});

test("an unknown message changes nothing", () => expect(takeMessage(EMPTY_ROOM, { type: "newer" }, 0)).toBe(EMPTY_ROOM));
