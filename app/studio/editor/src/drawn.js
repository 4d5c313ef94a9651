/* How elements are drawn: the portal's typeface and ink, in the editor and in viewers. */

const FONT = '"Figtree", system-ui, sans-serif';

export const DRAWN = {
  textRenderer: { defaultStyle: { fontFamily: FONT, fontSize: 12, lineHeight: 1.2 }, externalStyle: { fontSize: 12, lineHeight: 1.2 } },
  bpmnRenderer: { defaultFillColor: "#ffffff", defaultStrokeColor: "#20303a", defaultLabelColor: "#20303a" },
};

const PHONE = 480;

/** Texts are measured when they are drawn: the typeface must be there first. */
export const typeface = () => document.fonts.load(`12px ${FONT}`).catch(() => []);

/** Shows the whole drawing, never larger than life. `left`: pixels kept free for the palette. */
export function fit(viewer, left = 0) {
  const canvas = viewer.get("canvas");
  canvas.resized();
  const { inner, outer } = canvas.viewbox();
  const scale = Math.min((outer.width - left - 24) / inner.width, (outer.height - 24) / inner.height, 1);
  show(canvas, inner, scale, left, outer);
}

/** The first sight: the whole drawing, beside the palette and the panel; on a phone, where nothing of it could be read, its
    beginning. */
export function begin(viewer, left = 0, smallest = 0.62) {
  const canvas = viewer.get("canvas");
  fit(viewer, left);
  const { inner, outer, scale } = canvas.viewbox();
  if (scale < smallest && outer.width < PHONE) show(canvas, inner, smallest, left, outer);
}

function show(canvas, inner, scale, left, outer) {
  const [width, height] = [outer.width / scale, outer.height / scale];
  const spare = Math.max(0, width - inner.width - (left + 24) / scale) / 2;
  // in the upper part: the lower one is often below the window's edge
  const above = Math.min(Math.max(12 / scale, (height - inner.height) / 2), 40 / scale);
  canvas.viewbox({ x: inner.x - (left + 12) / scale - spare, y: inner.y - above, width, height });
}
