/** The deep link of a place on a slide: centre in pixels of the biggest level, zoom in screen pixels per slide pixel. */

export interface Position {
  x: number;
  y: number;
  zoom: number;
  /** Degrees, clockwise. */
  rotation: number;
}

/** Read a position from a query; null when it names none, or none that makes sense. */
export function readPosition(query: URLSearchParams): Position | null {
  const x = number(query.get("x"));
  const y = number(query.get("y"));
  const zoom = number(query.get("zoom"));
  if (x === null || y === null || zoom === null || zoom <= 0) return null;
  const rotation = number(query.get("r")) ?? 0;
  return { x, y, zoom, rotation: ((rotation % 360) + 360) % 360 };
}

/** Write a position into a query, whatever else is in it. */
export function writePosition(query: URLSearchParams, position: Position): URLSearchParams {
  const result = new URLSearchParams(query);
  result.set("x", String(Math.round(position.x)));
  result.set("y", String(Math.round(position.y)));
  result.set("zoom", String(Number(position.zoom.toPrecision(4))));
  if (position.rotation === 0) result.delete("r");
  else result.set("r", String(Math.round(position.rotation)));
  return result;
}

function number(text: string | null): number | null {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/**
 * Where the led slide goes when the leader has moved. With both pixel sizes known, distances are micrometres on the glass
 * and both are shown at one magnification; without, they keep what was between them.
 */
export function linkedPosition(
  leader: Position,
  leaderFrom: Position,
  ledFrom: Position,
  leaderMpp: number | null,
  ledMpp: number | null,
): Position {
  const scale = leaderMpp && ledMpp ? leaderMpp / ledMpp : leaderFrom.zoom / ledFrom.zoom;
  const turn = ((leaderFrom.rotation - ledFrom.rotation) * Math.PI) / 180;
  const right = (leader.x - leaderFrom.x) * scale;
  const down = (leader.y - leaderFrom.y) * scale;
  return {
    x: ledFrom.x + right * Math.cos(turn) - down * Math.sin(turn),
    y: ledFrom.y + right * Math.sin(turn) + down * Math.cos(turn),
    zoom: leaderMpp && ledMpp ? leader.zoom * (ledMpp / leaderMpp) : ledFrom.zoom * (leader.zoom / leaderFrom.zoom),
    rotation: (ledFrom.rotation + leader.rotation - leaderFrom.rotation + 720) % 360,
  };
}
