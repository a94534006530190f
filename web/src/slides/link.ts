/** Two slides side by side that move as one. */

import { linkedPosition } from "./position";
import type { Stage } from "./stage";

/**
 * Make two slides move together: the same way and at the same magnification on the glass, turned as they are turned.
 * Only the one in the hand leads, so that the end of the other's road never pulls it back. Returns what ends it.
 */
export function linkStages(first: Stage, second: Stage, leads: () => Stage): () => void {
  let leader = leads();
  let from = { first: first.view(), second: second.view() };
  const follow = (): void => {
    const [led, leaderFrom, ledFrom] = leader === first ? [second, from.first, from.second] : [first, from.second, from.first];
    led.goTo(linkedPosition(leader.view(), leaderFrom, ledFrom, leader.slide.mpp, led.slide.mpp), true);
  };
  const moved = (event: Event): void => {
    const now = leads();
    if (now !== leader) {
      leader = now;
      from = { first: first.view(), second: second.view() };
    }
    if (event.currentTarget === leader) follow();
  };
  follow();
  from = { first: first.view(), second: second.view() };
  first.addEventListener("move", moved);
  second.addEventListener("move", moved);
  return () => {
    first.removeEventListener("move", moved);
    second.removeEventListener("move", moved);
  };
}
