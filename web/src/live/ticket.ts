/** The guest's token: taken from the address once, then kept in this tab only, so that a reload still works and nothing
 * that records addresses (history, screenshots, a shared screen) shows it. */
export function takeToken(sessionId: string): string | null {
  const key = `edge.token.${sessionId}`;
  const fromLink = new URLSearchParams(location.hash.replace(/^#/, "")).get("token");
  try {
    if (fromLink) sessionStorage.setItem(key, fromLink);
    if (fromLink) history.replaceState(null, "", location.pathname + location.search);
    return fromLink ?? sessionStorage.getItem(key);
  } catch {
    return fromLink;
  }
}
