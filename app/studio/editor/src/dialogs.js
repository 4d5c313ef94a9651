/* Dialogues: a conflict, and the help of the keyboard. */
import { h } from "./dom.js";

/** A modal dialogue, shown at once and removed when it closes. */
export function dialog(title, content, buttons, { stays = false } = {}) {
  const made = h("dialog", { class: "ds-dialog studio-dialog", "aria-labelledby": "studio-dialog-title" },
    h("h2", { id: "studio-dialog-title", text: title }), content, h("div", { class: "form-actions" }, buttons));
  if (stays) made.addEventListener("cancel", (event) => event.preventDefault());
  const before = document.activeElement;
  made.addEventListener("close", () => { made.remove(); if (before?.isConnected) before.focus(); });
  document.body.append(made);
  made.showModal();
  return made;
}

export const button = (label, act, variant = "primary") => h("button", { type: "button", class: "ds-button", "data-variant": variant, on: { click: act } }, label);

/** Gives a file to the person, without the server. */
export function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/xml" }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const REASONS = {
  saved: (by, at) => `${by} a enregistré ce brouillon${at}, après que vous l’avez ouvert.`,
  taken_over: (by, at) => `${by} a repris ce brouillon${at}.`,
  published: (by, at) => `${by} a publié ce brouillon${at}.`,
};

/** Somebody else has the draft: nothing of hers is overwritten, nothing of ours is lost. */
export function conflict(details, { read, fileName, takeOver, csrf }) {
  const by = details.by || "Quelqu’un d’autre";
  const said = REASONS[details.reason]?.(by, details.at ? ` ${details.at}` : "") || details.message || "Ce brouillon n’est plus ouvert à vos modifications.";
  const mine = button("Télécharger ma version", async () => download(fileName, await read()), "secondary");
  const again = button("Ouvrir la version enregistrée", () => location.reload());
  const back = takeOver && details.reason === "taken_over" && h("form", { method: "post", action: takeOver },
    h("input", { type: "hidden", name: "csrf_token", value: csrf }), h("button", { class: "ds-button", "data-variant": "secondary", text: "Reprendre la main" }));
  dialog("Vos dernières modifications ne sont pas enregistrées", [
    h("p", { text: said }), h("p", { text: "Rien n’est écrasé. Téléchargez votre version si vous voulez la garder : vous pourrez l’importer, ou vous en servir pour refaire vos changements." }),
  ], [again, mine, back], { stays: true });
}

const KEYS = [
  ["Aller d’un élément à l’autre", "Page suivante, Page précédente ; Début pour le premier"],
  ["Modifier l’élément choisi dans le panneau", "Entrée ; Échap pour revenir au diagramme"],
  ["Ajouter un élément ensuite, ou dans un flux", "A"], ["Relier à un autre élément", "C"], ["Poser un événement sur le bord", "B"], ["Changer de genre", "R"],
  ["Écrire le nom sur le diagramme", "E"], ["Supprimer", "Suppr"],
  ["Déplacer l’élément choisi", "flèches ; Maj + flèches plus loin"], ["Déplacer la vue", "Ctrl + flèches"],
  ["Agrandir, réduire, taille réelle", "Ctrl + « + », Ctrl + « - », Ctrl + 0"], ["Voir tout le diagramme", "F"],
  ["Annuler, rétablir", "Ctrl + Z, Ctrl + Y"], ["Copier, coller", "Ctrl + C, Ctrl + V"], ["Rechercher", "Ctrl + F"],
  ["Enregistrer tout de suite", "Ctrl + S"], ["Cette aide", "?"],
];

export function help() {
  const made = dialog("Au clavier", [
    h("p", { text: "Les raccourcis agissent quand le diagramme a le clavier (cliquez dedans, ou allez-y avec Tab). Tout se fait aussi avec les boutons du panneau." }),
    h("table", { class: "studio-keys" }, h("tbody", {}, KEYS.map(([what, keys]) => h("tr", {}, h("th", { scope: "row", text: what }), h("td", { text: keys }))))),
  ], [button("Fermer", () => made.close())]);
}
