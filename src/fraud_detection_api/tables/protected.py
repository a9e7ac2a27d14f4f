"""Columns whose name suggests an attribute that the law protects."""

import re
import unicodedata

PROTECTED_LINE = (
    "protected = true  # as its name suggests; add it to `ignored` instead, unless the law allows a model to use it"
)

_ENGLISH = """
sex gender marital married divorced widowed nationality citizenship citizen religion religious faith ethnicity ethnic race
racial disability disabled pregnant pregnancy birthdate birthday birthyear dob postcode zip zipcode
"""
_GERMAN = """
geschlecht familienstand verheiratet staatsangehoerigkeit nationalitaet staatsbuergerschaft postleitzahl plz konfession
ethnie behinderung schwanger geburtsdatum geburtsjahr geburtstag lebensalter
"""
_OTHERS = """
sexe nationalite handicap sexo genero nacionalidad etnia raza religione sesso nazionalita religiao raca nacionalidade plec
narodowosc wyznanie geslacht nationaliteit religie godsdienst
"""
_TOGETHER = """
maritalstatus familystatus civilstatus postalcode postcode zipcode dateofbirth birthdate yearofbirth countryofbirth
nationalorigin codepostal etatcivil situationfamiliale datenaissance datedenaissance estadocivil codigopostal
fechanacimiento fechadenacimiento statocivile datadinascita dataurodzenia stancywilny kodpocztowy datanascimento
burgerlijkestaat
"""
_WORDS = frozenset((_ENGLISH + _GERMAN + _OTHERS).split())
_PHRASES = frozenset(_TOGETHER.split())
_AGE = frozenset({"age", "alter", "edad", "eta", "idade", "wiek", "leeftijd"})
_OF_PEOPLE = frozenset(
    {"customer", "applicant", "person", "client", "borrower", "holder", "years", "year", "yrs", "in", "of", "group"}
)
_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ł": "l"})
_MOST_TOGETHER = 3


def is_protected_name(column: str) -> bool:
    """Whether a column's name suggests age, sex, marital status, nationality, religion, ethnicity or where people live.

    An age is one of a person, unless another word says whose it is.

    >>> [is_protected_name(name) for name in ("Age", "account_age", "maritalStatus", "código postal", "amount")]
    [True, False, True, True, False]
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower().translate(_LETTERS)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z]+", plain)
    together = {
        "".join(words[start : start + size]) for size in range(2, _MOST_TOGETHER + 1) for start in range(len(words))
    }
    is_age = bool(_AGE & {*words}) and {*words} <= _AGE | _OF_PEOPLE
    return is_age or not (_WORDS.isdisjoint(words) and _PHRASES.isdisjoint(together))
