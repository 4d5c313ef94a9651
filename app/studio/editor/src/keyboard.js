/* The diagram without a mouse: walking from element to element, adding, connecting. Letters act on the chosen element. */
import { help } from "./dialogs.js";
import { inOrder, titleOf, wordFor } from "./kinds.js";

const MENUS = { a: "studio-append", c: "studio-connect", b: "studio-edge", r: "bpmn-replace" };

/** Binds the keys of the canvas. `panel` is focused by Enter; `say` is read aloud. */
export function bindKeyboard(editor, { panel, say, fit, save, root }) {
  const [canvas, selection, registry, keyboard, menus] = ["canvas", "selection", "elementRegistry", "keyboard", "menus"].map((name) => editor.get(name));
  const surface = canvas.getContainer().querySelector("svg");
  surface.setAttribute("role", "application");
  surface.setAttribute("aria-label", "Diagramme. Page suivante et Page précédente pour aller d’un élément à l’autre, Entrée pour modifier, point d’interrogation pour l’aide.");

  const chosen = () => (selection.get().length === 1 ? selection.get()[0] : null);
  const go = (element) => {
    selection.select(element);
    canvas.scrollToElement(element, 80);
    say(`${titleOf(element)}, ${wordFor(element)}${panel.laneName(element) ? `, ${panel.laneName(element)}` : ""}`);
  };
  const walk = (step) => {
    const all = inOrder(registry);
    const at = all.indexOf(chosen()?.labelTarget || chosen());
    if (all.length) go(all[at === -1 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length]);
  };
  const plain = {
    PageDown: () => walk(1), PageUp: () => walk(-1), Home: () => { selection.deselect(chosen()); walk(1); },
    Enter: () => panel.focus(), "?": help, f: fit, F: fit,
  };
  keyboard.addListener(2000, ({ keyEvent: event }) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
    const between = event.key.toLowerCase() === "a" && chosen()?.type === "bpmn:SequenceFlow";
    const menu = between ? "studio-insert" : MENUS[event.key.toLowerCase()];
    if (menu && chosen()) { menus.open(menu, chosen()); return true; }
    if (menu && event.key.toLowerCase() === "c") return undefined; // nothing chosen: the tool that connects
    const act = plain[event.key];
    if (!act) return undefined;
    act();
    return true;
  });
  root.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") { event.preventDefault(); save(); }
    if (event.key === "Escape" && panel.root.contains(event.target)) { panel.commit(); canvas.focus(); }
  });
}
