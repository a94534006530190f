import { formatDuration, formatRate } from "../lib/format";
import { t } from "../lib/i18n";
import type { OutboxDestination } from "../lib/shapes";
import { plotPoints } from "./glance";

const WIDTH = 300;
const HEIGHT = 44;

/** The rate of a link over the last minutes, as a small plot with its scale in words. */
export function LinkPlot({ history }: { history: OutboxDestination["history"] }) {
  const points = plotPoints(history, WIDTH, HEIGHT);
  const first = history[0];
  const last = history[history.length - 1];
  if (points.length === 0 || !first || !last) return null;
  const most = Math.max(...history.map((point) => point.bytes_s));
  if (most <= 0) return null;
  const line = points.map((point, index) => `${index === 0 ? "M" : "L"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("");
  const time = formatDuration(last.t_s - first.t_s);
  return (
    <figure class="link-plot">
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" role="img" aria-label={t("sync.history", { time, rate: formatRate(most) })}>
        <path class="plot-area" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
        <path class="plot-line" d={line} />
      </svg>
      <figcaption class="quiet small num"><span>{time}</span><span>{t("sync.history.max", { rate: formatRate(most) })}</span></figcaption>
    </figure>
  );
}
