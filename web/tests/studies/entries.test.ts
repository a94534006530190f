import { describe, expect, test } from "vitest";

import type { InstanceRow, SeriesRow, StudyDetail } from "../../src/lib/shapes";
import { entriesOf, entryKey } from "../../src/studies/entries";

function instance(uid: string, fields: Partial<InstanceRow>): InstanceRow {
  return {
    sop_instance_uid: uid,
    sop_class_uid: "",
    kind: "other",
    frame_count: 1,
    rows: 0,
    columns: 0,
    number: 1,
    frame_time_ms: null,
    transfer_syntax_uid: "",
    size_bytes: 1,
    gaps: "",
    is_recovered: false,
    content_s: null,
    ...fields,
  };
}

function studyOf(...series: [number, InstanceRow[]][]): StudyDetail {
  const rows = series.map(([number, instances]): SeriesRow => ({ series_instance_uid: `s${number}`, modality: "US", number, description: "", instances }));
  return { series: rows } as unknown as StudyDetail;
}

describe("what of a study is shown", () => {
  test("series and objects stand by their numbers; without one, last", () => {
    const study = studyOf(
      [2, [instance("c", { kind: "still", number: 1 })]],
      [1, [instance("none", { kind: "still", number: null as unknown as number }), instance("b", { kind: "clip", frame_count: 9, number: 2 }), instance("a", { kind: "still", number: 1 })]],
    );
    expect(entriesOf(study).map(entryKey)).toEqual(["a", "b", "none", "c"]);
  });

  test("the levels of a slide are one thing", () => {
    const study = studyOf([1, [instance("l1", { kind: "slide" }), instance("l2", { kind: "slide" })]]);
    expect(entriesOf(study).map((entry) => [entry.kind, entryKey(entry)])).toEqual([["slide", "s1"]]);
  });

  test("an object of another kind with pixels is shown as what it looks like; without pixels it is offered as a file", () => {
    const study = studyOf([1, [
      instance("ct", { rows: 512, columns: 512, number: 1 }),
      instance("xa", { rows: 512, columns: 512, frame_count: 40, number: 2 }),
      instance("sr", { number: 3 }),
    ]]);
    expect(entriesOf(study).map((entry) => entry.kind)).toEqual(["still", "clip", "other"]);
  });

  test("a clip of a single picture needs no transport", () => {
    expect(entriesOf(studyOf([1, [instance("a", { kind: "clip", frame_count: 1 })]]))[0]?.kind).toBe("still");
  });
});
