/** How far something is. `share` from 0 to 1, or null while it cannot be known. */
export function Progress({ share, label, tone = "accent" }: { share: number | null; label: string; tone?: "accent" | "ok" | "warn" | "bad" }) {
  const percent = share === null ? null : Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div
      class={`progress tone-${tone}${percent === null ? " progress-unknown" : ""}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent ?? undefined}
    >
      <div class="progress-bar" style={{ inlineSize: percent === null ? "35%" : `${percent}%` }} />
    </div>
  );
}
