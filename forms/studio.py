"""Forms of the studio that are not settings: a new démarche, an import, a publication."""

from wtforms import BooleanField, FileField, SelectField
from wtforms.validators import InputRequired

from forms.accounts import AccountForm, BlockField, LineField
from forms.administration import Needed, WholeNumber, between, block, line


class NewProcedureForm(AccountForm):
    """What a new démarche needs before its draft exists. Choices are set by the view."""

    title = LineField(
        "Titre",
        description="Ce que la famille lit dans le catalogue, par exemple «\u00a0Inscrire un enfant au centre\u00a0».",
        filters=line(120),
        validators=[Needed("Donnez un titre à la démarche.")],
    )
    slug = LineField(
        "Identifiant",
        description="Il sert d’adresse et ne changera plus. Laissez vide\u00a0: il est fait à partir du titre. Sinon, "
        "en minuscules, sans accent, avec des tirets, par exemple «\u00a0inscription-centre\u00a0».",
        filters=line(60),
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )
    summary = BlockField("En une phrase, à quoi sert-elle\u00a0?", filters=block(300), render_kw={"rows": 2})
    category = SelectField("Catégorie", validators=[InputRequired("Choisissez une catégorie.")])


class ImportForm(AccountForm):
    """A démarche that comes as a file; identifier and title are for a diagram alone."""

    archive = FileField(
        "Fichier",
        description="Une archive zip de démarche (celle que donne «\u00a0Télécharger\u00a0»), ou un diagramme BPMN 2.0 "
        "seul (.bpmn, .xml) fait avec un autre outil. 8\u00a0Mo au plus.",
        render_kw={"accept": ".zip,.bpmn,.xml,application/zip"},
    )
    slug = LineField(
        "Identifiant",
        description="Pour un diagramme seul\u00a0: l’adresse de la nouvelle démarche, en minuscules, sans accent.",
        filters=line(60),
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )
    title = LineField("Titre", description="Pour un diagramme seul.", filters=line(120))
    replace = BooleanField("Remplacer mon brouillon, si j’en ai un de cette démarche")


class NoteForm(AccountForm):
    """What changes and why, in a few words."""

    note = BlockField(
        "Ce qui change",
        description="Vos collègues le liront dans la liste des versions.",
        filters=block(2000),
        render_kw={"rows": 3},
    )


class RollbackForm(AccountForm):
    """Why an older version comes back."""

    note = BlockField(
        "Pourquoi revenir à cette version\u00a0?",
        filters=block(2000),
        validators=[Needed("Dites pourquoi vous revenez à cette version.")],
        render_kw={"rows": 3},
    )


class RefusalForm(AccountForm):
    """Why the second reader does not agree."""

    reason = BlockField(
        "Pourquoi refuser\u00a0?",
        filters=block(2000),
        validators=[Needed("Dites pourquoi, pour que la personne puisse corriger.")],
        render_kw={"rows": 3},
    )


class StoryForm(AccountForm):
    """The text of a scenario."""

    text = BlockField(
        "Texte du scénario",
        description="Chaque étape commence par une ligne [[etapes]]. Le guide d’écriture est dans la documentation des "
        "démarches.",
        validators=[Needed("Écrivez au moins une étape.")],
        render_kw={"rows": 24, "spellcheck": "false", "autocapitalize": "none", "class": "ds-input code"},
    )


class StoryTitleForm(AccountForm):
    """What a scenario is called."""

    title = LineField(
        "Titre du scénario",
        description="Ce qu’il raconte, par exemple «\u00a0L’agent demande une pièce, la famille l’envoie\u00a0».",
        filters=line(120),
        validators=[Needed("Donnez un titre au scénario.")],
    )


class ObsoleteForm(AccountForm):
    """Why a story no longer holds publication back."""

    reason = BlockField(
        "Pourquoi ce scénario n’a plus cours\u00a0?",
        description="La raison est gardée dans le journal et montrée à qui relit avant de publier.",
        filters=block(500),
        validators=[Needed("Dites pourquoi ce scénario n’a plus cours.")],
        render_kw={"rows": 2},
    )


class TimeForm(AccountForm):
    """How far time moves in a try-out; units are set by the view."""

    number = WholeNumber(
        "Combien",
        validators=between(1, 500, "Écrivez un nombre entre 1 et 500."),
        render_kw={"inputmode": "numeric", "type": "text"},
    )
    unit = SelectField("Unité", default="jours", validators=[InputRequired("Choisissez une unité.")])
