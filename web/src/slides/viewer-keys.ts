import { useKeysHelp } from "../components/keys-help";
import { useKeys } from "../lib/hooks";
import { t } from "../lib/i18n";
import { PAN_SHARE, type Stage } from "./stage";

const ZOOM_STEP = 1.4;
const QUARTER = 90;

export interface ViewerActs {
  undo: () => void;
  full: () => void;
  panel: () => void;
  measure: () => void;
  /** Leave whatever tool is in the hand. */
  rest: () => void;
}

/** The keys of the viewer: as pathologists know them from QuPath. */
export function useViewerKeys(stage: Stage | null, acts: ViewerActs): void {
  const pan = (right: number, down: number) => (event: KeyboardEvent) => {
    event.preventDefault();
    const share = event.shiftKey ? PAN_SHARE * 3 : PAN_SHARE;
    stage?.panBy(right * share, down * share);
  };
  const magnify = (value: number) => () => stage?.zoomToMagnification(value);
  const zoomIn = (): void => stage?.zoomBy(ZOOM_STEP);
  const zoomOut = (): void => stage?.zoomBy(1 / ZOOM_STEP);
  useKeys({
    ArrowLeft: pan(-1, 0),
    ArrowRight: pan(1, 0),
    ArrowUp: pan(0, -1),
    ArrowDown: pan(0, 1),
    "+": zoomIn,
    "=": zoomIn,
    "-": zoomOut,
    _: zoomOut,
    "1": magnify(10),
    "2": magnify(20),
    "4": magnify(40),
    "0": () => stage?.fit(),
    f: () => acts.full(),
    r: (event) => stage?.rotateBy(event.shiftKey ? -QUARTER : QUARTER),
    m: () => acts.measure(),
    Escape: () => acts.rest(),
    Backspace: (event) => {
      event.preventDefault();
      acts.undo();
    },
    l: () => acts.panel(),
  });
  useKeysHelp({
    title: t("keys.slide"),
    keys: [
      { caps: ["←", "→", "↑", "↓"], does: t("keys.slide.pan") },
      { caps: ["+", "−"], does: t("keys.slide.zoom") },
      { caps: ["1", "2", "4"], does: t("keys.slide.objective") },
      { caps: ["0"], does: t("keys.slide.fit") },
      { caps: ["R", "Shift R"], does: t("keys.slide.rotate") },
      { caps: ["M"], does: t("keys.slide.measure") },
      { caps: ["⌫"], does: t("keys.slide.undo") },
      { caps: ["C"], does: t("viewer.compare") },
      { caps: ["L"], does: t("keys.slide.panel") },
      { caps: ["F"], does: t("keys.slide.full") },
    ],
  });
}
