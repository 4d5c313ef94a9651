/* Elements made by hand, and a patch that keeps what a person is typing in. No markup is ever parsed: labels are text. */

const PLAIN = new Set(["code", "textarea", "input"]);

/** French spacing: quotes, colons and question marks stay with their word. */
export const spaced = (text) => text.replace(/« /g, "«\u00a0").replace(/ (?=[»:?!;](?!\S))/g, "\u00a0");

/** An element. `attributes` may hold `on` ({event: listener}), `value`, `checked`, `text`; null and false attributes are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (key === "text") element.textContent = PLAIN.has(name) ? value : spaced(value);
    else if (key === "value" && name !== "option" && name !== "button") element.value = value;
    else if (key === "checked") { element.checked = value; element.defaultChecked = value; }
    else element.setAttribute(key, value === true ? "" : value);
  }
  const kept = children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...kept.map((child) => (typeof child === "string" && !PLAIN.has(name) ? spaced(child) : child)));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon of our own: paths on a 24 × 24 grid, drawn in the colour of the text, hidden from screen readers. */
export function icon(...paths) {
  const drawing = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "studio-icon", "aria-hidden": "true" })) drawing.setAttribute(key, value);
  for (const each of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", each);
    drawing.append(path);
  }
  return drawing;
}

/** Makes `old` look like `next`, keeping its elements where they are of the same kind and key: focus, selection and
    scrolling survive. Listeners are not moved: the panel listens once, on its root. */
export function patch(old, next) {
  if (old.nodeType === Node.TEXT_NODE) { if (old.data !== next.data) old.data = next.data; return; }
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of [...next.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  patchChildren(old, next);
  if ("value" in next && !old.unwritten && !["BUTTON", "LI", "OPTION"].includes(next.tagName) && old.value !== next.value) old.value = next.value;
  if ("checked" in next && old.checked !== next.checked) old.checked = next.checked;
}

const same = (one, other) => one.nodeName === other.nodeName && (one.nodeType === Node.TEXT_NODE || one.dataset?.key === other.dataset?.key);

/** The same for the children of `old`. */
export function patchChildren(old, next) {
  const wanted = [...next.childNodes];
  wanted.forEach((child, index) => {
    let present = old.childNodes[index];
    if (present && !same(present, child)) {
      const later = child.dataset?.key && [...old.childNodes].slice(index + 1).find((other) => same(other, child));
      if (later) old.insertBefore(later, present);
      else if (wanted.slice(index + 1).some((other) => same(present, other))) old.insertBefore(child, present);
      else old.replaceChild(child, present);
      present = old.childNodes[index];
    }
    if (!present) old.append(child);
    else if (present !== child) patch(present, child);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

/** A drawing that waits while a pointer is pressed: leaving a field redraws, and a button that moved away under the pointer
    would miss its click. `flush` draws at once what waits. */
export function calmly(draw) {
  let pressed = false;
  let waiting = false;
  const flush = () => { if (waiting) { waiting = false; draw(); } };
  const released = () => setTimeout(() => { pressed = false; flush(); });
  document.addEventListener("pointerdown", () => { pressed = true; }, true);
  for (const name of ["pointerup", "pointercancel", "dragend"]) window.addEventListener(name, released, true);
  const calm = () => { if (pressed) waiting = true; else draw(); };
  return Object.assign(calm, { flush });
}
