import { Button } from "../components/button";
import { Field, SelectField } from "../components/field";
import { api } from "../lib/api";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import { MODALITIES, type SortKey, type StudyQuery, filterCount } from "./query";

export interface StudyFiltersProps {
  query: StudyQuery;
  onChange: (change: Partial<StudyQuery>) => void;
  isOpen: boolean;
  onClear: () => void;
}

/** Modality chips and the order are always in sight; the column filters open below them. */
export function StudyFilters({ query, onChange, isOpen, onClear }: StudyFiltersProps) {
  return (
    <div class="stack">
      <div class="study-chips">
        <ModalityChips query={query} onChange={onChange} />
        <SortChoice query={query} onChange={onChange} />
      </div>
      {isOpen ? (
        <div class="study-filters">
          <Field label={t("studies.filter.from")} type="date" value={query.dateFrom} max={query.dateTo || undefined} onValue={(dateFrom) => onChange({ dateFrom })} />
          <Field label={t("studies.filter.to")} type="date" value={query.dateTo} min={query.dateFrom || undefined} onValue={(dateTo) => onChange({ dateTo })} />
          <Field label={t("studies.filter.patient_id")} value={query.patientId} maxLength={64} onValue={(patientId) => onChange({ patientId })} />
          <Field label={t("studies.filter.description")} value={query.description} maxLength={64} onValue={(description) => onChange({ description })} />
          <Field label={t("studies.filter.accession")} value={query.accession} maxLength={16} onValue={(accession) => onChange({ accession })} />
          <SelectField label={t("studies.filter.delivery")} value={query.delivery} choices={DELIVERIES()} onValue={(delivery) => onChange({ delivery })} />
          <LabelChoice value={query.label} onValue={(label) => onChange({ label })} />
          {filterCount(query) > 0 ? <div class="study-clear"><Button kind="quiet" icon="cross" onClick={onClear}>{t("studies.filters.clear")}</Button></div> : null}
        </div>
      ) : null}
    </div>
  );
}

const DELIVERIES = () => [
  { value: "", label: t("studies.filter.any") },
  ...(["waiting", "held", "arrived", "none"] as const).map((value) => ({ value: value as string, label: t(`delivery.${value}`) })),
];

/** Only where somebody has put labels on studies. */
function LabelChoice({ value, onValue }: { value: string; onValue: (label: string) => void }) {
  const labels = useRemote((signal) => api.labels(signal));
  if (!value && !labels.data?.length) return null;
  const known = (labels.data ?? []).map(({ label, study_count }) => ({ value: label, label: `${label} (${study_count})` }));
  const missing = value && !known.some((choice) => choice.value === value) ? [{ value, label: value }] : [];
  return <SelectField label={t("studies.filter.label")} value={value} choices={[{ value: "", label: t("studies.filter.any") }, ...missing, ...known]} onValue={onValue} />;
}

function ModalityChips({ query, onChange }: Pick<StudyFiltersProps, "query" | "onChange">) {
  const isOn = (codes: readonly string[]): boolean => codes.every((code) => query.modalities.includes(code));
  const toggle = (codes: readonly string[]): void => {
    const others = query.modalities.filter((code) => !codes.includes(code));
    onChange({ modalities: isOn(codes) ? others : [...others, ...codes] });
  };
  return (
    <div class="modality-chips" role="group" aria-label={t("studies.filter.modalities")}>
      {MODALITIES.map(({ name, codes }) => (
        <button
          key={name} type="button" class={isOn(codes) ? "modality-chip modality-on" : "modality-chip"}
          aria-pressed={isOn(codes)} onClick={() => toggle(codes)}
        >
          {t(`studies.modality.${name}`)}
        </button>
      ))}
    </div>
  );
}

const ORDERS = [
  { value: "-date", label: "studies.sort.date" },
  { value: "date", label: "studies.sort.date_up" },
  { value: "patient", label: "studies.sort.patient" },
  { value: "-kept", label: "studies.sort.kept" },
] as const;

function SortChoice({ query, onChange }: Pick<StudyFiltersProps, "query" | "onChange">) {
  const value = query.isDescending ? `-${query.sort}` : query.sort;
  const set = (order: string): void => onChange({ sort: order.replace("-", "") as SortKey, isDescending: order.startsWith("-") });
  const choices = ORDERS.map((order) => ({ value: order.value as string, label: t(order.label) }));
  return <SelectField label={t("studies.sort")} isLabelHidden value={value} choices={choices} onValue={set} />;
}
