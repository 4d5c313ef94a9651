/* The editor: bpmn-js's parts less those we do not want (aligning, distributing: their icons carry inline styles, which our
   policy refuses), and ours in place of its palette, pad and menus. */
import BaseModeler from "bpmn-js/lib/BaseModeler.js";
import Modeler from "bpmn-js/lib/Modeler.js";
import AlignElements from "bpmn-js/lib/features/align-elements/index.js";
import DistributeElements from "bpmn-js/lib/features/distribute-elements/index.js";
import minimap from "diagram-js-minimap";
import { FRENCH, speaking } from "./french.js";
import { Adding, Menus, Pad, Palette, ReplaceMenu } from "./menus.js";
import { DRAWN } from "./drawn.js";
import { extensions } from "./moddle.js";

const ours = {
  __init__: ["paletteProvider", "contextPadProvider", "menus"],
  adding: ["type", Adding],
  menus: ["type", Menus],
  paletteProvider: ["type", Palette],
  contextPadProvider: ["type", Pad],
  replaceMenuProvider: ["type", ReplaceMenu],
  translate: speaking(FRENCH),
};

class Editor extends BaseModeler {}
Editor.prototype._modules = Modeler.prototype._modules.filter((each) => each !== AlignElements && each !== DistributeElements);

/** A bpmn-js editor in `container`. */
export function makeEditor(container) {
  return new Editor({ container, moddleExtensions: extensions, additionalModules: [minimap, ours], ...DRAWN });
}
