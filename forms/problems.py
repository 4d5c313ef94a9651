"""What is wrong with a definition, told to the administrator who wrote it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import ValidationError


@dataclass(frozen=True, slots=True)
class Problem:
    """Where (JSON path), what, and how to mend it."""

    path: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path} : {self.message} {self.remedy}"


class DefinitionError(ValueError):
    """A form definition that is refused; `problems` lists everything found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def json_path(parts: Iterable[str | int]) -> str:
    """`pages[0].fields[2].label`."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "$"


_TYPES = {
    "string": "du texte",
    "integer": "un nombre entier",
    "boolean": "true ou false",
    "array": "une liste",
    "object": "un objet",
}


def schema_problem(error: ValidationError) -> list[Problem]:
    """A refusal of the JSON Schema in plain French; several unknown keys give several problems."""
    path = json_path(error.absolute_path)
    # typed as possibly unset, which they never are on a reported error
    value: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = error.schema["properties"] if isinstance(error.schema, dict) else {}
            keys = [key for key in instance if key not in known]
            return [_unknown_key(f"{path}.{key}", key, known) for key in keys]
        case "enum" if "propertyNames" in error.absolute_schema_path:
            return [_unknown_key(f"{path}.{instance}", instance, value)]
        case "required":
            missing = [key for key in value if key not in instance]
            return [Problem(path, f"Il manque la clé « {key} ».", f"Ajoutez « {key} ».") for key in missing]
        case "enum":
            allowed = ", ".join(str(item) for item in value)
            return [
                Problem(
                    path,
                    f"La valeur « {_short(instance)} » n’est pas connue.",
                    f"Choisissez parmi\u00a0: {allowed}.",
                )
            ]
        case "type":
            kinds = [value] if isinstance(value, str) else value
            wanted = " ou ".join(_TYPES.get(kind, kind) for kind in kinds)
            return [Problem(path, f"On attend {wanted}.", "Corrigez cette valeur.")]
    return [Problem(path, *_measure(str(error.validator), value, instance))]


def _unknown_key(path: str, key: str, known: Iterable[str]) -> Problem:
    return Problem(
        path, f"La clé « {_short(key)} » n’est pas permise ici.", f"Clés permises\u00a0: {', '.join(known)}."
    )


def _measure(validator: str, value: Any, instance: Any) -> tuple[str, str]:
    match validator:
        case "maxLength":
            return f"Ce texte est trop long ({len(instance)} caractères).", f"Limitez-le à {value} caractères."
        case "minLength":
            return "Ce texte est vide.", "Écrivez-le."
        case "pattern" if value.startswith("^[a-z]"):
            return (
                f"Le nom « {_short(instance)} » n’est pas permis.",
                "Utilisez des minuscules sans accent, des chiffres et _, en commençant par une lettre.",
            )
        case "pattern" if value.startswith("^/"):
            return (
                "Ce lien sort du portail ou contient un caractère interdit.",
                "Donnez une adresse du portail, comme /cgu.",
            )
        case "pattern":
            return (
                f"La valeur « {_short(instance)} » n’est pas permise.",
                "Utilisez des lettres, des chiffres et les signes _ . : -",
            )
        case "minItems":
            return "Cette liste est vide.", f"Mettez-y au moins {value} élément."
        case "maxItems":
            return f"Cette liste est trop longue ({len(instance)} éléments).", f"Limitez-la à {value}."
        case "minimum":
            return f"Cette valeur est trop petite\u00a0: {instance}.", f"Le minimum est {value}."
        case "maximum":
            return f"Cette valeur est trop grande\u00a0: {instance}.", f"Le maximum est {value}."
        case "uniqueItems":
            return "Cette liste contient deux fois la même valeur.", "Retirez le doublon."
    return "Cette valeur n’est pas permise.", "Comparez avec form.schema.json."


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
