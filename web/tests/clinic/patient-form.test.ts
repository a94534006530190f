import { expect, test } from "vitest";
import { checkDraft, EMPTY_DRAFT, isChild, toPatient } from "../../src/clinic/patient-form";

const now = Date.parse("2026-11-21T12:00:00Z");
const draft = (over: Partial<typeof EMPTY_DRAFT>) => ({ ...EMPTY_DRAFT, ...over });

test("what was typed becomes DICOM values", () => {
  const typed = draft({ family: " ZZDEMO ", given: "Amara  Neema", id: "ZZ-1", birth: "2026-09-01", sex: "F", sizeCm: "58,5", weightKg: "5.2", responsible: "Mary Ann Lee", responsibleRole: "PARENT" });
  expect(toPatient(typed)).toEqual({
    name: "ZZDEMO^Amara Neema", patient_id: "ZZ-1", birth_date: "20260901", sex: "F", size_m: 0.585, weight_kg: 5.2,
    responsible_person: "Lee^Mary Ann", responsible_person_role: "PARENT",
  });
});

test("nothing typed stays empty: nothing is invented", () => {
  expect(toPatient(EMPTY_DRAFT)).toEqual({
    name: "", patient_id: "", birth_date: "", sex: "", size_m: null, weight_kg: null, responsible_person: "", responsible_person_role: "",
  });
});

test("the letters that part a name cannot come in by a name", () => expect(toPatient(draft({ family: "A^B=C\\D", given: "E" })).name).toBe("A B C D^E"));

test("a name or an ID is enough, neither is not", () => {
  expect(checkDraft(draft({ family: "ZZDEMO" }), now)).toEqual({});
  expect(checkDraft(draft({ id: "4711" }), now)).toEqual({});
  expect(Object.keys(checkDraft(EMPTY_DRAFT, now))).toEqual(["family"]);
});

test("impossible values are told at their field", () => {
  const errors = checkDraft(draft({ family: "A", birth: "2027-01-01", sizeCm: "5", weightKg: "many" }), now);
  expect(Object.keys(errors).sort()).toEqual(["birth", "sizeCm", "weightKg"]);
});

test("a newborn is a child, an adult and an unknown age are not", () => {
  expect(isChild(draft({ birth: "2026-11-21" }), now)).toBe(true);
  expect(isChild(draft({ birth: "1990-01-01" }), now)).toBe(false);
  expect(isChild(EMPTY_DRAFT, now)).toBe(false);
});
