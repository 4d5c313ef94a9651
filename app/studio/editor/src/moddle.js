/* What BPMN files hold besides BPMN: SpiffWorkflow's extension, as app/engine/bpmn_reader.py reads it. */
import bpmn from "bpmn-moddle/resources/bpmn/json/bpmn.json";

const body = (name) => ({ name, superClass: ["Element"], properties: [{ name: "value", isBody: true, type: "String" }] });
const attribute = (name) => ({ name, isAttr: true, type: "String" });
const holder = (name, part, type) => ({ name, superClass: ["Element"], properties: [{ name: part, type, isMany: true }] });

const spiffworkflow = {
  name: "SpiffWorkflow",
  uri: "http://spiffworkflow.org/bpmn/schema/1.0/core",
  prefix: "spiffworkflow",
  xml: { tagAlias: "lowerCase" },
  types: [
    holder("Properties", "properties", "Property"),
    { name: "Property", superClass: ["Element"], properties: [attribute("name"), attribute("value")] },
    { name: "ServiceTaskOperator", superClass: ["Element"], properties: [attribute("id"), attribute("resultVariable"), { name: "parameterList", type: "Parameters" }] },
    holder("Parameters", "parameters", "Parameter"),
    { name: "Parameter", superClass: ["Element"], properties: [attribute("id"), attribute("type"), attribute("value")] },
    ...["PreScript", "PostScript", "CalledDecisionId", "VariableName", "MessageVariable", "MessagePayload", "PayloadExpression"].map(body),
  ],
};

/* BPMN makes the list of a loop a reference to a data element, and its item an element of the document; SpiffWorkflow, like our
   engine, reads both as names of variables. As references they would point nowhere and be dropped when the file is written;
   as elements, two loops over « enfant » would be two elements with one id, and the second would be dropped. */
function asVariableNames(model) {
  const copy = structuredClone(model);
  const loop = copy.types.find((type) => type.name === "MultiInstanceLoopCharacteristics");
  for (const property of loop.properties) {
    if (["loopDataInputRef", "loopDataOutputRef"].includes(property.name)) {
      property.type = "String";
      delete property.isReference;
    }
    if (["inputDataItem", "outputDataItem"].includes(property.name)) property.type = "LoopItem";
  }
  copy.types.push({ name: "LoopItem", properties: [attribute("id"), attribute("name")] });
  return copy;
}

/** For the `moddleExtensions` of an editor or a viewer. */
export const extensions = { bpmn: asVariableNames(bpmn), spiffworkflow };
