import { useState } from "preact/hooks";
import { Dialog } from "../components/dialog";
import { EmptyState } from "../components/empty-state";
import { Icon } from "../components/icon";
import { StateChip } from "../components/state-chip";
import { t } from "../lib/i18n";
import type { SourceState } from "../lib/shapes";

/** Which probe? Each with its state in words. */
export function SourceDialog({ sources, onChoose, onClose }: { sources: readonly SourceState[]; onChoose: (name: string) => Promise<void>; onClose: () => void }) {
  const [isBusy, setBusy] = useState(false);
  const choose = async (name: string) => {
    setBusy(true);
    await onChoose(name);
    onClose();
  };
  return (
    <Dialog title={t("clinic.source.title")} onClose={onClose}>
      {sources.length === 0 ? <EmptyState icon="probe" title={t("clinic.source.none")} hint={t("clinic.source.none.hint")} /> : null}
      <ul class="stack">
        {sources.map((source) => (
          <li key={source.name}>
            <button type="button" class="source-choice" disabled={isBusy} onClick={() => void choose(source.name)}>
              <Icon name="probe" size={24} />
              <span class="grow">
                <span class="source-name">{source.name}</span>
                <span class="quiet small">{[source.manufacturer, source.model].filter(Boolean).join(" ")}</span>
              </span>
              <SourceChip source={source} />
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

/** Whether a probe sends pictures. */
export function SourceChip({ source }: { source: SourceState }) {
  if (source.state === "live") return <StateChip tone="ok" icon="ok">{t("source.live")}</StateChip>;
  return <StateChip tone="warn" icon="warning">{source.reason || t(`source.${source.state}`)}</StateChip>;
}
