import { DRAW_TOOLS, isHalf, isMeasured } from "../lib/drawing";
import { t } from "../lib/i18n";
import type { Drawing } from "../lib/use-drawing";
import { Button } from "./button";
import { Segments } from "./field";
import { say } from "./toast";
import type { IconName } from "./icon";

const ICONS: Record<(typeof DRAW_TOOLS)[number], IconName> = {
  arrow: "arrow", pen: "edit", caliper: "ruler", trace: "trace", area: "area", ellipse: "ellipse", angle: "angle",
};
const BEAT_COUNTS = [1, 2, 3, 4, 5] as const;

/** The tools while one draws, with the way out: save, or back to the live picture. */
export function DrawBar({ drawing }: { drawing: Drawing }) {
  const reason = drawing.figures.find((figure) => figure.reason !== "")?.reason;
  const isSaving = drawing.phase === "saving";
  const beats = drawing.shapes.find((shape) => shape.tool === "beats");
  const last = drawing.shapes.at(-1);
  const hint = last && isHalf(last) ? t("draw.angle.half") : reason || t("draw.frozen");
  const markBeat = () => {
    drawing.markBeat();
    say(t("draw.beat.marked"), "info");
  };
  return (
    <div class="draw-bar glass" role="toolbar" aria-label={t("draw.tools")}>
      <p class="draw-sign" role="status">{drawing.phase === "freezing" ? t("draw.freezing") : hint}</p>
      <div class="draw-tools">
        {DRAW_TOOLS.map((tool) => (
          <Button key={tool} kind="quiet" class="draw-tool" icon={ICONS[tool]} isPressed={drawing.tool === tool} disabled={isSaving} onClick={() => drawing.choose(tool)}>{t(`draw.${tool}`)}</Button>
        ))}
        {beats ? null : <Button kind="quiet" class="draw-tool" icon="heart" disabled={isSaving || !drawing.isHeld} onClick={markBeat}>{t("draw.beat")}</Button>}
        <Button kind="quiet" class="draw-tool" icon="rewind" disabled={isSaving || drawing.shapes.length === 0} onClick={drawing.undo}>{t("draw.undo")}</Button>
        <Button kind="primary" class="draw-tool" icon="check" isBusy={isSaving} disabled={!drawing.isHeld || drawing.shapes.length === 0} onClick={drawing.save}>{t("draw.save")}</Button>
        <Button class="draw-tool" icon="play" onClick={drawing.stop}>{t("draw.stop")}</Button>
      </div>
      {beats ? (
        <div class="draw-beats">
          <span class="num">{t("draw.rate", { words: drawing.figures.at(drawing.shapes.filter(isMeasured).indexOf(beats))?.words ?? "…" })}</span>
          <Segments isLabelHidden label={t("draw.beats")} value={String(beats.beatCount ?? 1)} choices={BEAT_COUNTS.map((count) => ({ value: String(count), label: String(count) }))} onValue={(value) => drawing.setBeatCount(Number(value))} />
          <Button kind="quiet" icon="cross" isIconOnly onClick={drawing.forgetBeat}>{t("draw.beat.forget")}</Button>
        </div>
      ) : null}
    </div>
  );
}
