import { expect, test } from "vitest";
import { matches } from "../../src/clinic/worklist-search";
import type { WorklistEntry } from "../../src/lib/shapes";

const entry = { patient: { name: "ZZDEMO^José Antônio", patient_id: "ZZ-1004" }, order: { accession_number: "A77" } } as WorklistEntry;

test.each([["", true], ["jose", true], ["ANTONIO zz", true], ["1004", true], ["a77", true], ["maria", false], ["jose maria", false]])(
  "a search for «%s» finds: %s", (text, isFound) => expect(matches(entry, text)).toBe(isFound),
);
