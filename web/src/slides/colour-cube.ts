/** Colours looked up in a cube by the graphics processor, for every pixel at once. */

import { LATTICE_SIDE } from "./colour-lattice";

/** One triangle that covers all. */
const CORNERS = `#version 300 es
out vec2 place;
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  place = vec2(corner.x + 1.0, 1.0 - corner.y) / 2.0;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;
const COLOURS = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler2D picture;
uniform sampler3D cube;
in vec2 place;
out vec4 shown;
void main() {
  vec4 pixel = texture(picture, place);
  float side = float(textureSize(cube, 0).x);
  vec3 colour = texture(cube, (pixel.rgb * (side - 1.0) + 0.5) / side).rgb;
  shown = vec4(colour * pixel.a, pixel.a);
}`;

export class ColourCube {
  private readonly canvas = new OffscreenCanvas(1, 1);
  private readonly gl: WebGL2RenderingContext;

  /** `colours`: those of the lattice, as `coloursOf` gives them. Throws where the graphics processor cannot. */
  constructor(colours: Uint8ClampedArray, onLost: () => void) {
    const gl = this.canvas.getContext("webgl2", { antialias: false, depth: false });
    if (!gl) throw new Error("this browser has no WebGL 2");
    this.gl = gl;
    this.canvas.addEventListener("webglcontextlost", onLost);
    const program = linked(gl);
    gl.useProgram(program);
    gl.uniform1i(gl.getUniformLocation(program, "cube"), 1);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_3D, gl.createTexture());
    steady(gl, gl.TEXTURE_3D, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_WRAP_R, gl.CLAMP_TO_EDGE);
    const side = LATTICE_SIDE;
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGBA8, side, side, side, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(colours));
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    steady(gl, gl.TEXTURE_2D, gl.NEAREST);
  }

  /** Draw a picture in the cube's colours over all of a target of the same size. */
  paint(picture: HTMLCanvasElement | OffscreenCanvas, target: CanvasRenderingContext2D): void {
    const { gl, canvas } = this;
    const { width, height } = picture;
    // It only grows: to be made anew for each of two sizes in turn would cost more than the colours.
    if (canvas.width < width) canvas.width = width;
    if (canvas.height < height) canvas.height = height;
    gl.viewport(0, canvas.height - height, width, height);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    target.drawImage(canvas, 0, 0, width, height, 0, 0, width, height);
  }

  close(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function linked(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, COLOURS]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error("the graphics processor is gone");
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "no program");
  return program;
}

function steady(gl: WebGL2RenderingContext, target: GLenum, filter: GLenum): void {
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, filter);
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}
