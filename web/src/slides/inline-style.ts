/**
 * OpenSeadragon puts a style element into the page unless it finds its own; our security policy forbids that. Its rule is
 * in viewer.css, and where it looks stands an element of that name that is no HTML and styles nothing.
 */
export function forbidInlineStyle(): void {
  if (document.querySelector("style[data-openseadragon-mobile-css]")) return;
  const stand = document.createElementNS(null, "style");
  stand.setAttribute("data-openseadragon-mobile-css", "true");
  document.head.appendChild(stand);
}
