"""Questions a commune may not ask (domain rule R-79): refused when the form is loaded, not when it is reviewed.

Source: CNIL norm NS-058 and the opinions on it: religion, origin, nationality, social security number and nature of a
handicap are out; « sans porc » or « sans viande » are possible, « halal » and « casher » are not.
"""

import re
import unicodedata

_FORBIDDEN = (
    (r"religions?|religieu(?:x|ses?)|confessions?|confessionnel(?:le)?s?|cultes?|baptemes?", "la religion"),
    (r"hall?al|c?kas?c?her|casc?her", "un régime religieux (écrivez par exemple « sans porc » ou « sans viande »)"),
    (r"nationalites?", "la nationalité"),
    (r"ethni(?:es?|ques?)|origines? raciales?|race", "l’origine"),
    (
        r"nir|numeros? (?:de )?(?:la )?secu(?:rite)?(?: sociale)?|n[o°]? ?de secu(?:rite)?(?: sociale)?|numeros? insee",
        "le numéro de sécurité sociale",
    ),
    (
        r"(?:nature|type|nom|origine|degre|diagnostic) (?:du|de la|de l|d un|des) (?:\w+ )?handicaps?|quel handicap"
        r"|precisez (?:le|son|votre) handicap",
        "la nature d’un handicap (demandez seulement si un accueil adapté est nécessaire)",
    ),
)
_PATTERNS = tuple((re.compile(rf"\b(?:{pattern})\b"), what) for pattern, what in _FORBIDDEN)


def forbidden_subject(text: str) -> str:
    """What the text asks that may not be asked, in French; '' when nothing."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"[^a-z0-9°]+", " ", plain)
    return next((what for pattern, what in _PATTERNS if pattern.search(plain)), "")
