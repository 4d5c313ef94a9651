/* What bpmn-js, diagram-js and dmn-js say, in French. Our own palette, menus and panel are written in French directly. */

export const FRENCH = {
  // elements, in the replace menu
  "Start event": "Début", "End event": "Fin", "Intermediate throw event": "Jalon",
  "Message start event": "Début par message", "Timer start event": "Début par minuteur", "Signal start event": "Début par signal",
  "Error start event": "Début par erreur", "Escalation start event": "Début par escalade",
  "Message start event (non-interrupting)": "Début par message, sans interrompre", "Timer start event (non-interrupting)": "Début par minuteur, sans interrompre",
  "Signal start event (non-interrupting)": "Début par signal, sans interrompre", "Escalation start event (non-interrupting)": "Début par escalade, sans interrompre",
  "Message intermediate catch event": "Attendre un message", "Message intermediate throw event": "Émettre un message",
  "Timer intermediate catch event": "Attendre un délai ou une date", "Escalation intermediate throw event": "Escalade",
  "Signal intermediate catch event": "Attendre un signal", "Signal intermediate throw event": "Émettre un signal",
  "Message end event": "Fin avec message", "Escalation end event": "Fin avec escalade", "Error end event": "Fin sur une erreur",
  "Terminate end event": "Fin de tout", "Message boundary event": "Message", "Timer boundary event": "Minuteur", "Escalation boundary event": "Escalade",
  "Error boundary event": "Erreur", "Signal boundary event": "Signal",
  "Message boundary event (non-interrupting)": "Message, sans interrompre", "Timer boundary event (non-interrupting)": "Minuteur, sans interrompre",
  "Escalation boundary event (non-interrupting)": "Escalade, sans interrompre", "Signal boundary event (non-interrupting)": "Signal, sans interrompre",
  "Exclusive gateway": "Choix : un seul chemin", "Parallel gateway": "Tous les chemins à la fois", "Inclusive gateway": "Choix : un ou plusieurs chemins",
  "Event-based gateway": "Le premier événement", "Event sub-process": "Sous-processus événementiel", "Sub-process": "Sous-processus",
  "Sub-process (expanded)": "Sous-processus", "User task": "Étape d’une personne", "Manual task": "Étape faite hors du portail",
  "Service task": "Opération du portail", "Send task": "Envoyer un message", "Receive task": "Attendre un message", "Business rule task": "Table de décision",
  "Script task": "Calcul", "Call activity": "Autre démarche", "Sequence flow": "Flux simple", "Default flow": "Chemin par défaut",
  "Parallel multi-instance": "Répéter, tout à la fois", "Sequential multi-instance": "Répéter, l’un après l’autre",
  "Toggle non-interrupting": "Sans interrompre", "Change element": "Changer de genre",
  // the canvas
  "Open minimap": "Montrer la vue d’ensemble", "Close minimap": "Cacher la vue d’ensemble", "Search in diagram": "Rechercher dans le diagramme",
  "Open {element}": "Ouvrir {element}", "<unnamed element>": "un élément sans nom",
  "flow elements must be children of pools/participants": "Les étapes se placent dans les couloirs du processus.",
  "Data object must be placed within a pool/participant.": "Une donnée se place dans les couloirs du processus.",
};

/** The editors' `translate` service: a template with `{places}`. What is not in `words` is said as it came. */
export const speaking = (words) => ["value", (template, places = {}) =>
  (words[template] ?? template).replace(/{([^}]+)}/g, (whole, name) => (name in places ? places[name] : whole))];
