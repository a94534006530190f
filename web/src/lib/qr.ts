/** The node's QR code as plain numbers: only the shape is taken over, so that no markup of any kind enters the page. */
export interface QrShape {
  viewBox: string;
  path: string;
  transform: string;
  isStroked: boolean;
}

/** Read an SVG with one path; null when it is something else. */
export function readQr(svg: string): QrShape | null {
  const path = /<path[^>]*\sd="([^"<>]+)"/.exec(svg)?.[1];
  if (!path || !/^[\dMmLlHhVvZz.,\s-]+$/.test(path)) return null;
  const width = Number(/<svg[^>]*\swidth="([\d.]+)/.exec(svg)?.[1]);
  const height = Number(/<svg[^>]*\sheight="([\d.]+)/.exec(svg)?.[1]);
  const viewBox = /<svg[^>]*\sviewBox="([\d.\s-]+)"/.exec(svg)?.[1] ?? (width > 0 && height > 0 ? `0 0 ${width} ${height}` : null);
  if (!viewBox) return null;
  const transform = /<path[^>]*\stransform="((?:scale|translate)\([\d.,\s-]+\))"/.exec(svg)?.[1] ?? "";
  return { viewBox, path, transform, isStroked: /<path[^>]*\sstroke="/.test(svg) };
}
