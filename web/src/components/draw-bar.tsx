import { DRAW_TOOLS } from "../lib/drawing";
import { t } from "../lib/i18n";
import type { Drawing } from "../lib/use-drawing";
import { Button } from "./button";
import type { IconName } from "./icon";

const ICONS: Record<(typeof DRAW_TOOLS)[number], IconName> = { arrow: "arrow", pen: "edit", caliper: "ruler", ellipse: "ellipse" };

/** The tools while one draws, with the way out: save, or back to the live picture. */
export function DrawBar({ drawing }: { drawing: Drawing }) {
  const reason = drawing.figures.find((figure) => figure.reason !== "")?.reason;
  const isSaving = drawing.phase === "saving";
  return (
    <div class="draw-bar glass" role="toolbar" aria-label={t("draw.tools")}>
      <p class="draw-sign" role="status">{drawing.phase === "freezing" ? t("draw.freezing") : reason || t("draw.frozen")}</p>
      <div class="draw-tools">
        {DRAW_TOOLS.map((tool) => (
          <Button key={tool} kind="quiet" class="draw-tool" icon={ICONS[tool]} isPressed={drawing.tool === tool} disabled={isSaving} onClick={() => drawing.choose(tool)}>{t(`draw.${tool}`)}</Button>
        ))}
        <Button kind="quiet" class="draw-tool" icon="rewind" disabled={isSaving || drawing.shapes.length === 0} onClick={drawing.undo}>{t("draw.undo")}</Button>
        <Button kind="primary" class="draw-tool" icon="check" isBusy={isSaving} disabled={!drawing.isHeld || drawing.shapes.length === 0} onClick={drawing.save}>{t("draw.save")}</Button>
        <Button class="draw-tool" icon="play" onClick={drawing.stop}>{t("draw.stop")}</Button>
      </div>
    </div>
  );
}
