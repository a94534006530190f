import { useEffect, useState } from "preact/hooks";

/** Where the second picture is: in a corner, beside, in the place of the ultrasound, or put away. */
export const SECOND_LAYOUTS = ["corner", "beside", "swapped", "away"] as const;
export type SecondLayout = (typeof SECOND_LAYOUTS)[number];

const KEPT_AS = "edge.second";

export function nextLayout(layout: SecondLayout): SecondLayout {
  return SECOND_LAYOUTS[(SECOND_LAYOUTS.indexOf(layout) + 1) % SECOND_LAYOUTS.length]!;
}

/** The layout somebody likes best, kept on this device. */
export function useSecondLayout(): [SecondLayout, (layout: SecondLayout) => void] {
  const [layout, setLayout] = useState<SecondLayout>(() => {
    const kept = localStorage.getItem(KEPT_AS) as SecondLayout | null;
    return kept && SECOND_LAYOUTS.includes(kept) ? kept : "beside";
  });
  useEffect(() => localStorage.setItem(KEPT_AS, layout), [layout]);
  return [layout, setLayout];
}
