import { useState } from "preact/hooks";
import { Button } from "../components/button";
import { Dialog } from "../components/dialog";
import { Field } from "../components/field";
import { sayError } from "../components/toast";
import { api } from "../lib/api";
import { useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { StudyDetail } from "../lib/shapes";

const SUGGESTED_MAX = 8;

/** The words on a study: added by typing or from those in use, taken away one by one. */
export function LabelsDialog({ study, onClose, onSaved }: { study: StudyDetail; onClose: () => void; onSaved: () => void }) {
  const [labels, setLabels] = useState<string[]>(study.labels);
  const [typed, setTyped] = useState("");
  const [isBusy, setBusy] = useState(false);
  const known = useRemote((signal) => api.labels(signal));
  const add = (label: string): void => {
    const word = label.trim();
    if (word && !labels.includes(word)) setLabels([...labels, word]);
    setTyped("");
  };
  const save = async (): Promise<void> => {
    setBusy(true);
    try {
      const last = typed.trim();
      await api.putLabels(study.study_instance_uid, last ? [...labels, last] : labels);
      onSaved();
    } catch (reason) {
      sayError(reason);
      setBusy(false);
    }
  };
  const others = (known.data ?? []).map((row) => row.label).filter((label) => !labels.includes(label)).slice(0, SUGGESTED_MAX);
  return (
    <Dialog
      title={t("study.labels")} width="s" onClose={onClose}
      actions={<Button kind="primary" isBusy={isBusy} onClick={() => void save()}>{t("study.labels.save")}</Button>}
    >
      <div class="stack">
        <p class="quiet small">{t("study.labels.hint")}</p>
        {labels.length === 0 ? <p class="quiet">{t("study.labels.none")}</p> : (
          <ul class="label-edit">
            {labels.map((label) => (
              <li key={label} class="label-chip">
                {label}
                <Button kind="quiet" icon="cross" isIconOnly onClick={() => setLabels(labels.filter((one) => one !== label))}>{t("study.labels.remove", { label })}</Button>
              </li>
            ))}
          </ul>
        )}
        <form class="label-add" onSubmit={(event) => { event.preventDefault(); add(typed); }}>
          <Field label={t("study.labels.add")} value={typed} maxLength={40} onValue={setTyped} />
          <Button icon="plus" type="submit" isIconOnly>{t("study.labels.add")}</Button>
        </form>
        {others.length > 0 ? (
          <div class="stack">
            <p class="quiet small">{t("study.labels.used")}</p>
            <div class="label-edit">
              {others.map((label) => <Button key={label} kind="quiet" icon="plus" onClick={() => add(label)}>{label}</Button>)}
            </div>
          </div>
        ) : null}
      </div>
    </Dialog>
  );
}
