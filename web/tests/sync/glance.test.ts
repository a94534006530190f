import { describe, expect, test } from "vitest";

import { glanceOf, plotPoints, shareDone, outages } from "../../src/sync/glance";
import type { DeliveryState as State, OutboxDestination as Destination, OutboxStudy as StudyDelivery } from "../../src/lib/shapes";

function destination(name: string, link: Destination["link"]["state"], counts: Partial<Record<State, number>> = {}): Destination {
  return {
    name,
    kind: "dimse",
    is_required: true,
    link: { state: link, rate_bytes_s: 0, since_s: 0, next_try_s: null, reason: "" },
    counts: { waiting: 0, sending: 0, sent: 0, committed: 0, safe: 0, held: 0, cancelled: 0, ...counts },
    bytes_left: 0,
    bytes_done: 0,
    eta_s: null,
    sentence: "",
    history: [],
  };
}

function row(study: string, to: string, state: State): StudyDelivery {
  return {
    study_instance_uid: study,
    patient_name: "",
    description: "",
    destination: to,
    state,
    done: 0,
    total: 1,
    bytes_left: 1,
    reason: "",
    next_try_s: null,
  };
}

describe("one glance", () => {
  test("nothing open anywhere means everything has arrived", () => {
    expect(glanceOf({ destinations: [destination("vna", "up")], studies: [] })).toEqual({ kind: "arrived" });
  });

  test("rows of studies already sent do not count as on their way", () => {
    const outbox = { destinations: [destination("vna", "up")], studies: [row("1", "vna", "safe"), row("2", "vna", "sent")] };
    expect(glanceOf(outbox)).toEqual({ kind: "arrived" });
  });

  test("a study on its way to two places is one study", () => {
    const outbox = {
      destinations: [destination("vna", "up"), destination("hub", "up")],
      studies: [row("1", "vna", "sending"), row("1", "hub", "waiting"), row("2", "vna", "waiting")],
    };
    expect(glanceOf(outbox)).toEqual({ kind: "moving", studies: 2 });
  });

  test("what needs a person is said before what moves by itself", () => {
    const outbox = { destinations: [destination("vna", "up")], studies: [row("1", "vna", "sending"), row("2", "vna", "held")] };
    expect(glanceOf(outbox)).toEqual({ kind: "held", studies: 1 });
  });

  test("nothing can move when every place it goes to is out of reach", () => {
    const outbox = {
      destinations: [destination("vna", "down"), destination("hub", "up")],
      studies: [row("1", "vna", "waiting")],
    };
    expect(glanceOf(outbox)).toEqual({ kind: "unreachable", studies: 1, destinations: ["vna"] });
  });

  test("counts of objects waiting are believed even before the studies are listed", () => {
    expect(glanceOf({ destinations: [destination("vna", "up", { waiting: 2 })], studies: [] })).toEqual({
      kind: "moving",
      studies: 0,
    });
  });

  test("a node without destinations does not claim that all has arrived", () => {
    expect(glanceOf({ destinations: [], studies: [] })).toEqual({ kind: "nowhere" });
  });
});

describe("progress and history", () => {
  test("the share is of bytes, and there is none with nothing to send", () => {
    expect(shareDone({ ...destination("vna", "up"), bytes_done: 43, bytes_left: 57 })).toBeCloseTo(0.43, 9);
    expect(shareDone(destination("vna", "up"))).toBeNull();
  });

  test("the plot fills its box: oldest left, fastest on top", () => {
    const points = plotPoints([{ t_s: 10, bytes_s: 0 }, { t_s: 15, bytes_s: 50 }, { t_s: 20, bytes_s: 100 }], 200, 40);
    expect(points).toEqual([{ x: 0, y: 40 }, { x: 100, y: 20 }, { x: 200, y: 0 }]);
  });

  test("one point is no history", () => expect(plotPoints([{ t_s: 10, bytes_s: 5 }], 200, 40)).toEqual([]));
});

describe("the outages of a link", () => {
  const point = (t_s: number, up: number | null) => ({ t_s, bytes_s: 0, up });

  test("are stretches of the plot, neighbours joined", () => {
    const history = [point(0, 1), point(300, 0), point(600, 0.2), point(900, 1), point(1200, 0)];
    expect(outages(history, 300, 400)).toEqual([{ x: 100, width: 200 }]);
    expect(outages([...history, point(1500, 1)], 300, 500)).toEqual([{ x: 100, width: 200 }, { x: 400, width: 100 }]);
  });

  test("are none where nothing is known, or the link was up", () => {
    expect(outages([point(0, null), point(300, 1), point(600, null)], 300, 100)).toEqual([]);
    expect(outages([], 300, 100)).toEqual([]);
  });
});
