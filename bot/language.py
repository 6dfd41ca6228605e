"""Which language a message is written in; the consultant reads and answers in English."""

from __future__ import annotations

from functools import cache
from typing import Any

# The languages told apart, with their English names: a person of another one is asked to write in English too.
NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese", "it": "Italian",
    "nl": "Dutch", "da": "Danish", "sv": "Swedish", "no": "Norwegian", "fi": "Finnish", "et": "Estonian",
    "lv": "Latvian", "lt": "Lithuanian", "pl": "Polish", "cs": "Czech", "sk": "Slovak", "sl": "Slovenian",
    "hr": "Croatian", "sr": "Serbian", "bg": "Bulgarian", "uk": "Ukrainian", "ru": "Russian", "ro": "Romanian",
    "hu": "Hungarian", "el": "Greek", "tr": "Turkish", "ar": "Arabic", "he": "Hebrew", "fa": "Persian",
    "ur": "Urdu", "hi": "Hindi", "bn": "Bengali", "ta": "Tamil", "te": "Telugu", "th": "Thai", "vi": "Vietnamese",
    "id": "Indonesian", "ms": "Malay", "tl": "Tagalog", "sw": "Swahili", "zh": "Chinese", "ja": "Japanese",
    "ko": "Korean", "ca": "Catalan", "eu": "Basque", "gl": "Galician", "cy": "Welsh", "ga": "Irish",
}  # fmt: skip
# Fewer words ("rag vs lora") are the same in many languages; below SURE the message is taken for English.
LEAST_CHARACTERS, SURE = 12, 0.45


def language_of(text: str) -> str:
    """The language's English name; "English" when that is not sure.

    >>> language_of("Wir haben keine Beispiele und zwei Wochen."), language_of("rag vs fine-tuning")
    ('German', 'English')
    """
    if len(text) < LEAST_CHARACTERS:
        return "English"
    code, probability = _identifier().classify(text)
    return NAMES.get(code, "English") if probability >= SURE else "English"


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([code for code in NAMES if code in identifier.labels])
    return identifier
