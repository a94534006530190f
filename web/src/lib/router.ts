import { useEffect, useState } from "preact/hooks";

/** The address as the pages see it. Changing it never reloads. */
export interface Place {
  path: string;
  search: URLSearchParams;
  hash: string;
}

const CHANGED = "edge:place";

export function place(): Place {
  return { path: location.pathname, search: new URLSearchParams(location.search), hash: location.hash };
}

/** Go to a page of ours. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  dispatchEvent(new Event(CHANGED));
}

/** The address, kept current. */
export function usePlace(): Place {
  const [now, setNow] = useState(place);
  useEffect(() => {
    const update = () => setNow(place());
    addEventListener("popstate", update);
    addEventListener(CHANGED, update);
    return () => {
      removeEventListener("popstate", update);
      removeEventListener(CHANGED, update);
    };
  }, []);
  return now;
}

/** Match "/slides/:id" against a path; null when it is another page. */
export function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/").filter(Boolean);
  const given = path.split("/").filter(Boolean);
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, word] of wanted.entries()) {
    const value = given[index]!;
    if (word.startsWith(":")) params[word.slice(1)] = decode(value);
    else if (word !== value) return null;
  }
  return params;
}

/** Let plain clicks on links to our own pages go through the router; everything else is the browser's. */
export function catchLinks(root: Document = document): void {
  root.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!isPage(link.pathname) || (link.pathname === location.pathname && link.hash)) return;
    event.preventDefault();
    navigate(link.pathname + link.search + link.hash);
  });
}

function isPage(path: string): boolean {
  return !/^\/(api|dicom-web|whep|whip|healthz|readyz|metrics|assets)(\/|$)/.test(path);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
