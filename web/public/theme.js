// Runs before the first paint, so that a page never flashes in the wrong theme. The rest is in src/lib/theme.ts.
(function () {
  var wish = null;
  try { wish = localStorage.getItem("edge.theme"); } catch (error) { wish = null; }
  var dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
