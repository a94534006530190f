import { useMemo } from "preact/hooks";
import { readQr } from "../lib/qr";

/** Black on white whatever the theme: a phone must read it. */
export function QrCode({ svg, label }: { svg: string; label: string }) {
  const shape = useMemo(() => readQr(svg), [svg]);
  if (!shape) return null;
  return (
    <svg class="qr" viewBox={shape.viewBox} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={shape.path} transform={shape.transform || undefined} fill={shape.isStroked ? "none" : "#000"} stroke={shape.isStroked ? "#000" : undefined} />
    </svg>
  );
}
