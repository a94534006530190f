/** What draws: a graphics processor, or the main one in its stead. */

const SOFTWARE_RENDERERS = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Without a graphics processor WebGL is drawn by the main one, ten times slower than the plain canvas. */
export function hasGraphicsProcessor(): boolean {
  return (isAccelerated ??= looksAccelerated());
}

let isAccelerated: boolean | null = null;

function looksAccelerated(): boolean {
  const context = document.createElement("canvas").getContext("webgl", { failIfMajorPerformanceCaveat: true });
  if (!context) return false;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE_RENDERERS.test(name);
}
