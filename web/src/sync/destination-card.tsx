import { Button } from "../components/button";
import { Icon, type IconName } from "../components/icon";
import { Progress } from "../components/progress";
import { StateChip, type Tone } from "../components/state-chip";
import { formatNumber, formatTime, formatWhen } from "../lib/format";
import { t } from "../lib/i18n";
import { useMay } from "../lib/me";
import type { LinkView, OutboxDestination } from "../lib/shapes";
import { act } from "./acts";
import { shareDone } from "./glance";
import { LinkPlot } from "./link-plot";

const LINKS: Record<LinkView["state"], { tone: Tone; icon: IconName }> = {
  up: { tone: "ok", icon: "ok" },
  slow: { tone: "warn", icon: "signal" },
  down: { tone: "bad", icon: "offline" },
  unknown: { tone: "neutral", icon: "clock" },
};

/** One place that objects go to: its sentence, how far it is, its link, and what can be done. */
export function DestinationCard({ destination, onChange }: { destination: OutboxDestination; onChange: () => void }) {
  const mayRun = useMay("run_outbox");
  const { name, link, counts } = destination;
  const share = shareDone(destination);
  const openCount = (counts.waiting ?? 0) + (counts.sending ?? 0);
  const look = LINKS[link.state] ?? LINKS.unknown;
  return (
    <article class="destination" aria-label={name}>
      <header class="destination-head">
        <div class="grow">
          <h3 class="cut">{name}</h3>
          {destination.is_required ? <p class="quiet small" title={t("sync.required.help")}>{t("sync.required")}</p> : null}
        </div>
        <StateChip tone={look.tone} icon={look.icon}>{t(`sync.link.${link.state}`)}</StateChip>
      </header>
      <p class="destination-sentence num">{destination.sentence}</p>
      {share !== null ? <Progress share={share} label={t("sync.progress", { name })} tone={link.state === "down" ? "warn" : "accent"} /> : null}
      {link.state !== "up" && link.reason ? <p class="destination-reason"><Icon name="info" size={16} />{link.reason}</p> : null}
      <Counts counts={counts} />
      {destination.forecast?.length ? (
        <ul class="forecast quiet small num" aria-label={t("sync.forecast")}>{destination.forecast.map((line) => <li key={line}>{line}</li>)}</ul>
      ) : null}
      <LinkPlot history={destination.history} />
      <p class="quiet small num">{linkTimes(link)}</p>
      {mayRun && (openCount > 0 || counts.held > 0) ? (
        <div class="destination-foot">
          <Button icon="refresh" onClick={() => void act("retry", { destination: name }, onChange)}>{t("sync.retry.all")}</Button>
          {openCount > 0 ? <Button kind="quiet" icon="pause" onClick={() => void act("hold", { destination: name }, onChange)}>{t("sync.hold.all")}</Button> : null}
          {counts.held > 0 ? <Button kind="quiet" icon="play" onClick={() => void act("release", { destination: name }, onChange)}>{t("sync.release.all")}</Button> : null}
        </div>
      ) : null}
    </article>
  );
}

function Counts({ counts }: { counts: OutboxDestination["counts"] }) {
  const lines: [string, number][] = [
    [t("sync.count.open"), (counts.waiting ?? 0) + (counts.sending ?? 0)],
    [t("sync.count.sent"), counts.sent ?? 0],
    [t("sync.count.confirmed"), counts.committed ?? 0],
    [t("sync.count.safe"), counts.safe ?? 0],
    [t("sync.count.held"), counts.held ?? 0],
    [t("sync.count.cancelled"), counts.cancelled ?? 0],
  ];
  return (
    <dl class="counts">
      {lines.filter(([, count], index) => count > 0 || index === 0).map(([name, count]) => (
        <div key={name}><dt>{name}</dt><dd class="num">{formatNumber(count)}</dd></div>
      ))}
    </dl>
  );
}

function linkTimes(link: LinkView): string {
  const since = link.since_s !== null ? `${t(`sync.link.${link.state}`)} ${t("sync.link.since", { when: formatWhen(link.since_s) })}` : "";
  if (link.state !== "down" || link.next_try_s === null) return since;
  const next = link.next_try_s <= Date.now() / 1000 ? t("sync.link.now") : t("sync.link.next", { when: formatTime(link.next_try_s) });
  return [since, next].filter(Boolean).join(", ");
}
