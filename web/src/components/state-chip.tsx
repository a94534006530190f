import type { ComponentChildren } from "preact";
import { t } from "../lib/i18n";
import type { DeliverySummary } from "../lib/shapes";
import { Icon, type IconName } from "./icon";

export type Tone = "neutral" | "accent" | "ok" | "warn" | "bad";

/** A state: always an icon and words, the colour only helps. */
export function StateChip({ tone = "neutral", icon, children }: { tone?: Tone; icon: IconName; children: ComponentChildren }) {
  return (
    <span class={`chip tone-${tone}`}>
      <Icon name={icon} size={16} />
      <span>{children}</span>
    </span>
  );
}

const DELIVERY: Record<DeliverySummary["state"], { tone: Tone; icon: IconName }> = {
  arrived: { tone: "ok", icon: "hospital" },
  waiting: { tone: "accent", icon: "upload" },
  held: { tone: "warn", icon: "pause" },
  none: { tone: "neutral", icon: "disk" },
};

/** Where a study or a slide is: here, on its way, at the hospital. */
export function DeliveryChip({ delivery }: { delivery: DeliverySummary }) {
  const { tone, icon } = DELIVERY[delivery.state];
  return (
    <StateChip tone={tone} icon={icon}>
      {t(`delivery.${delivery.state}`)}
      {delivery.state === "waiting" && delivery.total > 0 ? <span class="num"> {delivery.done}/{delivery.total}</span> : null}
    </StateChip>
  );
}
