import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { type Window, lineOf } from "./window";

export interface PictureProps {
  bitmap: ImageBitmap | null;
  width: number;
  height: number;
  window: Window;
  /** True when the page itself must apply the window. */
  isAdjusted: boolean;
  label: string;
  /** Drawn over the picture, in its pixels. */
  children?: ComponentChildren;
}

/** One picture as large as its room allows, its proportions kept. */
export function Picture({ bitmap, width, height, window, isAdjusted, label, children }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d", { alpha: false });
    if (context && bitmap && bitmap.width > 0) context.drawImage(bitmap, 0, 0, width, height);
  }, [bitmap, width, height]);
  const { slope, intercept } = lineOf(window);
  return (
    <div class="picture">
      {isAdjusted ? (
        <svg class="picture-filter" aria-hidden="true">
          <filter id={id} color-interpolation-filters="sRGB">
            <feComponentTransfer>
              <feFuncR type="linear" slope={slope} intercept={intercept} />
              <feFuncG type="linear" slope={slope} intercept={intercept} />
              <feFuncB type="linear" slope={slope} intercept={intercept} />
            </feComponentTransfer>
          </filter>
        </svg>
      ) : null}
      <canvas
        ref={canvas} width={width} height={height} role="img" aria-label={label}
        style={isAdjusted ? { filter: `url(#${id})` } : undefined}
      />
      {children}
    </div>
  );
}
