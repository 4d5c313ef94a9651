"""The closed lists of the room: codes kept in rows, and the French words people read. No religious word (R-79)."""

from __future__ import annotations

from collections.abc import Mapping

CIVILITIES: Mapping[str, str] = {"": "Non précisée", "Madame": "Madame", "Monsieur": "Monsieur"}

QUALITIES: Mapping[str, str] = {
    "mere": "Mère",
    "pere": "Père",
    "parent": "Parent",
    "beau_parent": "Beau-parent",
    "grand_parent": "Grand-parent",
    "tuteur": "Tuteur ou tutrice",
    "famille_accueil": "Famille d’accueil",
    "ase": "Aide sociale à l’enfance",
    "autre": "Autre",
}

SITUATIONS: Mapping[str, str] = {
    "": "Non précisée",
    "marie": "Marié(e)",
    "pacse": "Pacsé(e)",
    "union_libre": "En union libre",
    "separe": "Séparé(e)",
    "divorce": "Divorcé(e)",
    "veuf": "Veuf ou veuve",
    "celibataire": "Célibataire",
}

CAISSES: Mapping[str, str] = {"": "Aucune ou non précisée", "caf": "CAF", "msa": "MSA"}

QF_SOURCES: Mapping[str, str] = {
    "": "Non précisée",
    "caf": "CAF",
    "msa": "MSA",
    "document": "Justificatif fourni",
    "declaration": "Déclaré par la famille",
}

SEXES: Mapping[str, str] = {"": "Non précisé", "F": "Fille", "M": "Garçon"}

DIETS: Mapping[str, str] = {
    "standard": "Repas classique",
    "sans_porc": "Sans porc",
    "sans_viande": "Sans viande",
    "vegetarien": "Végétarien",
    "panier": "Panier-repas fourni par la famille",
}

#: The fourteen allergens of European regulation 1169/2011 (annex II), and two that schools meet.
ALLERGENS: Mapping[str, str] = {
    "gluten": "Gluten",
    "crustaces": "Crustacés",
    "oeufs": "Œufs",
    "poissons": "Poissons",
    "arachides": "Arachides",
    "soja": "Soja",
    "lait": "Lait",
    "fruits_a_coque": "Fruits à coque",
    "celeri": "Céleri",
    "moutarde": "Moutarde",
    "sesame": "Sésame",
    "sulfites": "Sulfites",
    "lupin": "Lupin",
    "mollusques": "Mollusques",
    "medicament": "Médicament",
    "autre": "Autre",
}

#: What somebody who comes for a child is to him (R-24).
RELATIONS: Mapping[str, str] = {
    "grand_parent": "Grand-parent",
    "famille": "Autre membre de la famille",
    "beau_parent": "Beau-parent",
    "fratrie": "Frère ou sœur",
    "assistante_maternelle": "Assistante maternelle ou garde d’enfant",
    "voisin": "Voisin ou voisine",
    "ami": "Ami ou amie de la famille",
    "parent": "Parent",
    "autre": "Autre",
}

AUTHORITIES: Mapping[str, str] = {
    "joint": "Autorité parentale conjointe",
    "sole": "Autorité parentale exclusive",
    "guardian": "Tutelle ou délégation",
    "none_with_info": "Sans exercice de l’autorité, droit d’être informé",
    "withdrawn": "Autorité parentale retirée",
}

AUTHORISATIONS: Mapping[str, str] = {
    "image": "Photos et vidéos prises pendant les activités",
    "sortie_seul": "Rentrer seul à la maison",
    "hospitalisation": "Soins d’urgence et transport à l’hôpital",
    "transport": "Transport en car ou minibus pour les sorties",
}

#: The same, as a word on a card.
SHORT_AUTHORISATIONS: Mapping[str, str] = {
    "image": "Photos",
    "sortie_seul": "Rentre seul",
    "hospitalisation": "Soins d’urgence",
    "transport": "Transport",
}
