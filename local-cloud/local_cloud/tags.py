"""What RDS takes as tags.

API reference, "Tag": letters, digits, white space and `_.:/=+-@`; user guide, "Tagging Amazon RDS resources": at most 50 of a
resource, not counting AWS's own. By which error RDS refuses too many is documented nowhere.
"""

import unicodedata
from typing import Any

MOST_TAGS = 50
_SIGNS = set("_.:/=+-@")


def objection(request: str, parameters: dict[str, Any], present: list[dict[str, str]]) -> str | None:
    """Why RDS would refuse these parameters, for a request about a resource that has the tags `present`."""
    tags = parameters.get("Tags") or []
    for tag in tags:
        for text in (tag["Key"], tag.get("Value") or ""):
            if not all(_is_allowed(character) for character in text):
                return f"The tag {text} has characters that are not allowed."
    if request == "AddTagsToResource":
        named = {tag["Key"] for tag in tags}
        tags = tags + [tag for tag in present if tag["Key"] not in named]
    counted = sum(not tag["Key"].startswith("aws:") for tag in tags)
    return f"{counted} tags are more than {MOST_TAGS}, the most that a resource can have." if counted > MOST_TAGS else None


def _is_allowed(character: str) -> bool:
    return character in _SIGNS or unicodedata.category(character)[0] in "LZN" or character.isspace()
