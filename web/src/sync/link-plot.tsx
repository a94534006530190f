import { formatDuration, formatRate } from "../lib/format";
import { t } from "../lib/i18n";
import type { OutboxDestination } from "../lib/shapes";
import { outages, plotPoints } from "./glance";

const WIDTH = 300;
const HEIGHT = 44;
/** A point is of so many seconds. */
const STEP_S = 300;

/** The rate of a link over the last minutes, as a small plot with its scale in words. */
export function LinkPlot({ history }: { history: OutboxDestination["history"] }) {
  const points = plotPoints(history, WIDTH, HEIGHT);
  const first = history[0];
  const last = history[history.length - 1];
  if (points.length === 0 || !first || !last) return null;
  const most = Math.max(...history.map((point) => point.bytes_s));
  const away = outages(history, STEP_S, WIDTH);
  if (most <= 0 && away.length === 0) return null;
  const line = points.map((point, index) => `${index === 0 ? "M" : "L"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("");
  const time = formatDuration(last.t_s - first.t_s);
  const label = [
    most > 0 ? t("sync.history", { time, rate: formatRate(most) }) : t("sync.history.idle", { time }),
    away.length > 0 ? t("sync.history.away", { count: away.length }) : "",
  ].filter(Boolean).join(". ");
  return (
    <figure class="link-plot">
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {away.map((each) => <rect key={each.x} class="plot-away" x={each.x.toFixed(1)} y={-2} width={each.width.toFixed(1)} height={HEIGHT + 4} />)}
        <path class="plot-area" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
        <path class="plot-line" d={line} />
      </svg>
      <figcaption class="quiet small num"><span>{time}</span>{away.length > 0 ? <span class="plot-key">{t("sync.history.away", { count: away.length })}</span> : null}{most > 0 ? <span>{t("sync.history.max", { rate: formatRate(most) })}</span> : null}</figcaption>
    </figure>
  );
}
