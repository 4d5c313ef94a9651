/* What every root element of a page has in common: its data, its fallback, the links that select. */

/** The roots of that kind, each once, with its data. */
export function roots(name) {
  return [...document.querySelectorAll(`[data-${name}]`)].map((root) => ({ root, data: JSON.parse(root.querySelector("script[type='application/json']").textContent) }));
}

/** The drawing is there: what stood for it goes. */
export function drawn(root) {
  for (const fallback of root.querySelectorAll("[data-fallback]")) fallback.remove();
}

/** It could not be drawn: what stands for it stays, and says why. */
export function failed(root, error) {
  const line = document.createElement("p");
  line.className = "studio-error";
  line.setAttribute("role", "alert");
  line.textContent = `Le diagramme n’a pas pu être affiché ici (${error.message}). Le fichier est intact.`;
  root.prepend(line);
}

/** Tells the page, with an event of the root. */
export function announce(root, name, detail) {
  root.dispatchEvent(new CustomEvent(`studio:${name}`, { detail, bubbles: true }));
}

/** Follows « #element=… »: in the page's address, and in its links even when the address does not change. */
export function followLinks(select) {
  const read = (hash) => decodeURIComponent(/^#element=(.+)$/.exec(hash || "")?.[1] || "");
  const follow = () => { const id = read(location.hash); if (id) select(id); };
  window.addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#element=']");
    if (!link) return;
    event.preventDefault();
    history.replaceState(null, "", link.getAttribute("href"));
    select(read(link.getAttribute("href")));
  });
  follow();
}

/** « à 14 h 05 » */
export const clock = () => new Intl.DateTimeFormat("fr-FR", { hour: "numeric", minute: "2-digit" }).format(new Date()).replace(":", "\u00a0h\u00a0").replace(/^/, "à ");
