import { useEffect, useState } from "preact/hooks";

/** Where the controls are: beside the picture, or above and below it. Nothing ever lies over the picture for long. */
export type LiveLayout = "rail" | "stack";

/** The same sizes as in live.css. */
const RAIL_PX = 184;
const RAIL_HEIGHT_PX_MIN = 340;
const STACK_PX = 64 + 92;

/** The layout that leaves the picture larger. `aspect` is width / height of the picture. */
export function chooseLayout(width: number, height: number, aspect: number): LiveLayout {
  if (height < RAIL_HEIGHT_PX_MIN || width < height) return "stack";
  const besides = Math.min(width - RAIL_PX, height * aspect);
  const between = Math.min(width, (height - STACK_PX) * aspect);
  return besides >= between ? "rail" : "stack";
}

export function useLiveLayout(aspect: number): LiveLayout {
  const [layout, setLayout] = useState<LiveLayout>(() => chooseLayout(innerWidth, innerHeight, aspect));
  useEffect(() => {
    const choose = () => setLayout(chooseLayout(innerWidth, innerHeight, aspect));
    choose();
    addEventListener("resize", choose);
    return () => removeEventListener("resize", choose);
  }, [aspect]);
  return layout;
}
