import { ErrorCard, Skeleton } from "../components/empty-state";
import { Icon, type IconName } from "../components/icon";
import { Card } from "../components/page";
import { api } from "../lib/api";
import { useNodeEvent, useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import type { HealthLine } from "../lib/shapes";

const LOOKS: Record<HealthLine["level"], { tone: string; icon: IconName; order: number }> = {
  red: { tone: "bad", icon: "error", order: 0 },
  amber: { tone: "warn", icon: "warning", order: 1 },
  green: { tone: "ok", icon: "ok", order: 2 },
};

/** One line a thing: how it is, in words, and what to do. What needs somebody comes first. */
export function Health() {
  const health = useRemote((signal) => api.health(signal));
  useNodeEvent("health", (lines) => {
    if (Array.isArray(lines)) health.set(lines);
  });
  const lines = [...(health.data ?? [])].sort((a, b) => LOOKS[a.level].order - LOOKS[b.level].order);
  return (
    <>
      {health.error ? <ErrorCard error={health.error} onRetry={health.reload} /> : null}
      {!health.data && health.isLoading ? <Skeleton rows={5} /> : null}
      {health.data ? <Summary lines={lines} /> : null}
      {lines.length > 0 ? (
        <Card isFlush>
          <ul class="health" aria-label={t("health.list")}>{lines.map((line) => <Line key={line.name} line={line} />)}</ul>
        </Card>
      ) : null}
    </>
  );
}

function Summary({ lines }: { lines: HealthLine[] }) {
  const count = (level: HealthLine["level"]): number => lines.filter((line) => line.level === level).length;
  const worst = lines[0]?.level ?? "green";
  const words = worst === "green" ? t("health.all_good") : t(`health.${worst}`, { count: count(worst) });
  const hint = lines.length === 0 ? t("health.none") : worst === "green" ? t("health.all_good.hint", { count: lines.length }) : t("health.hint");
  return (
    <section class={`health-answer tone-${LOOKS[worst].tone}`} aria-live="polite">
      <span class="health-big"><Icon name={LOOKS[worst].icon} size={28} /></span>
      <div><p class="health-words">{words}</p><p class="quiet">{hint}</p></div>
    </section>
  );
}

function Line({ line }: { line: HealthLine }) {
  const look = LOOKS[line.level];
  return (
    <li class={`health-line tone-${look.tone}`}>
      <span class="health-icon"><Icon name={look.icon} /></span>
      <div class="grow">
        <p><span class="health-name">{line.name}</span> <span class="health-level">{t(`health.level.${line.level}`)}</span></p>
        <p>{line.sentence}</p>
        {line.next_step ? <p class="quiet">{line.next_step}</p> : null}
      </div>
    </li>
  );
}
