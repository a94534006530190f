import { useState } from "preact/hooks";
import { Button, LinkButton } from "../components/button";
import { Menu } from "../components/menu";
import { t } from "../lib/i18n";
import { useMay, useMe } from "../lib/me";
import type { StudyDetail } from "../lib/shapes";
import { LabelsDialog } from "./labels-dialog";
import { SendDialog } from "./send-dialog";
import { ShareDialog } from "./share-dialog";

type Open = "labels" | "share" | "send" | null;

/** What can be done with a study: what is done most in sight, the rest behind "More". */
export function StudyActs({ study, onChange }: { study: StudyDetail; onChange: () => void }) {
  const [open, setOpen] = useState<Open>(null);
  const me = useMe();
  const [mayMark, mayShare, maySend] = [useMay("mark_studies"), useMay("share_studies"), useMay("run_outbox")];
  const hasOhif = me.kind === "in" && (me.me.viewers ?? []).includes("ohif");
  const close = (): void => setOpen(null);
  return (
    <>
      {hasOhif ? <LinkButton icon="eye" href={ohifHref(study)} target="_blank">{t("study.open_ohif")}</LinkButton> : null}
      {mayShare ? <Button icon="share" onClick={() => setOpen("share")}>{t("study.share")}</Button> : null}
      <Menu label={t("study.more")} icon="more" isIconOnly>
        {(closeMenu) => (
          <div class="menu-list">
            {mayMark ? <Button kind="quiet" icon="tag" onClick={() => { closeMenu(); setOpen("labels"); }}>{t("study.labels")}</Button> : null}
            {maySend ? <Button kind="quiet" icon="upload" onClick={() => { closeMenu(); setOpen("send"); }}>{t("study.send")}</Button> : null}
            <LinkButton kind="quiet" icon="download" href={`/api/v1/export?study=${study.study_instance_uid}`} download>{t("study.download")}</LinkButton>
          </div>
        )}
      </Menu>
      {open === "labels" ? <LabelsDialog study={study} onClose={close} onSaved={() => { close(); onChange(); }} /> : null}
      {open === "share" ? <ShareDialog study={study} onClose={close} /> : null}
      {open === "send" ? <SendDialog study={study} onClose={close} onSent={() => { close(); onChange(); }} /> : null}
    </>
  );
}

/** A slide opens in OHIF's microscope, everything else in its basic viewer. */
export function ohifHref(study: { study_instance_uid: string; modalities: readonly string[] }): string {
  const mode = study.modalities.includes("SM") ? "microscopy" : "viewer";
  return `/ohif/${mode}?StudyInstanceUIDs=${encodeURIComponent(study.study_instance_uid)}`;
}
