/* The bar above a diagram: buttons with a picture and a name, and what became of the last change. */
import { h, icon } from "./dom.js";

export const PICTURES = {
  undo: ["M9 14 4 9l5-5", "M4 9h10a6 6 0 0 1 0 12h-3"], redo: ["m15 14 5-5-5-5", "M20 9H10a6 6 0 0 0 0 12h3"],
  plus: ["M12 5v14", "M5 12h14"], minus: ["M5 12h14"], fit: ["M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5"],
  map: ["M3 6l6-3 6 3 6-3v15l-6 3-6-3-6 3Z", "M9 3v15", "M15 6v15"], search: ["M11 4a7 7 0 1 0 .01 0", "m21 21-5-5"],
  help: ["M12 3a9 9 0 1 0 .01 0", "M9.5 9a2.5 2.5 0 1 1 3.5 2.3c-.7.4-1 .9-1 1.7", "M12 17v.01"], saved: ["m5 12 5 5L20 7"],
  alert: ["M12 3 22 20H2Z", "M12 9v5", "M12 17v.01"],
};

/** A button of the bar. */
export function tool(name, label, act, attributes = {}) {
  return h("button", { type: "button", class: "studio-tool", title: label, "aria-label": label, on: { click: act }, ...attributes }, icon(...PICTURES[name]));
}

/** Zoom in and out, fit: for an editor or a viewer. */
export function zoomTools(viewer, fit) {
  const step = (factor) => () => viewer.get("canvas").zoom(Math.max(0.2, Math.min(4, viewer.get("canvas").zoom() * factor)));
  return h("div", { class: "studio-bar__group", role: "group", "aria-label": "Taille" },
    tool("minus", "Réduire", step(0.8)), tool("plus", "Agrandir", step(1.25)), tool("fit", "Voir tout", fit));
}

const SAID = {
  pending: "Modifications à enregistrer…", saving: "Enregistrement…",
  offline: "Hors connexion : vos modifications sont gardées ici et seront enregistrées au retour du réseau.",
  refused: "Non enregistré", stopped: "Non enregistré : ce brouillon n’est plus à vous.",
};

/** The line that says what became of the last change; `say(state, details)` changes it. */
export function savingLine(signIn) {
  const line = h("p", { class: "studio-status", role: "status" });
  const say = (state, details = {}) => {
    line.dataset.state = state;
    const text = state === "saved" ? `Enregistré ${details.saved_at || ""}`.trim() : state === "refused" ? `${SAID.refused}${details.message ? ` : ${details.message}` : "."}` : SAID[state];
    const picture = { saved: "saved", offline: "alert", refused: "alert", stopped: "alert", "signed-out": "alert" }[state];
    line.replaceChildren(picture ? icon(...PICTURES[picture]) : "", state === "signed-out"
      ? h("span", {}, "Votre session a pris fin. ", h("a", { href: signIn, target: "_blank", rel: "noopener", text: "Reconnectez-vous dans un autre onglet" }), ", puis revenez ici.")
      : h("span", { text }));
  };
  return { line, say };
}
