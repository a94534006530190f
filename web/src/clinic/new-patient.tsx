import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import { Field, Segments, SelectField } from "../components/field";
import { Icon } from "../components/icon";
import { formatAge } from "../lib/format";
import { t } from "../lib/i18n";
import type { SessionWish, SourceState } from "../lib/shapes";
import { checkDraft, EMPTY_DRAFT, isChild, toPatient, type PatientDraft } from "./patient-form";

const SEXES = ["F", "M", "O", ""] as const;
/** Standard: PS3.3 C.7.1.1, Responsible Person Role */
const ROLES = ["", "PARENT", "GUARDIAN", "SIBLING", "RELATIVE", "OTHER"] as const;
const ROLE_KEYS = {
  "": "clinic.patient.role.none", PARENT: "clinic.patient.role.parent", GUARDIAN: "clinic.patient.role.guardian",
  SIBLING: "clinic.patient.role.sibling", RELATIVE: "clinic.patient.role.relative", OTHER: "clinic.patient.role.other",
} as const;

export interface NewPatientProps {
  sources: readonly SourceState[];
  onStart: (wish: Omit<SessionWish, "source">, source: string | null) => Promise<void>;
  onClose: () => void;
}

/** A patient who is on no list. Only a name or an ID is needed, and in an emergency not even that. */
export function NewPatientDialog({ sources, onStart, onClose }: NewPatientProps) {
  const [draft, setDraft] = useState<PatientDraft>(EMPTY_DRAFT);
  const [reason, setReason] = useState("");
  const [wasSent, setSent] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [source, setSource] = useState(sources[0]?.name ?? "");
  const errors = wasSent ? checkDraft(draft, Date.now()) : {};
  const put = <K extends keyof PatientDraft>(key: K) => (value: PatientDraft[K]) => setDraft((old) => ({ ...old, [key]: value }));
  const go = async (patient: ReturnType<typeof toPatient>) => {
    setBusy(true);
    await onStart({ patient, description: reason.trim() }, source || null);
    setBusy(false);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    setSent(true);
    if (Object.keys(checkDraft(draft, Date.now())).length === 0) void go(toPatient(draft));
  };
  const age = formatAge(draft.birth);
  const actions = (
    <>
      <Button kind="quiet" onClick={onClose}>{t("dialog.cancel")}</Button>
      <Button kind="primary" size="l" icon="probe" isBusy={isBusy} onClick={submit}>{t("clinic.start")}</Button>
    </>
  );
  return (
    <Dialog title={t("clinic.patient.title")} width="l" onClose={onClose} actions={actions}>
      <form class="patient-form" onSubmit={submit} noValidate>
        <button type="button" class="unknown-patient" disabled={isBusy} onClick={() => void go({})}>
          <Icon name="warning" size={24} />
          <span class="grow"><span class="unknown-title">{t("clinic.patient.unknown")}</span><span class="small">{t("clinic.patient.unknown.hint")}</span></span>
          <Icon name="right" />
        </button>
        <Field label={t("clinic.patient.family")} value={draft.family} onValue={put("family")} error={errors.family} autocomplete="off" autofocus maxLength={60} />
        <Field label={t("clinic.patient.given")} value={draft.given} onValue={put("given")} autocomplete="off" maxLength={60} />
        <Field label={t("clinic.patient.id")} value={draft.id} onValue={put("id")} hint={t("clinic.patient.id.hint")} autocomplete="off" maxLength={64} />
        <Field label={t("clinic.patient.birth")} type="date" value={draft.birth} onValue={put("birth")} error={errors.birth} hint={age} />
        <Segments label={t("clinic.patient.sex")} value={draft.sex} choices={SEXES.map((value) => ({ value, label: sexWord(value) }))} onValue={put("sex")} />
        <Field label={t("clinic.patient.reason")} value={reason} onValue={setReason} autocomplete="off" maxLength={64} />
        <Field label={t("clinic.patient.size")} unit="cm" inputMode="decimal" value={draft.sizeCm} onValue={put("sizeCm")} error={errors.sizeCm} autocomplete="off" />
        <Field label={t("clinic.patient.weight")} unit="kg" inputMode="decimal" value={draft.weightKg} onValue={put("weightKg")} error={errors.weightKg} autocomplete="off" />
        {isChild(draft, Date.now()) ? (
          <>
            <h3 class="patient-part"><Icon name="child" />{t("clinic.patient.child")}</h3>
            <Field label={t("clinic.patient.responsible")} value={draft.responsible} onValue={put("responsible")} autocomplete="off" maxLength={60} />
            <SelectField
              label={t("clinic.patient.role")} value={draft.responsibleRole as (typeof ROLES)[number]}
              choices={ROLES.map((value) => ({ value, label: t(ROLE_KEYS[value]) }))} onValue={put("responsibleRole")}
            />
          </>
        ) : null}
        {sources.length > 1 ? (
          <SelectField label={t("clinic.patient.probe")} value={source} choices={sources.map((row) => ({ value: row.name, label: row.name }))} onValue={setSource} />
        ) : null}
        <button type="submit" class="only-heard" tabIndex={-1} aria-hidden="true">{t("clinic.start")}</button>
      </form>
    </Dialog>
  );
}

function sexWord(sex: (typeof SEXES)[number]): string {
  if (sex === "") return t("clinic.patient.sex.unknown");
  return t(sex === "F" ? "sex.f" : sex === "M" ? "sex.m" : "sex.o");
}
