import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../components/button";
import { SelectField } from "../components/field";
import { useKeysHelp } from "../components/keys-help";
import { useKeys } from "../lib/hooks";
import { formatNumber } from "../lib/format";
import { t } from "../lib/i18n";
import type { SlideDetail } from "../lib/shapes";
import { fetchProfile } from "./colour";
import { FIRST_PLANE, type Plane, clamp } from "./geometry";
import type { Look, Stage } from "./stage";

/** What a reader chose to see of a slide. */
export interface LookChoice {
  plane: Plane;
  /** In the scanner's colours, where the scan brought a profile. */
  isColoured: boolean;
}

export interface LookControl {
  choice: LookChoice;
  first: () => Look;
  set: (change: Partial<LookChoice>) => void;
}

/** Keeps what is chosen, and has the stage show it. */
export function useLook(slide: SlideDetail, stage: Stage | null, isActive: boolean): LookControl {
  const [choice, setChoice] = useState<LookChoice>({ plane: FIRST_PLANE, isColoured: true });
  const profile = useRef<Promise<Uint8Array | null> | null>(null);
  const shown = useRef(choice);
  const lookOf = ({ plane, isColoured }: LookChoice): Look => {
    if (hasProfile(slide)) profile.current ??= fetchProfile(slide.colour!.address);
    return { plane, profile: isColoured ? profile.current : null };
  };
  useEffect(() => {
    if (!stage || shown.current === choice) return;
    shown.current = choice;
    stage.show(lookOf(choice));
  }, [stage, choice]);
  const set = (change: Partial<LookChoice>): void => setChoice((old) => ({ ...old, ...change }));
  const focusCount = slide.focus_um?.length ?? 0;
  const focusBy = (step: number) => (): void =>
    set({ plane: { ...choice.plane, focus: clamp(choice.plane.focus + step, 0, Math.max(0, focusCount - 1)) } });
  useKeys({ ",": focusBy(-1), ".": focusBy(1), i: () => hasProfile(slide) && set({ isColoured: !choice.isColoured }) }, isActive);
  useKeysHelp({
    title: t("keys.look"),
    keys: [{ caps: ["I"], does: t("keys.look.colour") }, { caps: [",", "."], does: t("keys.look.focus") }],
  });
  return { choice, first: () => lookOf(choice), set };
}

export function hasProfile(slide: SlideDetail): boolean {
  return slide.colour !== null && slide.colour !== undefined && !slide.colour.is_assumed;
}

/** Focus, channel and colours of one slide; says so where there is nothing to choose. */
export function LookFields({ slide, look }: { slide: SlideDetail; look: LookControl }) {
  const { plane, isColoured } = look.choice;
  const focus = slide.focus_um ?? [];
  const channels = slide.channels ?? [];
  const choose = (change: Partial<Plane>): void => look.set({ plane: { ...plane, ...change } });
  return (
    <section class="look" aria-label={t("viewer.look")}>
      {focus.length > 1 ? (
        <SelectField
          label={t("viewer.focus")} value={String(plane.focus)} onValue={(value) => choose({ focus: Number(value) })}
          choices={focus.map((um, index) => ({ value: String(index), label: focusName(um, index) }))}
        />
      ) : null}
      {channels.length > 1 ? (
        <SelectField
          label={t("viewer.channel")} value={String(plane.channel)} onValue={(value) => choose({ channel: Number(value) })}
          choices={channels.map((channel, index) => ({ value: String(index), label: channel.name || String(index + 1) }))}
        />
      ) : null}
      {hasProfile(slide) ? (
        <div class="look-colour">
          <Button isPressed={isColoured} icon="eye" onClick={() => look.set({ isColoured: !isColoured })}>{t("viewer.colour")}</Button>
          <p class="quiet small">{isColoured ? t("viewer.colour.on", { name: slide.colour!.name || t("viewer.colour.unnamed") }) : t("viewer.colour.off")}</p>
        </div>
      ) : (
        <p class="quiet small">{t("viewer.colour.none")}</p>
      )}
    </section>
  );
}

function focusName(um: number, index: number): string {
  if (index > 0 && um === 0) return t("viewer.focus.number", { number: index + 1 });
  return t("viewer.detail.um", { value: formatNumber(um, 1) });
}
