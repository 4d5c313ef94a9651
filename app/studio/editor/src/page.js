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

/** A link followed, or a button of the page pressed, before the pause is over: what changed is saved first, so that the browser
    does not ask whether to leave. `unsaved()` says whether something is to save; `save()` saves it. */
export function saveBeforeLeaving(unsaved, save) {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || link.target || link.hasAttribute("download") || link.getAttribute("href").startsWith("#")) return;
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.origin !== location.origin || !unsaved()) return;
    event.preventDefault();
    await save();
    location.assign(link.href);
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || event.submitter?.name || !unsaved()) return;
    event.preventDefault();
    await save();
    form.submit();
  });
}

/** « à 14 h 05 » */
export const clock = () => new Intl.DateTimeFormat("fr-FR", { hour: "numeric", minute: "2-digit" }).format(new Date()).replace(":", "\u00a0h\u00a0").replace(/^/, "à ");
