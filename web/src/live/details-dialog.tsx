import { QualityChip, QualityFacts } from "../components/call-words";
import { Dialog } from "../components/dialog";
import { Notice } from "../components/empty-state";
import { People } from "../components/people";
import { t } from "../lib/i18n";
import type { SessionView } from "../lib/shapes";
import type { CallInHand } from "../lib/use-call";

/** Who is here, how the picture is, what is saved, and that the record is lossless whatever one sees. */
export function DetailsDialog({ hand, view, onClose }: { hand: CallInHand; view: SessionView; onClose: () => void }) {
  const { still: stills = 0, clip: clips = 0 } = view.object_counts ?? {};
  return (
    <Dialog title={t("live.details.title")} onClose={onClose}>
      <div class="stack">
        <section class="details-part">
          <h3>{t("live.details.quality")}</h3>
          <QualityChip stats={hand.stats} source={view.source_state} />
          <QualityFacts stats={hand.stats} />
        </section>
        <Notice icon="shield" tone="accent"><p>{t("live.details.lossless")}</p></Notice>
        <section class="details-part">
          <h3>{t("live.details.people")}</h3>
          <People peers={view.peers ?? []} ownId={hand.call.peerId} guide={view.guide} />
        </section>
        <section class="details-part">
          <h3>{t("live.details.saved")}</h3>
          <p class="num">{t("live.details.stills", { count: stills })} · {t("live.details.clips", { count: clips })}</p>
        </section>
      </div>
    </Dialog>
  );
}
