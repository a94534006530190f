import { useEffect, useState } from "preact/hooks";
import { Button } from "../components/button";
import { Icon } from "../components/icon";
import { showKeys } from "../components/keys-help";
import { formatPersonName } from "../lib/format";
import { t } from "../lib/i18n";
import type { SlideDetail } from "../lib/shapes";
import { slideName } from "./slide-card";
import { nativeMagnification } from "./scale";
import type { Stage } from "./stage";
import type { Tool } from "./viewer-page";

const OBJECTIVES = [10, 20, 40];

export interface ToolbarProps {
  slide: SlideDetail;
  stage: Stage | null;
  tool: Tool;
  onMeasure: () => void;
  onUndo: () => void;
  onFull: () => void;
  isPanelOpen: boolean;
  onPanel: () => void;
  isComparing: boolean;
  onCompare: () => void;
  isLinked: boolean;
  onLink: () => void;
  onShare: () => void;
}

/** The bar above the stage: whose slide, which objective, which tool. */
export function Toolbar(props: ToolbarProps) {
  const { slide, stage } = props;
  const isFull = useFullScreen();
  const hasObjectives = nativeMagnification(slide.magnification, slide.mpp) !== null;
  return (
    <header class="viewer-bar">
      <a class="viewer-back" href="/slides" aria-label={t("viewer.back")} title={t("viewer.back")}><Icon name="left" /></a>
      <div class="viewer-who">
        <h1 class="cut" title={slideName(slide)}>{slideName(slide)}</h1>
        <p class="cut quiet small">{formatPersonName(slide.patient_name) || t("patient.unknown")}{slide.stain ? ` · ${slide.stain}` : ""}</p>
      </div>
      <div class="viewer-tools" role="toolbar" aria-label={t("viewer.tools")}>
        <div class="tool-group" role="group" aria-label={t("viewer.objectives")}>
          {hasObjectives ? OBJECTIVES.map((value) => (
            <Button key={value} kind="quiet" class="tool-objective num" onClick={() => stage?.zoomToMagnification(value)}>{`${value}×`}</Button>
          )) : null}
          <Button kind="quiet" class="tool-objective" title={t("viewer.fit.help")} onClick={() => stage?.fit()}>{t("viewer.fit")}</Button>
          <Button kind="quiet" icon="minus" isIconOnly onClick={() => stage?.zoomBy(1 / 1.4)}>{t("viewer.zoom_out")}</Button>
          <Button kind="quiet" icon="plus" isIconOnly onClick={() => stage?.zoomBy(1.4)}>{t("viewer.zoom_in")}</Button>
        </div>
        <div class="tool-group">
          <Button kind="quiet" icon="ruler" isIconOnly isPressed={props.tool === "measure"} onClick={props.onMeasure}>{t("viewer.measure")}</Button>
          {props.tool === "measure" ? <Button kind="quiet" icon="rewind" isIconOnly onClick={props.onUndo}>{t("viewer.undo")}</Button> : null}
          <Button kind="quiet" icon="rotate" isIconOnly onClick={() => stage?.rotateBy(90)}>{t("viewer.rotate")}</Button>
        </div>
        <div class="tool-group">
          <Button kind="quiet" icon="columns" isIconOnly isPressed={props.isComparing} onClick={props.onCompare}>
            {t(props.isComparing ? "viewer.compare.end" : "viewer.compare")}
          </Button>
          {props.isComparing ? (
            <Button kind="quiet" icon="link" isIconOnly isPressed={props.isLinked} onClick={props.onLink}>{t("viewer.link")}</Button>
          ) : null}
          <Button kind="quiet" icon="info" isIconOnly isPressed={props.isPanelOpen} onClick={props.onPanel}>{t("viewer.panel")}</Button>
        </div>
        <div class="tool-group">
          <Button kind="quiet" icon="copy" isIconOnly onClick={props.onShare}>{t("viewer.share")}</Button>
          <Button kind="quiet" icon={isFull ? "unfull" : "full"} isIconOnly onClick={props.onFull}>{t(isFull ? "viewer.unfull" : "viewer.full")}</Button>
          <Button kind="quiet" icon="keyboard" isIconOnly class="tool-keys" onClick={showKeys}>{t("viewer.keys")}</Button>
        </div>
      </div>
    </header>
  );
}

function useFullScreen(): boolean {
  const [isFull, setFull] = useState(document.fullscreenElement !== null);
  useEffect(() => {
    const update = (): void => setFull(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", update);
    return () => document.removeEventListener("fullscreenchange", update);
  }, []);
  return isFull;
}
