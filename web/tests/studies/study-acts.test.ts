import { expect, test } from "vitest";
import { ohifHref } from "../../src/studies/study-acts";

test("a slide opens in OHIF's microscope, everything else in its viewer", () => {
  expect(ohifHref({ study_instance_uid: "1.2.3", modalities: ["SM"] })).toBe("/ohif/microscopy?StudyInstanceUIDs=1.2.3");
  expect(ohifHref({ study_instance_uid: "1.2.3", modalities: ["US"] })).toBe("/ohif/viewer?StudyInstanceUIDs=1.2.3");
});
